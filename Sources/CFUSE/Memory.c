// How malloc is to behave in a daemon that runs for weeks with many threads.

#include "CFUSE.h"
#ifdef __GLIBC__
#include <malloc.h>
#endif

void evh5_keep_memory_small(void) {
#ifdef __GLIBC__
    // Setting the thresholds also ends their growing with use, which goes up to 32 MiB.
    mallopt(M_ARENA_MAX, 4);
    mallopt(M_MMAP_THRESHOLD, 2 << 20);
    mallopt(M_TRIM_THRESHOLD, 4 << 20);
#endif
}
