// The files of Sources/Viewer/Page, byte by byte. A new one needs an array and a line in the table.

#include "CPage.h"

// #embed is C23's; the compiler has it in C17 too, and says so.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const CPage_asset assets[] = {
    {NULL, NULL, 0},
};

const CPage_asset *CPage_assetAt(size_t index) {
    return index < sizeof assets / sizeof *assets && assets[index].name ? assets + index : NULL;
}
