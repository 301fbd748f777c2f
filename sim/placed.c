#include "sim/placed.h"

#include "models/checked.h"
#include "sim/dram.h"

#include <stdlib.h>
#include <string.h>

enum { BANKS = LW_DRAM_BANKS * LW_DRAM_ROW_BYTES };

enum lw_status lw_placed_open(const struct lw_model *model, const struct lw_engine *engine,
                              struct lw_placed *placed, struct lw_error *error)
{
    *placed = (struct lw_placed){.model = model, .engine = *engine};
    placed->streams = calloc(model->matrix_count, sizeof *placed->streams);
    return placed->streams ? LW_OK : lw_fail(error, LW_FAILED, "out of memory for streams");
}

enum lw_status lw_placed_matrix(struct lw_placed *placed, unsigned index, struct lw_error *error)
{
    const struct lw_matrix *matrix = &placed->model->matrices[index];
    if (placed->streams[index].parts)
        return LW_OK;
    if (matrix->arith != LW_ARITH_A8)
        return lw_fail(error, LW_USAGE,
                       "matrix %s is of class %s, and the engine computes class a8: quantize the "
                       "model with --arith a8",
                       matrix->name, lw_arith_name(matrix->arith));
    uint32_t at; /* from the first bank on, so that matrices of one shape take as long */
    enum lw_status status =
        lw_image_reserve(&placed->image, 0, (size_t)LW_DRAM_BANKS * LW_DRAM_ROW_BYTES, &at, error);
    if (status == LW_OK)
        status = lw_stream_make(&placed->engine, matrix, NULL, &placed->image,
                                &placed->streams[index], error);
    placed->weights_bytes = placed->image.bytes;
    return status;
}

enum lw_status lw_placed_all(struct lw_placed *placed, struct lw_error *error)
{
    enum lw_status status = LW_OK;
    for (unsigned i = 0; i < placed->model->matrix_count && status == LW_OK; i++)
        if (lw_matrix_has_quantised_product(&placed->model->matrices[i]))
            status = lw_placed_matrix(placed, i, error);
    return status;
}

void lw_placed_close(struct lw_placed *placed)
{
    for (size_t i = 0; placed->streams && i < placed->model->matrix_count; i++)
        lw_stream_free(&placed->streams[i]);
    free(placed->streams);
    free(placed->products);
    lw_image_free(&placed->image);
    *placed = (struct lw_placed){0};
}

void lw_placed_clear(struct lw_placed *placed)
{
    placed->image.bytes = placed->weights_bytes;
    placed->count = placed->calls = placed->bytes = 0;
}

/* Room for one more product; NULL without memory. */
static struct lw_placed_product *more(struct lw_placed *placed)
{
    if (placed->count == placed->capacity) {
        size_t capacity = 2 * placed->capacity + 64;
        struct lw_placed_product *products = realloc(placed->products, capacity * sizeof *products);
        if (!products)
            return NULL;
        placed->products = products;
        placed->capacity = capacity;
    }
    return &placed->products[placed->count++];
}

/* Room for x or y of a list, from its start on; at whole bursts of 16 beats, which then are the
 * same for all columns of a call. */
static enum lw_status reserve(struct lw_placed *placed, size_t bytes, uint32_t *at,
                              struct lw_error *error)
{
    size_t end, burst = (size_t)2 * placed->engine.bus_bits;
    if (!lw_checked_add(placed->bytes, bytes, &end) || end > UINT32_MAX - burst)
        return lw_fail(error, LW_FAILED, "a list of products needs more than 4 GB");
    *at = (uint32_t)placed->bytes;
    placed->bytes = (end + burst - 1) / burst * burst;
    return LW_OK;
}

/* A product; `before` reads the same columns, or is NULL. */
static enum lw_status add_product(struct lw_placed *placed, struct lw_placed_product product,
                                  bool shares, struct lw_error *error)
{
    const struct lw_stream *stream = &placed->streams[product.matrix];
    enum lw_status status = LW_OK;
    if (!shares)
        status = reserve(placed, lw_stream_x_bytes(stream), &product.x, error);
    if (status == LW_OK)
        status = reserve(placed, lw_stream_y_bytes(stream), &product.y, error);
    if (status != LW_OK)
        return status;
    struct lw_placed_product *place = more(placed);
    if (!place)
        return lw_fail(error, LW_FAILED, "out of memory for a list of products");
    *place = product;
    return LW_OK;
}

enum lw_status lw_placed_add(struct lw_placed *placed, const struct lw_call *call,
                             struct lw_error *error)
{
    size_t at_once = placed->engine.columns;
    enum lw_status status = LW_OK;
    for (size_t n = 0; n < call->columns; n += at_once)
        for (size_t i = 0; i < call->count && status == LW_OK; i++) {
            unsigned matrix = call->matrices[i];
            struct lw_placed_product product = {
                .matrix = matrix, .call = placed->calls, .column = n, .columns = call->columns - n};
            if (product.columns > at_once)
                product.columns = at_once;
            bool shares = i > 0 && lw_stream_same_x(&placed->streams[call->matrices[i - 1]],
                                                    &placed->streams[matrix]);
            if (shares)
                product.x = placed->products[placed->count - 1].x;
            status = add_product(placed, product, shares, error);
        }
    placed->calls++;
    return status;
}

/* Tags all jobs, and has the first job of each call but the first wait where `dependent`. */
static enum lw_status mark(struct lw_placed *placed, bool dependent, uint32_t list,
                           struct lw_error *error)
{
    uint8_t *line = placed->image.data + list;
    enum lw_status status = LW_OK;
    for (size_t i = 0; i < placed->count && status == LW_OK; i++) {
        const struct lw_placed_product *product = &placed->products[i];
        bool begins = i > 0 && product->call != product[-1].call;
        for (size_t part = 0; part < placed->streams[product->matrix].count; part++) {
            struct lw_job job;
            status = lw_job_decode(line, &job, error);
            if (status != LW_OK)
                return status;
            job.tag = (uint32_t)product->call;
            job.wait = dependent && begins && part == 0;
            lw_job_encode(&job, line);
            line += lw_job_stride(&placed->engine);
        }
    }
    return LW_OK;
}

/* Room for the descriptors and for x and y behind them; sets the products' addresses. */
static enum lw_status lay_out(struct lw_placed *placed, uint32_t *list, struct lw_error *error)
{
    size_t jobs = 0, room = 256, stride = lw_job_stride(&placed->engine);
    uint32_t block;
    for (size_t i = 0; i < placed->count; i++)
        jobs += placed->streams[placed->products[i].matrix].count;
    while (room < jobs)
        room *= 2;
    enum lw_status status = lw_image_reserve(&placed->image, room * stride, BANKS, list, error);
    if (status == LW_OK)
        status = lw_image_reserve(&placed->image, placed->bytes, 2 * placed->engine.bus_bits,
                                  &block, error);
    for (size_t i = 0; i < placed->count && status == LW_OK; i++) {
        placed->products[i].x += block;
        placed->products[i].y += block;
    }
    return status;
}

enum lw_status lw_placed_finish(struct lw_placed *placed, bool dependent, uint32_t *list,
                                struct lw_error *error)
{
    size_t count = placed->count;
    const struct lw_stream **streams = calloc(count, sizeof(struct lw_stream *));
    uint32_t *addresses = calloc(2 * count, sizeof *addresses);
    enum lw_status status = LW_OK;
    if (!streams || !addresses)
        status = lw_fail(error, LW_FAILED, "out of memory for a list of products");
    if (status == LW_OK)
        status = lay_out(placed, list, error);
    for (size_t i = 0; i < count && status == LW_OK; i++) {
        streams[i] = &placed->streams[placed->products[i].matrix];
        addresses[i] = placed->products[i].x;
        addresses[count + i] = placed->products[i].y;
    }
    if (status == LW_OK) {
        lw_stream_put_list(streams, addresses, addresses + count, count, false,
                           placed->image.data + *list);
        status = lw_image_pad(&placed->image, error);
    }
    if (status == LW_OK)
        status = mark(placed, dependent, *list, error);
    free(streams);
    free(addresses);
    return status;
}

struct lw_sim_memory lw_placed_memory(const struct lw_placed *placed)
{
    return (struct lw_sim_memory){placed->image.data, placed->image.bytes};
}
