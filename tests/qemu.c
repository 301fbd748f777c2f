#include "tests/qemu.h"

#include "gen/compile.h"
#include "gen/pack.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIBRARIES "/usr/aarch64-linux-gnu"

struct request { /* as in tests/qemu/driver.c */
    uint64_t tables, product, rows, columns, batch, table_bytes, packed_bytes, scales, bias, unit;
};

void qemu_need(void)
{
    if (system("command -v qemu-aarch64 > /dev/null"))
        cr_skip_test("qemu-aarch64 is not installed (Debian: qemu-user)");
    if (access(LIBRARIES "/lib/libc.so.6", R_OK))
        cr_skip_test(LIBRARIES "/lib/libc.so.6 is not there (Debian: libc6-arm64-cross)");
}

const struct lw_device *qemu_device(size_t i)
{
    for (size_t d = 0; lw_device_at(d); d++)
        if (lw_device_at(d)->isa == LW_ISA_NEON && i-- == 0)
            return lw_device_at(d);
    return NULL;
}

static void write_entries(const struct lw_spec *specs, size_t count, const char *path)
{
    FILE *stream = fopen(path, "w");
    char name[LW_SPEC_NAME_BYTES];
    cr_assert_not_null(stream);
    for (size_t i = 0; i < count; i++) {
        lw_spec_name(&specs[i], name);
        fprintf(stream, "void lw_%s(void);\n", name);
    }
    fprintf(stream, "const struct { const char *spec; void (*tables)(void), (*product)(void); }\n"
                    "lw_kernel_entries[] = {\n");
    for (size_t i = 0; i < count; i++) {
        lw_spec_name(&specs[i], name);
        fprintf(stream, "    {\"%s\", %s%s, %s%s},\n", name, specs[i].rows ? "" : "lw_",
                specs[i].rows ? "0" : name, specs[i].rows ? "lw_" : "", specs[i].rows ? name : "0");
    }
    fprintf(stream, "    {0, 0, 0},\n};\n");
    cr_assert_eq(fclose(stream), 0);
}

void qemu_compile(const struct lw_spec *specs, size_t count, const struct lw_device *device,
                  const char *folder)
{
    char name[LW_SPEC_NAME_BYTES], path[256];
    const char **sources = calloc(count + 1, sizeof *sources);
    for (size_t i = 0; i <= count; i++) {
        if (i < count)
            lw_spec_name(&specs[i], name);
        snprintf(path, sizeof path, "%s/%s.c", folder, i < count ? name : "entries");
        sources[i] = strdup(path);
        if (i < count)
            write_kernel_source(&specs[i], path);
        else
            write_entries(specs, count, path);
    }
    struct lw_error error = {0};
    snprintf(path, sizeof path, "%s/kernels.so", folder);
    cr_assert_eq(lw_compile(sources, count + 1, device, path, NULL, &error), LW_OK, "%s",
                 error.text);
    for (size_t i = 0; i <= count; i++)
        free((void *)(uintptr_t)sources[i]);
    free(sources);
}

static void shell(const char *format, const char *folder)
{
    char line[1024];
    cr_assert_lt(snprintf(line, sizeof line, format, folder, folder, folder), (int)sizeof line);
    int status = system(line);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: status %d", line, status);
}

static void write_request(const struct qemu_case *c, FILE *stream)
{
    const struct lw_spec *spec = &c->product.spec;
    struct lw_schedule schedule;
    struct lw_pack_layout layout;
    lw_schedule_build(spec, &schedule);
    lw_pack_layout(&schedule, &layout);
    float unit = ldexpf(1, c->product.code.exponent);
    uint32_t unit_bits;
    memcpy(&unit_bits, &unit, sizeof unit);
    struct request request = {c->tables,     c->entry,      spec->rows,
                              spec->columns, spec->batch,   lw_schedule_table_bytes(&schedule),
                              layout.bytes,  layout.scales, layout.bias,
                              unit_bits};
    uint8_t *packed = malloc(layout.bytes);
    lw_pack(&schedule, &c->product.code, c->product.bias, packed);
    fwrite(&request, sizeof request, 1, stream);
    fwrite(c->product.x, sizeof(float), spec->batch * spec->columns, stream);
    fwrite(packed, 1, layout.bytes, stream);
    free(packed);
}

static void read_answer(const struct qemu_case *c, FILE *stream)
{
    const struct lw_spec *spec = &c->product.spec;
    size_t count = spec->rows * spec->batch;
    float *expected = calloc(count, sizeof *expected), *y = calloc(count, sizeof *y);
    uint64_t refused;
    char name[LW_SPEC_NAME_BYTES];
    lw_spec_name(spec, name);
    cr_assert_eq(fread(&refused, sizeof refused, 1, stream), 1, "%s: no answer", name);
    cr_assert_eq((int)refused, run_reference(&c->product, expected), "%s", name);
    if (!refused)
        cr_assert_eq(fread(y, sizeof *y, count, stream), count, "%s: half an answer", name);
    for (size_t i = 0; !refused && i < count; i++)
        cr_assert(memcmp(&y[i], &expected[i], sizeof *y) == 0, "%s gives %a for output %zu, not %a",
                  name, (double)y[i], i, (double)expected[i]);
    free(expected);
    free(y);
}

void qemu_check(const char *folder, const struct qemu_case *cases, size_t count)
{
    char path[256];
    shell("clang-19 --target=aarch64-linux-gnu -ffreestanding -Wall -Wextra -Werror -O1 -fPIC -pie "
          "-nostdlib -fuse-ld=lld -Wl,-dynamic-linker,/lib/ld-linux-aarch64.so.1 "
          "-o %s/driver tests/qemu/driver.c %s/kernels.so " LIBRARIES "/lib/libc.so.6",
          folder);
    snprintf(path, sizeof path, "%s/in", folder);
    FILE *stream = fopen(path, "w");
    cr_assert_not_null(stream);
    for (size_t i = 0; i < count; i++)
        write_request(&cases[i], stream);
    cr_assert_eq(fclose(stream), 0);
    shell("qemu-aarch64 -L " LIBRARIES " %s/driver < %s/in > %s/out", folder);
    snprintf(path, sizeof path, "%s/out", folder);
    stream = fopen(path, "r");
    cr_assert_not_null(stream);
    for (size_t i = 0; i < count; i++)
        read_answer(&cases[i], stream);
    cr_assert_eq(fgetc(stream), EOF);
    fclose(stream);
}

void qemu_check_random(const struct lw_device *device, size_t count, uint64_t seed)
{
    enum { CASES = 3 };
    char folder[] = "/tmp/lutwidge-qemu-XXXXXX";
    struct lw_spec *specs = calloc(2 * count, sizeof *specs);
    struct qemu_case *cases = calloc(CASES * count, sizeof *cases);
    uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    size_t used = 0, each = 0;
    cr_assert_not_null(mkdtemp(folder));
    for (size_t i = 0; i < count; i++) {
        struct lw_spec spec = random_spec(&state, LW_ISA_NEON);
        struct lw_spec tables = lw_spec_of_input(&spec);
        size_t of_tables = list_spec(specs, &used, &tables);
        size_t entry = list_spec(specs, &used, &spec);
        for (uint64_t kind = 0; kind < CASES; kind++) {
            struct qemu_case *c = &cases[each++];
            *c = (struct qemu_case){.tables = of_tables, .entry = entry};
            product_case_make(&c->product, &spec, seed + i);
            if (kind == 1)
                product_case_saturate(&c->product);
            if (kind == 2)
                c->product.x[spec.columns - 1] = i % 2 ? NAN : -INFINITY;
        }
    }
    qemu_compile(specs, used, device, folder);
    qemu_check(folder, cases, each);
    for (size_t i = 0; i < each; i++)
        product_case_free(&cases[i].product);
    free(cases);
    free(specs);
    shell("rm -rf %s", folder);
}
