#include "cli/inspect_stream.h"

#include "gen/disassemble.h"
#include "profiles/simulation.h"
#include "sim/placed.h"

#include <stdio.h>

static void print_stream(const struct lw_placed *placed, const struct lw_stream *stream,
                         uint32_t list)
{
    char engine[LW_ENGINE_NAME_BYTES];
    size_t keys = 0, scales = 0, beat = placed->engine.bus_bits / 8;
    lw_engine_name(&placed->engine, engine);
    for (size_t i = 0; i < stream->count; i++) {
        keys += stream->parts[i].job.key_beats * beat;
        scales += stream->parts[i].job.scale_beats * beat;
    }
    printf("%s on %s: %zu jobs, %zu bytes of keys, %zu of scales, %zu of activations, %zu of "
           "results\n",
           stream->matrix->name, engine, stream->count, keys, scales, lw_stream_x_bytes(stream),
           lw_stream_y_bytes(stream));
    puts("checked: descriptors and their CRCs, and every key bit, scale and bias against the "
         "matrix");
    lw_job_print_list(&placed->engine, &placed->image, list, stdout);
    lw_stream_print(stream, &placed->image, stdout);
}

enum lw_status cli_inspect_stream(const struct lw_model *model, const char *matrix,
                                  const char *parameters, struct lw_error *error)
{
    struct lw_engine engine;
    struct lw_tally work = {0};
    struct lw_placed placed = {0};
    uint32_t list;
    enum lw_status status = lw_engine_parse(parameters ? parameters : "", &engine, error);
    if (status == LW_OK)
        status = lw_tally_of_layer(model, matrix, 1, &work, error);
    if (status == LW_OK)
        status = lw_placed_open(model, &engine, &placed, error);
    if (status == LW_OK)
        status = lw_placed_matrix(&placed, work.items[0].call.matrices[0], error);
    if (status == LW_OK) {
        lw_placed_clear(&placed);
        status = lw_placed_add(&placed, &work.items[0].call, error);
    }
    if (status == LW_OK)
        status = lw_placed_finish(&placed, false, &list, error);
    if (status == LW_OK)
        status = lw_job_check_list(&engine, &placed.image, list, NULL, error);
    if (status == LW_OK) {
        const struct lw_stream *stream = &placed.streams[placed.products[0].matrix];
        status = lw_stream_check(stream, &placed.image, error);
        if (status == LW_OK)
            print_stream(&placed, stream, list);
    }
    lw_placed_close(&placed);
    lw_tally_free(&work);
    return status;
}
