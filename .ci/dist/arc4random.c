// Debian 12's libexpat and libstdc++ take random numbers from arc4random, which glibc has since 2.36; all else in the
// binary is content with 2.35. These are found before libc's, so that Ubuntu 22.04 can run it.
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

void arc4random_buf(void *buffer, size_t size) {
    for (char *at = buffer; size > 0;) {
        size_t piece = size < 256 ? size : 256; // getentropy gives no more at once
        if (getentropy(at, piece) != 0) abort();
        at += piece;
        size -= piece;
    }
}

uint32_t arc4random(void) {
    uint32_t number;
    arc4random_buf(&number, sizeof number);
    return number;
}
