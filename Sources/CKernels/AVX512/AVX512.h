// The attribute that compiles a function for AVX-512.
#ifndef EVH5_AVX512_H
#define EVH5_AVX512_H

#include "../Words.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define EVH5_HAS_AVX512 1
#define EVH5_AVX512                                                                                               \
    __attribute__((target("avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vbmi2,avx512bitalg,avx512vpopcntdq," \
                          "bmi,bmi2,lzcnt,popcnt")))
#else
#define EVH5_HAS_AVX512 0
#endif

#endif
