// Debian 12's libexpat takes random numbers from arc4random_buf, which glibc has since 2.36; all else here is content with
// an older one. It is found before libc's, so that systems of 2022 can run the binary.
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
