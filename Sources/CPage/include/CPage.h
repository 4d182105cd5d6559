// The files of the web page, inside the program.

#ifndef CPAGE_H
#define CPAGE_H

#include <stddef.h>

typedef struct {
    const char *name;
    const unsigned char *bytes;
    size_t count;
} CPage_asset;

/// File number `index`; NULL beyond the last.
const CPage_asset *CPage_assetAt(size_t index);

#endif
