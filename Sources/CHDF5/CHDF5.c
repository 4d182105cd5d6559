#include "CHDF5.h"

#include <string.h>

// Chunks of such a dataset are written as they are: libhdf5 has nothing to pack.
static size_t packedElsewhere(unsigned flags, size_t count, const unsigned values[], size_t bytes, size_t *room,
                              void **buffer) {
    (void)flags, (void)count, (void)values, (void)bytes, (void)room, (void)buffer;
    return 0;
}

herr_t CHDF5_registerFilter(H5Z_filter_t number, const char *name, H5Z_func_t unpack) {
    // Kept by libhdf5 for as long as the process lives.
    const char *copy = strdup(name);
    if (!copy) return -1;
    const H5Z_class2_t filter = {
        .version = H5Z_CLASS_T_VERS,
        .id = number,
        .encoder_present = 1,
        .decoder_present = 1,
        .name = copy,
        .filter = unpack ? unpack : packedElsewhere,
    };
    return H5Zregister(&filter);
}
