// What the files of this folder share: the attribute that compiles a function for AVX-512.
#ifndef EVH5_VARIANT_H
#define EVH5_VARIANT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#define EVH5_HAS_AVX512 1
#define EVH5_AVX512                                                                                               \
    __attribute__((target("avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vbmi2,avx512bitalg,avx512vpopcntdq," \
                          "bmi,bmi2,lzcnt,popcnt")))
#else
#define EVH5_HAS_AVX512 0
#endif

#define EVH5_INLINE static inline __attribute__((always_inline))

/// Files are little endian.
EVH5_INLINE uint16_t word16(const uint8_t *p) {
    uint16_t w;
    memcpy(&w, p, sizeof w);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    w = __builtin_bswap16(w);
#endif
    return w;
}

EVH5_INLINE uint32_t word32(const uint8_t *p) {
    uint32_t w;
    memcpy(&w, p, sizeof w);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    w = __builtin_bswap32(w);
#endif
    return w;
}

/// Rows and columns as DecoderState has them in Swift.
enum { NO_BASE = 0xFFFF, BASE_LIMIT = 0x7FFF };

#endif
