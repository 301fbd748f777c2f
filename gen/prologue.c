#include "gen/prologue.h"

const char *lw_type_name(enum lw_type type, enum lw_isa isa)
{
    static const char *const names[][LW_ISA_COUNT] = {
#define NAMES(c, avx2, avx512, neon)                                                               \
    {[LW_ISA_C] = c, [LW_ISA_AVX2] = avx2, [LW_ISA_AVX512] = avx512, [LW_ISA_NEON] = neon}
        [LW_TYPE_NONE] = NAMES("", "", "", ""),
        [LW_TYPE_B] = NAMES("uint32_t", "__m256i", "__m512i", "uint8x16_t"),
        [LW_TYPE_H] = NAMES("", "__m256i", "__m512i", "int16x8_t"),
        [LW_TYPE_W] = NAMES("int32_t", "__m256i", "__m512i", "int32x4_t"),
        [LW_TYPE_D] = NAMES("double", "__m256d", "__m512d", "float64x2_t"),
        [LW_TYPE_F] = NAMES("float", "__m256", "__m512", "float32x4_t"),
        [LW_TYPE_SCALAR] = NAMES("float", "float", "float", "float"),
#undef NAMES
    };
    return names[type][lw_isa_info(isa)->vectors];
}

static const char *const prologues[LW_ISA_COUNT] = {
    [LW_ISA_C] = "#include <math.h>\n"
                 "#include <stdint.h>\n"
                 "#include <string.h>\n",
    [LW_ISA_AVX2] =
        "#include <immintrin.h>\n"
        "#include <stdint.h>\n\n"
        "#define FIRST(n) \\\n"
        "    _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))\n",
    [LW_ISA_AVX512] = "#include <immintrin.h>\n"
                      "#include <stdint.h>\n\n"
                      "#define FIRST(n) ((__mmask16)((1u << (n)) - 1u))\n",
    [LW_ISA_NEON] =
        "#include <arm_neon.h>\n"
        "#include <stdint.h>\n\n"
        "/* The first half of a vector, or the second one where i is 1, widened. */\n"
        "#define WIDEN_S16(v, i) ((i) ? vmovl_high_s16(v) : vmovl_s16(vget_low_s16(v)))\n"
        "#define WIDEN_S32(v, i) ((i) ? vmovl_high_s32(v) : vmovl_s32(vget_low_s32(v)))\n"
        "#define WIDEN_U16(v, i) \\\n"
        "    vreinterpretq_s32_u32((i) ? vmovl_high_u16(vreinterpretq_u16_s16(v)) \\\n"
        "                              : vmovl_u16(vget_low_u16(vreinterpretq_u16_s16(v))))\n\n"
        "/* The first n of four floats, 1 to 3; touches no others. */\n"
        "#define STORE_FIRST(at, v, n) \\\n"
        "    do { \\\n"
        "        vst1q_lane_f32(at, v, 0); \\\n"
        "        if ((n) > 1) \\\n"
        "            vst1q_lane_f32((at) + 1, v, 1); \\\n"
        "        if ((n) > 2) \\\n"
        "            vst1q_lane_f32((at) + 2, v, 2); \\\n"
        "    } while (0)\n",
};
static const char *const table_prologues[LW_ISA_COUNT] = {
    [LW_ISA_C] = "/* x where the bit of the entry is set, -x elsewhere; i: entry << 2 | bit */\n"
                 "#define SIGN(x, i) (((i) >> 2) >> ((i) & 3) & 1 ? (x) : -(x))\n\n"
                 "/* The larger magnitude; NaN is larger than everything. */\n"
                 "static inline float lw_larger(float a, float b)\n"
                 "{\n"
                 "    int32_t i, j;\n"
                 "    memcpy(&i, &a, sizeof i);\n"
                 "    memcpy(&j, &b, sizeof j);\n"
                 "    return i > j ? a : b;\n"
                 "}\n",
    [LW_ISA_AVX2] =
        "/* Sign bits of the entries 8 (i >> 2) + lane whose bit i & 3 is clear. */\n"
        "#define NEGATIVE(i, l) ((((((i) >> 2) * 8 + (l)) >> ((i) & 3)) & 1) ? 0.0f : -0.0f)\n"
        "#define SIGNS(i) \\\n"
        "    _mm256_setr_ps(NEGATIVE(i, 0), NEGATIVE(i, 1), NEGATIVE(i, 2), NEGATIVE(i, 3), \\\n"
        "                   NEGATIVE(i, 4), NEGATIVE(i, 5), NEGATIVE(i, 6), NEGATIVE(i, 7))\n\n"
        "static inline float lw_largest(__m256 v)\n"
        "{\n"
        "    __m256i m = _mm256_castps_si256(v);\n"
        "    __m128i h = _mm_max_epi32(_mm256_castsi256_si128(m), _mm256_extracti128_si256(m, "
        "1));\n"
        "    h = _mm_max_epi32(h, _mm_shuffle_epi32(h, 0x4e));\n"
        "    h = _mm_max_epi32(h, _mm_shuffle_epi32(h, 0xb1));\n"
        "    return _mm_cvtss_f32(_mm_castsi128_ps(h));\n"
        "}\n\n"
        "/* The low bytes of eight 32-bit integers. */\n"
        "static inline void lw_store_bytes(void *at, __m256i v)\n"
        "{\n"
        "    const __m256i low = _mm256_setr_epi8(\n"
        "        0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,\n"
        "        0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);\n"
        "    v = _mm256_shuffle_epi8(v, low);\n"
        "    _mm_storel_epi64((__m128i *)at, _mm_unpacklo_epi32(_mm256_castsi256_si128(v),\n"
        "                                                       _mm256_extracti128_si256(v, 1)));\n"
        "}\n",
    [LW_ISA_AVX512] =
        "/* Sign bits of the entries whose bit i is clear. */\n"
        "#define SIGNS(i) \\\n"
        "    _mm512_maskz_set1_epi32((__mmask16)((i) == 0   ? 0x5555 \\\n"
        "                                        : (i) == 1 ? 0x3333 \\\n"
        "                                        : (i) == 2 ? 0x0f0f \\\n"
        "                                                   : 0x00ff), (int)0x80000000)\n",
    [LW_ISA_NEON] =
        "/* The first n of four floats, 1 to 3, and zeros; reads no others. */\n"
        "#define LOAD_FIRST(at, n) \\\n"
        "    ((float32x4_t){(at)[0], (n) > 1 ? (at)[1] : 0.0f, (n) > 2 ? (at)[2] : 0.0f, 0.0f})\n\n"
        "/* Sign bits of the entries 4 (i >> 2) + lane whose bit i & 3 is clear. */\n"
        "#define NEGATIVE(i, l) ((((((i) >> 2) * 4 + (l)) >> ((i) & 3)) & 1) ? 0u : 0x80000000u)\n"
        "#define SIGNS(i) \\\n"
        "    ((uint32x4_t){NEGATIVE(i, 0), NEGATIVE(i, 1), NEGATIVE(i, 2), NEGATIVE(i, 3)})\n\n"
        "static inline float lw_largest(float32x4_t v)\n"
        "{\n"
        "    int32_t largest = vmaxvq_s32(vreinterpretq_s32_f32(v));\n"
        "    return vgetq_lane_f32(vreinterpretq_f32_s32(vdupq_n_s32(largest)), 0);\n"
        "}\n\n"
        "/* The low bytes of four 32-bit integers. */\n"
        "static inline void lw_store_bytes(uint8_t *at, int32x4_t v)\n"
        "{\n"
        "    uint16x4_t halves = vmovn_u32(vreinterpretq_u32_s32(v));\n"
        "    uint8x8_t bytes = vmovn_u16(vcombine_u16(halves, halves));\n"
        "    vst1_lane_u32((uint32_t *)at, vreinterpret_u32_u8(bytes), 0);\n"
        "}\n",
};

const char *lw_prologue(enum lw_isa isa)
{
    return prologues[lw_isa_info(isa)->vectors];
}

const char *lw_dot_prologue(enum lw_isa isa, bool product)
{
    if (isa == LW_ISA_C && product)
        return "/* Four bytes, in the order of memory. */\n"
               "static inline uint32_t lw_load4(const uint8_t *at)\n"
               "{\n"
               "    uint32_t bytes;\n"
               "    memcpy(&bytes, at, sizeof bytes);\n"
               "    return bytes;\n"
               "}\n\n"
               "/* The sum of four products of digits with signed activations. */\n"
               "static inline int32_t lw_dot4(uint32_t u, int32_t x)\n"
               "{\n"
               "    return (int32_t)(u & 255) * (int8_t)x + (int32_t)(u >> 8 & 255) * (int8_t)(x "
               ">> 8) +\n"
               "           (int32_t)(u >> 16 & 255) * (int8_t)(x >> 16) + (int32_t)(u >> 24) * (x "
               ">> 24);\n"
               "}\n\n";
    if (lw_isa_info(isa)->vectors == LW_ISA_AVX2 && !product)
        return "static inline int32_t lw_total(__m256i v)\n"
               "{\n"
               "    __m128i h = _mm_add_epi32(_mm256_castsi256_si128(v), "
               "_mm256_extracti128_si256(v, 1));\n"
               "    h = _mm_hadd_epi32(h, h);\n"
               "    return _mm_cvtsi128_si32(_mm_hadd_epi32(h, h));\n"
               "}\n\n";
    return "";
}

const char *lw_tile_prologue(void)
{
    return "/* Tiles 0 to 7 of 64 bytes a row: `a` has the rows of sums and of activations, b "
           "those of "
           "weights. */\n"
           "#define TILES(a, b) \\\n"
           "    _tile_loadconfig(&(const struct { \\\n"
           "        uint8_t palette, start, zeros[14]; \\\n"
           "        uint16_t bytes[16]; \\\n"
           "        uint8_t rows[16]; \\\n"
           "    }){1, 0, {0}, {64, 64, 64, 64, 64, 64, 64, 64}, {a, a, a, a, a, a, a, b}})\n";
}

const char *lw_table_prologue(enum lw_isa isa)
{
    return table_prologues[lw_isa_info(isa)->vectors];
}
