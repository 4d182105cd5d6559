#include "CISAL.h"

#include <isa-l/igzip_lib.h>
#include <stdint.h>

// The level above compresses no better, and three times slower.
enum { level = 2, tables = ISAL_DEF_LVL2_EXTRA_LARGE };
enum { stream = (sizeof(struct isal_zstream) + 63) / 64 * 64 };

size_t CISAL_workSize(void) { return stream + tables; }

size_t CISAL_compress(const void *bytes, size_t count, void *target, size_t room, void *work) {
    if (count > UINT32_MAX) return 0;
    struct isal_zstream *z = work;
    isal_deflate_init(z);
    z->end_of_stream = 1;
    z->flush = NO_FLUSH;
    z->gzip_flag = IGZIP_ZLIB;
    z->level = level;
    z->level_buf = (uint8_t *)work + stream;
    z->level_buf_size = tables;
    z->next_in = (uint8_t *)bytes;
    z->avail_in = (uint32_t)count;
    z->next_out = target;
    z->avail_out = room < UINT32_MAX ? (uint32_t)room : UINT32_MAX;
    if (isal_deflate(z) != COMP_OK || z->internal_state.state != ZSTATE_END) return 0;
    return z->total_out;
}
