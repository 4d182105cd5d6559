// The quick part of the index scan of EVT3: 64 words at a time, for stretches in which nothing needs a closer look.
// Row, time and base are not followed but looked up where the stretch ends.
#include "EVT3Clean.h"

#if EVH5_HAS_AVX512

/// By the upper five bits of a word, which are its type and polarity.
struct tables {
    /// A word is odd when it is more than `range` above `lowest`.
    __m512i lowest, range;
    /// The bits of a word that are one event each: those of a vector, and one that is always set in an address word.
    /// Base words have BASE here and time words LOW, which are never set in them.
    __m512i events;
};

enum { BASE = 0x4000, LOW = 0x8000, TWELVE = 0x100, VECTOR = 0x80 };

EVH5_AVX512 static struct tables make_tables(const struct evh5_clean *clean) {
    uint16_t lowest[32] = {0}, range[32] = {0}, events[32] = {0};
    for (uint16_t i = 0; i < 2; i++) {
        const uint16_t polarity = (uint16_t)(i << 11);
        range[i] = (uint16_t)(clean->height - 1);
        lowest[4 + i] = 0x2000 | polarity;
        range[4 + i] = (uint16_t)(clean->width - 1);
        events[4 + i] = 0x2000;
        lowest[6 + i] = 0x3000 | polarity;
        range[6 + i] = (uint16_t)(clean->width - 32);
        events[6 + i] = BASE;
        range[8 + i] = range[10 + i] = range[12 + i] = 0xFFFF;
        events[8 + i] = 0xFFF;
        events[10 + i] = 0xFF;
        events[12 + i] = LOW;
        lowest[16 + i] = (uint16_t)clean->high_word;
    }
    return (struct tables){_mm512_loadu_si512(lowest), _mm512_loadu_si512(range), _mm512_loadu_si512(events)};
}

EVH5_INLINE int is_vector(uint32_t word) { return word >> 13 == 2; }

EVH5_INLINE uint32_t columns_of(uint32_t word) { return word >> 12 == 4 ? 12 : 8; }

/// Whether the vectors that end with word `last` follow a base and are inside the row.
static int is_inside(const uint8_t *words, size_t last, uint32_t width) {
    uint32_t columns = 0;
    size_t k = last + 1;
    for (; k > 0 && is_vector(word16(words + 2 * (k - 1))); k--) columns += columns_of(word16(words + 2 * (k - 1)));
    if (k == 0) return 0;
    const uint32_t word = word16(words + 2 * (k - 1));
    return word >> 12 == 3 && (word & 0x7FF) + columns <= width;
}

/// Whether the checks of a block, which look at 32 words before it, see all that matters for vectors from word `start`
/// on: either they follow nothing, or a base that has room for as many as are not checked one by one.
static int is_open(const uint8_t *words, size_t start, uint32_t width) {
    uint32_t columns = 0;
    size_t k = start;
    for (; k > 0 && is_vector(word16(words + 2 * (k - 1))); k--) columns += columns_of(word16(words + 2 * (k - 1)));
    if (k == 0) return 0;
    const uint32_t word = word16(words + 2 * (k - 1)), room = width - (columns <= 32 && start - k <= 3 ? 32 : 72);
    return word >> 12 == 3 ? (word & 0x7FF) <= room : k == start;
}

/// The last word from `start` to `end` of `type`; `end` if there is none.
EVH5_AVX512 static size_t last_of_type(const uint8_t *words, size_t start, size_t end, uint32_t type) {
    const __m512i types = _mm512_set1_epi16((short)type);
    size_t k = end;
    while (k > start) {
        const size_t count = k - start < 32 ? k - start : 32;
        const __mmask32 active = count < 32 ? (1u << count) - 1 : ~0u;
        const __m512i w = _mm512_maskz_loadu_epi16(active, words + 2 * (k - count));
        const __mmask32 found = _mm512_mask_cmpeq_epi16_mask(active, _mm512_srli_epi16(w, 12), types);
        if (found) return k - count + 31 - (size_t)__builtin_clz(found);
        k -= count;
    }
    return end;
}

/// Looks up what words from `start` to `end` leave behind.
static void look_up(const uint8_t *words, size_t start, size_t end, struct evh5_clean *clean) {
    const size_t row = last_of_type(words, start, end, 0), base = last_of_type(words, start, end, 3);
    if (row < end) clean->row = word16(words + 2 * row);
    size_t k = start;
    if (base < end) {
        clean->polarity = word16(words + 2 * base) >> 11 & 1;
        clean->base = word16(words + 2 * base) & 0x7FF;
        k = base + 1;
    }
    for (; k < end && is_vector(word16(words + 2 * k)); k++) clean->base += columns_of(word16(words + 2 * k));
}

/// Whether `count` low times rise from `low` on. One can be written before the first.
EVH5_AVX512 static int are_rising(uint16_t *lows, size_t count, uint32_t low) {
    lows[-1] = (uint16_t)low;
    for (size_t k = 0; k < count; k += 32) {
        const size_t rest = count - k;
        const __mmask32 active = rest < 32 ? (1u << rest) - 1 : ~0u;
        const __m512i here = _mm512_loadu_si512(lows + k), before = _mm512_loadu_si512(lows + k - 1);
        if (_mm512_mask_cmplt_epu16_mask(active, here, before)) return 0;
    }
    return 1;
}

/// One mask of those of the lower and the upper half of a block.
EVH5_AVX512 EVH5_INLINE uint64_t both(__mmask32 lower, __mmask32 upper) {
    return _cvtmask64_u64(_mm512_kunpackd(upper, lower));
}

/// The words of both halves that are of a kind.
#define OF_KIND(bit) \
    both(_mm512_test_epi16_mask(kind_a, _mm512_set1_epi16((short)(bit))), \
         _mm512_test_epi16_mask(kind_b, _mm512_set1_epi16((short)(bit))))

/// What was seen in the last words of the block before, at the start of this one.
struct carries {
    uint64_t vectors, two, four, bases, far, twelves, dozens;
};

EVH5_AVX512 size_t evh5_evt3_clean(const uint8_t *words, size_t start, size_t stop, struct evh5_clean *clean) {
    if (start < 32 || start + 64 > stop || !is_open(words, start, clean->width)) return start;
    const struct tables tables = make_tables(clean);
    const __m512i far_base = _mm512_set1_epi16((short)(clean->width - 64));
    // The low times of a group of blocks, whose order is checked at its end.
    enum { GROUP = 16 * 64 };
    uint16_t memory[32 + GROUP + 64];
    uint16_t *const lows = memory + 32;
    struct carries carry;
    {
        const __m512i w = _mm512_loadu_si512(words + 2 * (start - 32));
        const __m512i index = _mm512_srli_epi16(w, 11);
        const __m512i kind = _mm512_permutexvar_epi16(index, tables.events);
        const __m512i above = _mm512_sub_epi16(w, _mm512_permutexvar_epi16(index, tables.lowest));
        const uint32_t vectors = _mm512_test_epi16_mask(kind, _mm512_set1_epi16(VECTOR));
        const uint32_t twelves = _mm512_test_epi16_mask(kind, _mm512_set1_epi16(TWELVE));
        const uint32_t bases = _mm512_test_epi16_mask(kind, _mm512_set1_epi16(BASE));
        const uint32_t far = _mm512_mask_cmpgt_epu16_mask(bases, above, far_base);
        const uint32_t two = vectors & vectors << 1, four = two & two << 2, dozens = twelves & twelves << 1;
        carry = (struct carries){
            vectors >> 31, two >> 30, four >> 29, bases >> 31, far >> 28, twelves >> 31, dozens >> 31};
    }
    __m512i events = clean->events;
    uint32_t low = clean->low;
    size_t i = start;
    int is_clean = 1;
    while (is_clean && i + 64 <= stop) {
        const size_t group = i, end = stop - i < GROUP ? stop : i + GROUP;
        const __m512i events_before = events;
        size_t count = 0;
        for (; i + 64 <= end; i += 64) {
            const __m512i a = _mm512_loadu_si512(words + 2 * i), b = _mm512_loadu_si512(words + 2 * i + 64);
            const __m512i index_a = _mm512_srli_epi16(a, 11), index_b = _mm512_srli_epi16(b, 11);
            const __m512i above_a = _mm512_sub_epi16(a, _mm512_permutexvar_epi16(index_a, tables.lowest));
            const __m512i above_b = _mm512_sub_epi16(b, _mm512_permutexvar_epi16(index_b, tables.lowest));
            const __m512i kind_a = _mm512_permutexvar_epi16(index_a, tables.events);
            const __m512i kind_b = _mm512_permutexvar_epi16(index_b, tables.events);
            const __mmask32 odd_a = _mm512_cmpgt_epu16_mask(above_a, _mm512_permutexvar_epi16(index_a, tables.range));
            const __mmask32 odd_b = _mm512_cmpgt_epu16_mask(above_b, _mm512_permutexvar_epi16(index_b, tables.range));
            const __mmask32 bases_a = _mm512_test_epi16_mask(kind_a, _mm512_set1_epi16(BASE));
            const __mmask32 bases_b = _mm512_test_epi16_mask(kind_b, _mm512_set1_epi16(BASE));
            const uint64_t vectors = OF_KIND(VECTOR), twelves = OF_KIND(TWELVE);
            const uint64_t bases = both(bases_a, bases_b);
            // Bases that have no room for two vectors of 32.
            const uint64_t far = both(
                _mm512_mask_cmpgt_epu16_mask(bases_a, above_a, far_base),
                _mm512_mask_cmpgt_epu16_mask(bases_b, above_b, far_base));
            // Every base has room for 32 columns, which three words have unless all are of 12; or for 64 and six words.
            const uint64_t behind = vectors << 1 | carry.vectors;
            const uint64_t two = vectors & behind, four = two & (two << 2 | carry.two);
            const uint64_t seven = four & (four << 3 | carry.four);
            const uint64_t apart = vectors & ~(behind | bases << 1 | carry.bases);
            const uint64_t dozens = twelves & (twelves << 1 | carry.twelves);
            const uint64_t wide = dozens & (dozens << 1 | carry.dozens);
            const uint64_t late = four & (far << 4 | carry.far);
            if (__builtin_expect((both(odd_a, odd_b) | apart | wide | late) != 0, 0)) {
                is_clean = 0;
                break;
            }
            if (__builtin_expect(seven != 0, 0)) {
                for (uint64_t ends = seven & ~(seven >> 1); ends && is_clean; ends &= ends - 1)
                    is_clean = is_inside(words, i + (size_t)__builtin_ctzll(ends), clean->width);
                if (!is_clean) break;
            }
            const __mmask32 lows_a = _mm512_movepi16_mask(kind_a), lows_b = _mm512_movepi16_mask(kind_b);
            _mm512_storeu_si512(lows + count, _mm512_maskz_compress_epi16(lows_a, a));
            count += (unsigned)__builtin_popcount(lows_a);
            _mm512_storeu_si512(lows + count, _mm512_maskz_compress_epi16(lows_b, b));
            count += (unsigned)__builtin_popcount(lows_b);
            events = _mm512_add_epi16(events, _mm512_popcnt_epi16(_mm512_and_si512(a, kind_a)));
            events = _mm512_add_epi16(events, _mm512_popcnt_epi16(_mm512_and_si512(b, kind_b)));
            // Kept as shifted here: a shift over two words is slow on AMD.
            carry = (struct carries){
                vectors >> 63, two >> 62, four >> 61, bases >> 63, far >> 60, twelves >> 63, dozens >> 63};
        }
        if (__builtin_expect(!are_rising(lows, count, low), 0)) {
            events = events_before;
            i = group;
            break;
        }
        if (count) low = lows[count - 1];
    }
    clean->events = events;
    clean->low = low;
    look_up(words, start, i, clean);
    return i;
}

#endif
