#include "gen/schedule.h"

/* A 16-bit sum of bytes up to 255 holds 257 of them; one of signed bytes, at most 127 (no entry is
 * -128), holds 258. */
enum { SUMMANDS_OF_16_BITS = 256 };

/* A line of keys is worked on for so long that the core fetches too little ahead by itself. A page
 * is far enough for memory and near enough for the second level of the cache. */
enum { PREFETCH_BYTES = 4096 };

static size_t at_least_one(size_t n)
{
    return n ? n : 1;
}

/* Accumulators that leave enough vector registers for keys, tables and constants. */
static size_t accumulators(enum lw_unit unit)
{
    static const size_t counts[] = {
        [LW_UNIT_LOAD] = 4,       [LW_UNIT_SHUFFLE16] = 8, [LW_UNIT_TABLE16] = 24,
        [LW_UNIT_PERMUTE64] = 16, [LW_UNIT_DOT] = 20,      [LW_UNIT_PAIRS] = 8,
        [LW_UNIT_TILE] = 5};
    return counts[unit];
}

static void choose_digits(struct lw_schedule *s)
{
    unsigned each = s->spec.uniform ? s->spec.bits : 1;
    for (unsigned first = 0; first < s->spec.bits; first += each)
        s->digits[s->digit_count++] = (struct lw_digit){first, each};
    s->planes = s->digit_count;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* 16, not 32. */
static bool has_few_registers(const struct lw_schedule *s)
{
    return lw_isa_info(s->spec.isa)->vectors == LW_ISA_AVX2 || s->spec.isa == LW_ISA_C;
}

/* Sums that leave enough registers; PAIRS has one of 16 bits beside each. */
static size_t registers(const struct lw_schedule *s)
{
    size_t all = accumulators(has_few_registers(s) ? LW_UNIT_PAIRS : LW_UNIT_DOT);
    return s->unit == LW_UNIT_PAIRS ? all / 2 : all;
}

/* Fields that can be summed where they stand: each by itself, but where digits must not exceed 15
 * (16 bits hold eight pairs of them) or 127 (signed bytes), those of the low four bits. */
static size_t most_classes(const struct lw_schedule *s)
{
    if (s->unit == LW_UNIT_PAIRS || s->spec.isa == LW_ISA_NEON)
        return at_least_one(4 / s->digits[0].bits);
    return 8;
}

/* Vectors: fields are summed where they stand as long as there are registers for that, and row
 * blocks side by side hide the latency of sums. */
static void tile_vectors(struct lw_schedule *s)
{
    size_t sums = s->digit_count * s->spec.batch;
    s->quads = s->spec.isa == LW_ISA_NEON ? 4 : 1;
    s->classes = smaller(most_classes(s), 8 / s->digits[0].bits);
    while (s->classes > 1 && s->classes * sums > registers(s))
        s->classes /= 2;
    /* Of 3-bit digits three key vectors a block are in use at once. */
    size_t most = s->digits[0].bits == 3 && has_few_registers(s) ? 2 : 4;
    s->blocks_a_tile = at_least_one(smaller(most, registers(s) / (s->classes * sums)));
}

/* Tiles of sums: row blocks, digits and 16 activation vectors each, as many as there are tiles
 * for. */
static void tile_tiles(struct lw_schedule *s)
{
    size_t columns = (s->spec.batch + 15) / 16;
    size_t each = s->digit_count * columns;
    s->blocks_a_tile = at_least_one(smaller(4, accumulators(s->unit) / each));
}

static void build_dot(struct lw_schedule *s)
{
    s->row_block = lw_isa_info(s->spec.isa)->lanes.words;
    s->key_bytes = 4 * s->row_block;
    s->step_tables = LW_QUADS;
    s->parts = 1;
    s->planes_inside = true;
    s->tables = (s->spec.columns + 3) / 4;
    s->steps = (s->tables + s->step_tables - 1) / s->step_tables;
    s->padded_tables = s->steps * s->step_tables;
    s->groups = lw_spec_groups(&s->spec);
    s->group_steps = s->spec.group ? s->spec.group / 4 / s->step_tables : s->steps;
    s->flush_steps = s->group_steps;
    s->row_blocks = (s->spec.rows + s->row_block - 1) / s->row_block;
    s->unit = LW_UNIT_DOT;
    if (s->spec.rows == 0)
        return;
    choose_digits(s);
    bool fits = s->digit_count * ((s->spec.batch + 15) / 16) <= accumulators(LW_UNIT_TILE) &&
                (s->spec.batch <= 16 || s->spec.batch % 16 == 0);
    bool tiled = s->spec.isa == LW_ISA_AMX && s->spec.batch > 2 && !s->spec.group && fits;
    if (tiled || s->spec.isa == LW_ISA_AVX2)
        s->unit = tiled ? LW_UNIT_TILE : LW_UNIT_PAIRS;
    if (!tiled)
        tile_vectors(s);
    else
        tile_tiles(s);
    s->blocks_a_tile = smaller(s->blocks_a_tile, at_least_one(s->row_blocks));
    if (s->unit == LW_UNIT_TILE)
        s->scratch_bytes =
            s->blocks_a_tile * s->digit_count * (2 + (s->spec.batch + 15) / 16) * LW_TILE;
}

static void build(const struct lw_spec *spec, struct lw_schedule *s)
{
    *s = (struct lw_schedule){
        .spec = *spec, .parts = spec->arith == LW_ARITH_A8 ? 2 : 1, .planes = spec->bits};
    if (spec->family == LW_FAMILY_DOT) {
        build_dot(s);
        return;
    }
    switch (lw_isa_info(spec->isa)->vectors) {
    case LW_ISA_AVX512:
        s->unit = LW_UNIT_PERMUTE64;
        s->row_block = 16;
        s->key_bytes = 64;
        s->step_tables = 8;
        break;
    case LW_ISA_AVX2:
        s->unit = LW_UNIT_SHUFFLE16;
        s->row_block = 32;
        s->key_bytes = 32;
        s->step_tables = 2;
        s->halves = true;
        s->biased = true;
        break;
    case LW_ISA_NEON:
        s->unit = LW_UNIT_TABLE16;
        s->row_block = 16;
        s->key_bytes = 16;
        s->step_tables = 2;
        s->halves = true;
        break;
    default:
        s->unit = LW_UNIT_LOAD;
        s->row_block = 1;
        s->key_bytes = 1;
        s->step_tables = 2;
        break;
    }
    s->tables = (spec->columns + 3) / 4;
    s->steps = (s->tables + s->step_tables - 1) / s->step_tables;
    s->padded_tables = s->steps * s->step_tables;
    s->groups = lw_spec_groups(spec);
    s->group_steps = spec->group ? spec->group / 4 / s->step_tables : s->steps;
    s->flush_steps = s->group_steps;
    if (s->halves && s->group_steps > SUMMANDS_OF_16_BITS / s->step_tables)
        s->flush_steps = SUMMANDS_OF_16_BITS / s->step_tables;
    s->row_blocks = (spec->rows + s->row_block - 1) / s->row_block;

    size_t sums_a_column = s->parts * (s->halves ? 2 : 1);
    size_t sums = spec->bits * spec->batch * sums_a_column;
    size_t room = accumulators(s->unit);
    s->planes_inside = sums <= room && s->flush_steps == s->group_steps;
    bool tiled = s->unit == LW_UNIT_PERMUTE64 || s->unit == LW_UNIT_TABLE16;
    s->blocks_a_tile = s->planes_inside && tiled ? at_least_one(room / 2 / at_least_one(sums)) : 1;
    if (s->blocks_a_tile > at_least_one(s->row_blocks))
        s->blocks_a_tile = s->row_blocks;
    if (s->blocks_a_tile > 4)
        s->blocks_a_tile = 4;
}

/* A plane sum is at most 127 a column, or a table of four in t8. */
static bool is_narrow(const struct lw_schedule *s)
{
    size_t summands = s->spec.arith == LW_ARITH_T8 ? s->tables : s->spec.columns;
    size_t largest = 127 * summands * ((1u << s->spec.bits / s->planes) - 1);
    return s->planes == 1 && s->groups == 1 && largest < 1u << 24;
}

void lw_schedule_build(const struct lw_spec *spec, struct lw_schedule *s)
{
    build(spec, s);
    enum lw_isa vectors = lw_isa_info(spec->isa)->vectors;
    s->prefetch_bytes = vectors == LW_ISA_AVX2 || vectors == LW_ISA_AVX512 ? PREFETCH_BYTES : 0;
    if (s->unit ==
        LW_UNIT_TILE) /* its blocks are read side by side: the same place of the next tile */
        s->prefetch_bytes = s->blocks_a_tile * s->steps * s->spec.bits * s->key_bytes;
    s->narrow = s->spec.rows && s->planes_inside && is_narrow(s);
}

static void print_dot(const struct lw_schedule *s, FILE *stream)
{
    fprintf(stream, "  inputs   %zu bytes, then %zu sums of 32 bits\n",
            lw_schedule_quantised_bytes(s), s->groups);
    if (s->spec.rows == 0)
        return;
    fprintf(stream, "  rows     %zu blocks of %zu, %zu a tile\n", s->row_blocks, s->row_block,
            s->blocks_a_tile);
    fprintf(stream, "  steps    %zu of %d quads; digits of", s->steps, LW_QUADS);
    for (size_t d = 0; d < s->digit_count; d++)
        fprintf(stream, " %u", s->digits[d].bits);
    fprintf(stream, " bits");
    if (s->groups > 1)
        fprintf(stream, "; %zu groups of %zu", s->groups, s->group_steps);
    if (s->unit != LW_UNIT_TILE)
        fprintf(stream,
                "; %zu fields summed in place\n  loops    tile of rows > %sstep > quad, block, "
                "digit (unrolled), %zu columns unrolled\n",
                s->classes, s->groups > 1 ? "group > " : "", s->spec.batch);
    else
        fprintf(
            stream,
            "\n  loops    tile of rows > twice two steps > block, digit (unrolled), %zu tiles of "
            "columns; then column > block\n",
            (s->spec.batch + 15) / 16);
}

void lw_schedule_print(const struct lw_schedule *s, FILE *stream)
{
    static const char *const units[] = {"load", "shuffle16", "table16", "permute64",
                                        "dot",  "pairs",     "tile"};
    fprintf(stream, "schedule %s on %s: unit %s\n", lw_arith_name(s->spec.arith),
            lw_isa_info(s->spec.isa)->name, units[s->unit]);
    if (s->spec.family == LW_FAMILY_DOT) {
        print_dot(s, stream);
        return;
    }
    fprintf(stream, "  tables   %zu (+%zu of zeros), 16 entries of %zu byte%s%s\n", s->tables,
            s->padded_tables - s->tables, s->parts, s->parts > 1 ? "s" : "",
            s->biased ? ", signed bytes stored + 128" : "");
    if (s->spec.rows == 0)
        return;
    fprintf(stream, "  rows     %zu blocks of %zu, %zu a tile\n", s->row_blocks, s->row_block,
            s->blocks_a_tile);
    fprintf(stream, "  steps    %zu of %zu tables, key vectors of %zu bytes", s->steps,
            s->step_tables, s->key_bytes);
    if (s->flush_steps < s->group_steps)
        fprintf(stream, ", widened every %zu steps", s->flush_steps);
    if (s->prefetch_bytes)
        fprintf(stream, ", fetched %zu ahead", s->prefetch_bytes);
    if (s->groups > 1)
        fprintf(stream, "; %zu groups of %zu", s->groups, s->group_steps);
    fprintf(stream, "\n  loops    tile of rows > %s%s, %zu columns unrolled\n",
            s->groups > 1 ? "group > " : "",
            s->planes_inside ? "step > plane (unrolled)" : "plane > step", s->spec.batch);
}

size_t lw_schedule_row(const struct lw_schedule *s, size_t byte)
{
    switch (s->unit) {
    case LW_UNIT_PERMUTE64:
    case LW_UNIT_DOT:
    case LW_UNIT_PAIRS:
    case LW_UNIT_TILE:
        return byte / 4;
    case LW_UNIT_SHUFFLE16: /* even bytes: rows 0..15, odd bytes: rows 16..31 */
        return byte / 2 + 16 * (byte % 2);
    case LW_UNIT_TABLE16:
        return byte;
    default:
        return 0;
    }
}

size_t lw_schedule_table(const struct lw_schedule *s, size_t byte, bool high)
{
    size_t half = s->step_tables / 2;
    return (s->unit == LW_UNIT_PERMUTE64 ? byte % 4 : 0) + (high ? half : 0);
}

size_t lw_schedule_parts(const struct lw_digit *digit, size_t quad, struct lw_digit_part fields[2])
{
    size_t each = 8 / digit->bits, vector = quad / each, place = quad % each;
    if (digit->bits == 3 && quad >= 6) {
        fields[0] = (struct lw_digit_part){quad - 6, 6, 2, 1};
        fields[1] = (struct lw_digit_part){2, (unsigned)quad, 1, 0};
        return 2;
    }
    if (digit->bits == 3) {
        vector = quad % 3;
        place = quad / 3;
    }
    fields[0] = (struct lw_digit_part){vector, (unsigned)place * digit->bits, digit->bits, 0};
    return 1;
}

static size_t align64(size_t bytes)
{
    return (bytes + 63) & ~(size_t)63;
}

size_t lw_schedule_quantised_bytes(const struct lw_schedule *s)
{
    return align64(s->spec.columns);
}

size_t lw_schedule_table_bytes(const struct lw_schedule *s)
{
    if (s->spec.family == LW_FAMILY_DOT)
        return lw_schedule_quantised_bytes(s) + align64(4 * s->groups);
    return s->parts * s->padded_tables * 16;
}
