// ISA-L's deflate, whose state is a structure too large for Swift to import.
#ifndef CISAL_H
#define CISAL_H

#include <stddef.h>

// Bytes that CISAL_compress works in.
size_t CISAL_workSize(void);

// Writes `count` bytes as a zlib stream (RFC 1950) into `target`; returns its size, or 0 when it does not fit `room` or
// is too large for the library, which counts in 32 bits. `work` is CISAL_workSize() bytes, aligned to 16.
size_t CISAL_compress(const void *bytes, size_t count, void *target, size_t room, void *work);

#endif
