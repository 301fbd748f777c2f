#include "sim/backend.h"

#include "runtime/round.h"
#include "sim/placed.h"

#include <math.h>
#include <stdlib.h>

struct engine {
    const struct lw_model *model;
    const struct lw_simulator *simulator;
    struct lw_tally *work;
    struct lw_backend f32; /* for the matrices of this class */
    struct lw_placed placed;
    size_t widest, most_rows; /* of all matrices */
    int8_t *rounded;          /* [widest] */
    int16_t *q;               /* [C][widest] */
    int64_t *sums;            /* [C][most_rows] */
    float *steps;             /* of the columns of a call */
    size_t step_room;
};

/* The activations of the columns of a product, rounded and where the engine reads them. */
static enum lw_status put_columns(struct engine *e, const struct lw_placed_product *product,
                                  const float *x, struct lw_error *error)
{
    const struct lw_matrix *matrix = &e->model->matrices[product->matrix];
    size_t k = matrix->columns;
    for (size_t c = 0; c < e->placed.engine.columns; c++) {
        bool given = c < product->columns;
        if (given && !lw_round_int8(x + (product->column + c) * k, k, e->rounded,
                                    &e->steps[product->column + c]))
            return lw_fail(error, LW_FAILED, "matrix %s: its input is not finite", matrix->name);
        for (size_t i = 0; i < k; i++)
            e->q[c * k + i] = given ? e->rounded[i] : 0;
    }
    lw_stream_put_x(&e->placed.streams[product->matrix], e->q, &e->placed.image, product->x);
    return LW_OK;
}

/* y[n][m] = float(R) * (step * 2^e) + bias[m] */
static void take_columns(struct engine *e, const struct lw_placed_product *product, float *y)
{
    const struct lw_matrix *matrix = &e->model->matrices[product->matrix];
    lw_stream_get_y(&e->placed.streams[product->matrix], &e->placed.image, product->y, e->sums);
    for (size_t c = 0; c < product->columns; c++) {
        size_t n = product->column + c;
        const int64_t *sums = e->sums + c * matrix->rows;
        float unit = ldexpf(e->steps[n], matrix->codes[0].exponent);
        for (size_t m = 0; m < matrix->rows; m++)
            y[n * matrix->rows + m] = (float)sums[m] * unit + matrix->bias[m];
    }
}

static enum lw_status run(struct engine *e, const struct lw_call *call, uint32_t list,
                          struct lw_error *error)
{
    struct lw_sim_counts counts;
    enum lw_status status =
        lw_simulator_run(e->simulator, lw_placed_memory(&e->placed), list, true, &counts, error);
    return status == LW_OK ? lw_tally_add(e->work, call, 1, &counts, error) : status;
}

/* Some products of the engine that read the same x; y[i] is that of call->matrices[i]. */
static enum lw_status multiply_call(struct engine *e, const struct lw_call *call, float *const *y,
                                    const float *x, struct lw_error *error)
{
    uint32_t list;
    struct lw_placed *placed = &e->placed;
    lw_placed_clear(placed);
    enum lw_status status = lw_placed_add(placed, call, error);
    if (status == LW_OK)
        status = lw_placed_finish(placed, false, &list, error);
    for (size_t i = 0; i < placed->count && status == LW_OK; i++) {
        const struct lw_placed_product *product = &placed->products[i];
        if (i == 0 || product->x != product[-1].x)
            status = put_columns(e, product, x, error);
    }
    if (status == LW_OK)
        status = run(e, call, list, error);
    for (size_t i = 0; i < placed->count && status == LW_OK; i++)
        take_columns(e, &placed->products[i], y[i % call->count]);
    return status;
}

static enum lw_status make_room(struct engine *e, size_t columns, struct lw_error *error)
{
    if (columns <= e->step_room)
        return LW_OK;
    float *steps = realloc(e->steps, columns * sizeof *steps);
    if (!steps)
        return lw_fail(error, LW_FAILED, "out of memory for the products of the engine");
    e->steps = steps;
    e->step_room = columns;
    return LW_OK;
}

static enum lw_status multiply(void *self, const struct lw_product *products, size_t count,
                               size_t columns, const float *x, struct lw_error *error)
{
    struct engine *e = self;
    struct lw_call call = {.columns = columns};
    float *y[LW_CALL_PRODUCTS];
    enum lw_status status = make_room(e, columns, error);
    for (size_t p = 0; p < count && status == LW_OK; p++) {
        if (e->model->matrices[products[p].matrix].arith == LW_ARITH_F32) {
            status = e->f32.multiply(e->f32.self, &products[p], 1, columns, x, error);
        } else {
            y[call.count] = products[p].y;
            call.matrices[call.count++] = products[p].matrix;
        }
        if (status == LW_OK && call.count && (call.count == LW_CALL_PRODUCTS || p + 1 == count)) {
            status = multiply_call(e, &call, y, x, error);
            call.count = 0;
        }
    }
    return status;
}

static void close_engine(void *self)
{
    struct engine *e = self;
    lw_backend_close(&e->f32);
    lw_placed_close(&e->placed);
    free(e->rounded);
    free(e->q);
    free(e->sums);
    free(e->steps);
    free(e);
}

static bool take_memory(struct engine *e)
{
    for (size_t i = 0; i < e->model->matrix_count; i++) {
        const struct lw_matrix *matrix = &e->model->matrices[i];
        e->widest = matrix->columns > e->widest ? matrix->columns : e->widest;
        e->most_rows = matrix->rows > e->most_rows ? matrix->rows : e->most_rows;
    }
    size_t columns = e->simulator->engine.columns;
    e->rounded = malloc(e->widest);
    e->q = calloc(columns * e->widest, sizeof *e->q);
    e->sums = calloc(columns * e->most_rows, sizeof *e->sums);
    return e->rounded && e->q && e->sums;
}

enum lw_status lw_backend_engine(const struct lw_model *model, const struct lw_simulator *simulator,
                                 struct lw_tally *work, struct lw_backend *backend,
                                 struct lw_error *error)
{
    struct engine *e = calloc(1, sizeof *e);
    enum lw_status status = LW_OK;
    if (e)
        *e = (struct engine){.model = model, .simulator = simulator, .work = work};
    if (!e || !take_memory(e))
        status = lw_fail(error, LW_FAILED, "out of memory for the products of the engine");
    if (status == LW_OK)
        status = lw_placed_open(model, &simulator->engine, &e->placed, error);
    if (status == LW_OK)
        status = lw_placed_all(&e->placed, error);
    if (status == LW_OK)
        status = lw_backend_f32_part(model, &e->f32, error);
    if (status == LW_OK)
        *backend =
            (struct lw_backend){lw_simulates_name(simulator->by), e, multiply, NULL, close_engine};
    else if (e)
        close_engine(e);
    return status;
}
