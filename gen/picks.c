#include "gen/picks.h"

#include "gen/cost.h"
#include "gen/pack.h"
#include "gen/registry.h"
#include "gen/schedule.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const size_t lw_pick_columns[LW_PICK_COLUMNS] = {16, 8, 4, 2, 1};

/* Columns that one kernel call takes; any N is made of these (gen/registry.h). */
static const size_t batches[] = {64, 16, 8, 4, 2, 1};
enum { BATCHES = sizeof batches / sizeof batches[0] };

const char *lw_basis_name(enum lw_basis basis)
{
    return basis == LW_BASIS_MEASURED ? "measured" : "estimate";
}

const char *lw_family_name(const struct lw_spec *spec)
{
    static const char *const names[] = {[LW_FAMILY_TABLES] = "tables", [LW_FAMILY_DOT] = "dot"};
    return names[spec->family];
}

bool lw_same_product(const struct lw_spec *a, const struct lw_spec *b)
{
    return a->arith == b->arith && a->family == b->family && a->rows == b->rows &&
           a->columns == b->columns && a->bits == b->bits && a->uniform == b->uniform &&
           a->group == b->group && a->isa == b->isa;
}

/* The families that compute a code in the class of its matrix, the usual one first. */
static size_t list_families(const struct lw_matrix *matrix, size_t code, enum lw_isa isa,
                            struct lw_option options[LW_MOST_OPTIONS])
{
    const struct lw_code *c = &matrix->codes[code];
    size_t count = 1;
    options[0] = (struct lw_option){.spec = lw_spec_of(matrix, code, 1, isa)};
    for (int f = 0; f < LW_FAMILIES; f++) {
        struct lw_spec spec = options[0].spec;
        spec.family = (enum lw_family)f;
        spec.uniform = f == LW_FAMILY_DOT && c->uniform && c->bits > 1;
        if (spec.family != options[0].spec.family && lw_family_has(spec.family, &spec))
            options[count++] = (struct lw_option){.spec = spec};
    }
    return count;
}

/* Tiles take up to 16 columns in the time of one, and decode weights once for 64; without them,
 * more than 8 columns do not fit the registers. */
static bool is_wanted(const struct lw_spec *spec)
{
    struct lw_schedule schedule, four;
    struct lw_spec of_four = *spec;
    of_four.batch = 4;
    lw_schedule_build(spec, &schedule);
    lw_schedule_build(&of_four, &four);
    if (schedule.unit == LW_UNIT_TILE)
        return spec->batch != 8;
    return spec->batch <= (four.unit == LW_UNIT_TILE ? 2 : 8);
}

static double key_bytes(const struct lw_spec *spec)
{
    struct lw_schedule schedule;
    struct lw_pack_layout layout;
    lw_schedule_build(spec, &schedule);
    lw_pack_layout(&schedule, &layout);
    return (double)layout.key_bytes;
}

static enum lw_status check_model(const struct lw_model *model, struct lw_error *error)
{
    if (!lw_model_has_quantised_products(model))
        return lw_fail(
            error, LW_USAGE,
            "the model is of class f32, which has no generated kernels; quantise it with "
            "--arith t8 or a8");
    for (size_t i = 0; i < model->matrix_count; i++)
        if (lw_matrix_has_quantised_product(&model->matrices[i]) && !model->matrices[i].code_count)
            return lw_fail(error, LW_USAGE, "matrix %s is not quantised", model->matrices[i].name);
    return LW_OK;
}

enum lw_status lw_picks_list(const struct lw_model *model, const struct lw_device *device,
                             struct lw_picks *picks, struct lw_error *error)
{
    *picks = (struct lw_picks){.isa = device->isa};
    enum lw_status status = check_model(model, error);
    if (status != LW_OK)
        return status;
    picks->picks = calloc(model->matrix_count * LW_MAX_BITS, sizeof *picks->picks);
    if (!picks->picks)
        return lw_fail(error, LW_FAILED, "out of memory for the plan of the kernels");
    for (size_t i = 0; i < model->matrix_count; i++) {
        const struct lw_matrix *matrix = &model->matrices[i];
        size_t codes = lw_matrix_has_quantised_product(matrix) ? matrix->code_count : 0;
        for (size_t c = 0; c < codes && status == LW_OK; c++) {
            struct lw_pick *pick = &picks->picks[picks->count++];
            *pick = (struct lw_pick){.matrix = i,
                                     .code = c,
                                     .alpha = matrix->codes[c].uniform ? LW_ALPHA_UNIFORM
                                                                       : LW_ALPHA_FREE,
                                     .many = lw_matrix_reads_source(matrix),
                                     .output = i == model->output};
            pick->option_count = list_families(matrix, c, device->isa, pick->options);
            for (size_t o = 0; o < pick->option_count && status == LW_OK; o++)
                status = lw_spec_check(&pick->options[o].spec, error);
            if (status == LW_OK)
                picks->key_bytes += key_bytes(&pick->options[0].spec);
        }
    }
    picks->resident = picks->key_bytes > lw_core_of(device)->levels[1].bytes;
    if (status != LW_OK)
        lw_picks_free(picks);
    return status;
}

/* The kernels of a product, as a bundle would find them. */
static void find_kernels(const struct lw_spec *product, struct lw_kernel kernels[BATCHES],
                         struct lw_packed_code *code)
{
    size_t count = 0;
    for (size_t b = 0; b < BATCHES; b++) {
        struct lw_spec spec = *product;
        spec.batch = batches[b];
        if (!is_wanted(&spec))
            continue;
        kernels[count] = lw_kernel_of(&spec);
        code->products[count] = &kernels[count];
        count++;
    }
    code->products[count] = NULL;
}

/* A call with N columns: what the bench times, too. */
static enum lw_status estimate(const struct lw_spec *product, size_t columns, double footprint,
                               const struct lw_cpu_core *core, double *ns, struct lw_error *error)
{
    struct lw_kernel kernels[BATCHES];
    struct lw_packed_code code;
    struct lw_work work = {0}, own;
    struct lw_spec input = lw_spec_of_input(product);
    size_t calls = columns;
    find_kernels(product, kernels, &code);
    enum lw_status status = lw_work_of(&input, &own, error);
    if (status == LW_OK)
        lw_work_add(&work, &own, (double)columns);
    for (size_t left = columns; left && status == LW_OK; calls++) {
        const struct lw_spec *spec = &lw_packed_product(&code, left)->spec;
        status = lw_work_of(spec, &own, error);
        if (status == LW_OK)
            lw_work_add(&work, &own, 1);
        left -= spec->batch < left ? spec->batch : left;
    }
    *ns = lw_core_ns(core, &work, (double)calls, key_bytes(product), footprint);
    return status;
}

/* An option of the same kernels among the picks before this one, or NULL. */
static const struct lw_option *find_before(const struct lw_picks *picks, size_t before,
                                           const struct lw_spec *spec)
{
    for (size_t i = 0; i < before; i++)
        for (size_t o = 0; o < picks->picks[i].option_count; o++)
            if (lw_same_product(&picks->picks[i].options[o].spec, spec))
                return &picks->picks[i].options[o];
    return NULL;
}

enum lw_status lw_picks_estimate(struct lw_picks *picks, const struct lw_device *device,
                                 struct lw_error *error)
{
    const struct lw_cpu_core *core = lw_core_of(device);
    enum lw_status status = LW_OK;
    for (size_t i = 0; i < picks->count; i++)
        for (size_t o = 0; o < picks->picks[i].option_count; o++) {
            struct lw_option *option = &picks->picks[i].options[o];
            const struct lw_option *known = find_before(picks, i, &option->spec);
            double footprint = picks->resident ? picks->key_bytes : key_bytes(&option->spec);
            if (known)
                memcpy(option->ns, known->ns, sizeof option->ns);
            for (size_t b = 0; b < LW_PICK_COLUMNS && !known && status == LW_OK; b++)
                status = estimate(&option->spec, lw_pick_columns[b], footprint, core,
                                  &option->ns[b], error);
        }
    return status;
}

/* Encoders run on a column for each word, decoders on a beam. */
static double column_ns(const struct lw_pick *pick, const struct lw_option *option)
{
    double sum = 0;
    size_t count = 0;
    for (size_t b = 0; b < LW_PICK_COLUMNS; b++)
        if (pick->many == (lw_pick_columns[b] > 4)) {
            sum += option->ns[b] / (double)lw_pick_columns[b];
            count++;
        }
    return sum / (double)count;
}

void lw_picks_decide(struct lw_picks *picks, enum lw_basis basis)
{
    picks->basis = basis;
    for (size_t i = 0; i < picks->count; i++) {
        struct lw_pick *pick = &picks->picks[i];
        for (size_t o = 0; o < pick->option_count; o++) {
            struct lw_option option = pick->options[o];
            size_t at = o;
            option.column_ns = column_ns(pick, &option);
            for (; at > 0 && pick->options[at - 1].column_ns > option.column_ns; at--)
                pick->options[at] = pick->options[at - 1];
            pick->options[at] = option;
        }
    }
}

void lw_picks_free(struct lw_picks *picks)
{
    free(picks->picks);
    *picks = (struct lw_picks){0};
}

static bool is_listed(const struct lw_spec *specs, size_t count, const struct lw_spec *spec)
{
    for (size_t i = 0; i < count; i++)
        if (specs[i].batch == spec->batch && lw_same_product(&specs[i], spec))
            return true;
    return false;
}

enum lw_status lw_picks_specs(const struct lw_picks *picks, struct lw_spec **specs, size_t *count,
                              struct lw_error *error)
{
    struct lw_spec *list = calloc(picks->count * (1 + BATCHES + LW_PART_BATCHES), sizeof *list);
    if (!list)
        return lw_fail(error, LW_FAILED, "out of memory for the list of the kernels");
    size_t used = 0;
    for (size_t b = 0; b <= BATCHES; b++)
        for (size_t i = 0; i < picks->count; i++) {
            struct lw_spec spec = picks->picks[i].options[0].spec;
            if (b == 0)
                spec = lw_spec_of_input(&spec);
            else
                spec.batch = batches[b - 1];
            if ((b == 0 || is_wanted(&spec)) && !is_listed(list, used, &spec))
                list[used++] = spec;
            spec.rows = LW_PART_ROWS;
            bool part = picks->picks[i].output && (spec.batch == 4 || spec.batch == 1);
            if (part && !is_listed(list, used, &spec))
                list[used++] = spec;
        }
    *specs = list;
    *count = used;
    return LW_OK;
}
