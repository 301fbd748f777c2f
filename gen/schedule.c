#include "gen/schedule.h"

/* A 16-bit sum of bytes up to 255 holds 257 of them; one of signed bytes, at most 127 (no entry is
 * -128), holds 258. */
enum { SUMMANDS_OF_16_BITS = 256 };

static size_t at_least_one(size_t n)
{
    return n ? n : 1;
}

/* Accumulators that leave enough vector registers for keys, tables and constants. */
static size_t accumulators(enum lw_unit unit)
{
    static const size_t counts[] = {[LW_UNIT_LOAD] = 4,
                                    [LW_UNIT_SHUFFLE16] = 8,
                                    [LW_UNIT_TABLE16] = 24,
                                    [LW_UNIT_PERMUTE64] = 16};
    return counts[unit];
}

void lw_schedule_build(const struct lw_spec *spec, struct lw_schedule *s)
{
    *s = (struct lw_schedule){.spec = *spec, .parts = spec->arith == LW_ARITH_A8 ? 2 : 1};
    switch (spec->isa) {
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

void lw_schedule_print(const struct lw_schedule *s, FILE *stream)
{
    static const char *const units[] = {"load", "shuffle16", "table16", "permute64"};
    fprintf(stream, "schedule %s on %s: unit %s\n", lw_arith_name(s->spec.arith),
            lw_isa_info(s->spec.isa)->name, units[s->unit]);
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

size_t lw_schedule_table_bytes(const struct lw_schedule *s)
{
    return s->parts * s->padded_tables * 16;
}
