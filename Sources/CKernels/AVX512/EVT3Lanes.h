// Words of EVT3 in lanes: what stays until it is set again is spread over the lanes after it.
#ifndef EVH5_EVT3_LANES_H
#define EVH5_EVT3_LANES_H

#include "AVX512.h"

#if EVH5_HAS_AVX512

/// For every lane the set of lanes at or before it.
EVH5_AVX512 EVH5_INLINE __m512i lanes_to_here(void) {
    return _mm512_setr_epi32(
        0x1, 0x3, 0x7, 0xF, 0x1F, 0x3F, 0x7F, 0xFF, 0x1FF, 0x3FF, 0x7FF, 0xFFF, 0x1FFF, 0x3FFF, 0x7FFF, 0xFFFF);
}

/// For every lane the value of the last lane at or before it that is in `set`, else `carry`.
EVH5_AVX512 EVH5_INLINE __m512i spread(__mmask16 set, __m512i values, __m512i carry) {
    const __m512i seen = _mm512_and_si512(_mm512_set1_epi32(set), lanes_to_here());
    const __mmask16 any = _mm512_test_epi32_mask(seen, seen);
    const __m512i last = _mm512_xor_si512(_mm512_lzcnt_epi32(seen), _mm512_set1_epi32(31));
    return _mm512_mask_permutexvar_epi32(carry, any, last, values);
}

/// For every lane how many lanes at or before it are in `set`.
EVH5_AVX512 EVH5_INLINE __m512i count_to_here(__mmask16 set) {
    return _mm512_popcnt_epi32(_mm512_and_si512(_mm512_set1_epi32(set), lanes_to_here()));
}

EVH5_AVX512 EVH5_INLINE __m512i last_lane(__m512i v) {
    return _mm512_permutexvar_epi32(_mm512_set1_epi32(15), v);
}

EVH5_AVX512 EVH5_INLINE size_t last_of(__mmask16 set) { return 31 - (size_t)__builtin_clz(set); }

/// Sums over the lanes up to each, itself included.
EVH5_AVX512 EVH5_INLINE __m512i running_sum(__m512i v) {
    const __m512i zero = _mm512_setzero_si512();
    v = _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, 15));
    v = _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, 14));
    v = _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, 12));
    return _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, 8));
}

#endif
#endif
