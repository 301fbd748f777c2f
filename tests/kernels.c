#include "tests/kernels.h"

#include "gen/compile.h"
#include "gen/ir.h"
#include "gen/pack.h"
#include "gen/program.h"
#include "runtime/backend.h"
#include "tests/guards.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int run_ir(const struct product_case *c, float *y)
{
    struct lw_ir ir;
    struct lw_error error = {0};
    lw_ir_build(&c->spec, &ir);
    return lw_ir_interpret(&ir, &c->code, c->bias, c->x, y, &error) != LW_OK;
}

/* Packed weights and room for tables, with guards around what a kernel may write. */
struct room {
    struct lw_schedule schedule;
    struct lw_pack_layout layout;
    uint8_t *packed, *tables;
    size_t table_bytes;
    float steps[LW_SPEC_MAX_BATCH];
    float unit;
};

enum { GUARD = 64 };

static void room_make(const struct product_case *c, struct room *room)
{
    lw_schedule_build(&c->spec, &room->schedule);
    lw_pack_layout(&room->schedule, &room->layout);
    room->packed = aligned_alloc(64, room->layout.bytes);
    lw_pack(&room->schedule, &c->code, c->bias, room->packed);
    room->table_bytes = lw_schedule_table_bytes(&room->schedule);
    room->tables = malloc(c->spec.batch * room->table_bytes + GUARD);
    memset(room->tables, 0xa5, c->spec.batch * room->table_bytes + GUARD);
    room->unit = ldexpf(1, c->code.exponent);
}

static void room_free(struct room *room, size_t batch)
{
    for (size_t i = 0; i < GUARD; i++)
        cr_assert_eq(room->tables[batch * room->table_bytes + i], 0xa5,
                     "written behind the tables");
    free(room->packed);
    free(room->tables);
}

int run_program(const struct product_case *c, float *y)
{
    struct room room;
    struct lw_program tables, product;
    struct lw_error error = {0};
    struct lw_spec spec = lw_spec_of_input(&c->spec);
    struct lw_schedule schedule;
    room_make(c, &room);
    lw_schedule_build(&spec, &schedule);
    cr_assert_eq(lw_program_build(&schedule, &tables, &error), LW_OK);
    cr_assert_eq(lw_program_build(&room.schedule, &product, &error), LW_OK);
    int result = 0;
    for (size_t n = 0; n < c->spec.batch && !result; n++) {
        void *buffers[LW_BUFFER_COUNT] = {[LW_BUFFER_X] = c->x + n * c->spec.columns,
                                          [LW_BUFFER_TABLES] = room.tables + n * room.table_bytes,
                                          [LW_BUFFER_STEP] = &room.steps[n]};
        result = lw_program_interpret(&tables, buffers);
    }
    void *buffers[LW_BUFFER_COUNT] = {[LW_BUFFER_KEYS] = room.packed,
                                      [LW_BUFFER_SCALES] = room.packed + room.layout.scales,
                                      [LW_BUFFER_BIAS] = room.packed + room.layout.bias,
                                      [LW_BUFFER_TABLES] = room.tables,
                                      [LW_BUFFER_STEP] = room.steps,
                                      [LW_BUFFER_UNIT] = &room.unit,
                                      [LW_BUFFER_Y] = y};
    if (!result)
        cr_assert_eq(lw_program_interpret(&product, buffers), 0);
    lw_program_free(&tables);
    lw_program_free(&product);
    room_free(&room, c->spec.batch);
    return result;
}

/* Every operand lies between pages without access; what is only read cannot be written. */
int run_compiled(const struct product_case *c, lw_tables_function *tables,
                 lw_product_function *product, float *y)
{
    enum { X, PACKED, TABLES, STEPS, UNIT, OPERANDS };
    struct room room;
    size_t columns = c->spec.columns, batch = c->spec.batch, outputs = batch * c->spec.rows;
    room_make(c, &room);
    struct guarded in[OPERANDS] = {
        guarded_make(c->x, batch * columns * sizeof *c->x),
        guarded_make(room.packed, room.layout.bytes), guarded_make(NULL, batch * room.table_bytes),
        guarded_make(NULL, batch * sizeof(float)), guarded_make(&room.unit, sizeof room.unit)};
    struct guarded out = guarded_make(NULL, outputs * sizeof *y);
    guarded_read_only(&in[X]);
    int result = 0;
    for (size_t n = 0; n < batch && !result; n++)
        result = tables(in[X].data + n * columns * sizeof(float),
                        in[TABLES].data + n * room.table_bytes, in[STEPS].data + n * sizeof(float));
    for (int i = 0; i < OPERANDS; i++) {
        cr_assert(guarded_untouched(&in[i]), "operand %d of the tables", i);
        guarded_read_only(&in[i]);
    }
    const uint8_t *packed = in[PACKED].data;
    /* Twice: nothing stays behind that the second call could see. */
    for (int turn = 0; turn < 2 && !result; turn++) {
        memcpy(y, out.data, out.bytes);
        memset(out.data, 0xff, out.bytes);
        product(packed, packed + room.layout.scales, packed + room.layout.bias, in[TABLES].data,
                in[STEPS].data, in[UNIT].data, out.data);
        cr_assert(turn == 0 || memcmp(y, out.data, out.bytes) == 0, "the second call differs");
    }
    cr_assert(guarded_untouched(&out));
    for (int i = 0; i < OPERANDS; i++)
        guarded_free(&in[i]);
    guarded_free(&out);
    room_free(&room, batch);
    return result;
}

int run_reference(const struct product_case *c, float *y)
{
    struct lw_matrix matrix = {.name = "case",
                               .rows = c->spec.rows,
                               .columns = c->spec.columns,
                               .code_count = 1,
                               .codes = {c->code},
                               .bias = c->bias,
                               .arith = c->spec.arith};
    struct lw_model model = {.matrix_count = 1, .matrices = &matrix};
    struct lw_backend backend;
    struct lw_error error = {0};
    struct lw_product product = {0, y};
    cr_assert_eq(lw_backend_reference(&model, &backend, &error), LW_OK, "%s", error.text);
    enum lw_status status =
        backend.multiply(backend.self, &product, 1, c->spec.batch, c->x, &error);
    lw_backend_close(&backend);
    return status != LW_OK;
}

void write_kernel_source(const struct lw_spec *spec, const char *path)
{
    struct lw_schedule schedule;
    struct lw_program program;
    struct lw_error error = {0};
    lw_schedule_build(spec, &schedule);
    cr_assert_eq(lw_program_build(&schedule, &program, &error), LW_OK);
    FILE *stream = fopen(path, "w");
    cr_assert(stream != NULL);
    lw_program_print_c(&program, stream);
    cr_assert_eq(fclose(stream), 0);
    lw_program_free(&program);
}

void compile_kernels(const struct lw_spec *specs, size_t count, struct compiled_kernels *out)
{
    char folder[] = "/tmp/lutwidge-kernels-XXXXXX", name[LW_SPEC_NAME_BYTES], path[256],
         library[256];
    cr_assert(mkdtemp(folder) != NULL);
    const char **sources = calloc(count, sizeof *sources);
    for (size_t i = 0; i < count; i++) {
        lw_spec_name(&specs[i], name);
        snprintf(path, sizeof path, "%s/%s.c", folder, name);
        sources[i] = strdup(path);
        write_kernel_source(&specs[i], path);
    }
    struct lw_error error = {0};
    snprintf(library, sizeof library, "%s/kernels.so", folder);
    cr_assert_eq(lw_compile(sources, count, lw_device_of(specs[0].isa), library, NULL, &error),
                 LW_OK, "%s", error.text);
    *out = (struct compiled_kernels){dlopen(library, RTLD_NOW), calloc(count, sizeof *out->tables),
                                     calloc(count, sizeof *out->products)};
    cr_assert(out->library != NULL);
    for (size_t i = 0; i < count; i++) {
        char symbol[LW_SPEC_NAME_BYTES + 4];
        lw_spec_name(&specs[i], name);
        snprintf(symbol, sizeof symbol, "lw_%s", name);
        void *found = dlsym(out->library, symbol);
        cr_assert(found != NULL, "%s", symbol);
        if (specs[i].rows)
            memcpy(&out->products[i], &found, sizeof found);
        else
            memcpy(&out->tables[i], &found, sizeof found);
        unlink(sources[i]);
        free((void *)(uintptr_t)sources[i]);
    }
    free(sources);
    unlink(library);
    rmdir(folder);
}

void compiled_kernels_free(struct compiled_kernels *kernels)
{
    dlclose(kernels->library);
    free(kernels->tables);
    free(kernels->products);
}
