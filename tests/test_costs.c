/* What devices take and what that costs them; and what translating takes of a process. LUTWIDGE in
 * the environment names the program. */
#include "models/marian.h"
#include "profiles/costs.h"
#include "profiles/peak.h"
#include "profiles/profiling.h"
#include "tests/folder.h"
#include "tests/shell.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct folder *folder;
static struct lw_model model;
static struct lw_part *parts;
static size_t part_count;

static void setup(void)
{
    struct lw_error error = {0};
    struct folder_spec spec = folder_defaults();
    shell_setup();
    spec.config.d_model = 32;
    spec.config.encoder_ffn = spec.config.decoder_ffn = 64;
    folder = folder_new(&spec);
    folder_write(folder);
    setenv("M", folder->path, 1);
    cr_assert_eq(lw_marian_import(folder->path, &model, &error), LW_OK, "%s", error.text);
    cr_assert_eq(lw_parts_list(&model, &parts, &part_count, &error), LW_OK, "%s", error.text);
}

static void teardown(void)
{
    free(parts);
    lw_model_free(&model);
    folder_free(folder);
    shell_teardown();
}

TestSuite(costs, .init = setup, .fini = teardown, .timeout = 60);

static struct lw_cost_device device_named(const char *name)
{
    struct lw_cost_device device;
    struct lw_error error = {0};
    cr_assert_eq(lw_cost_device_named(name, &device, &error), LW_OK, "%s", error.text);
    return device;
}

/* Costs of part `part` with a cell, in a sentence of 3 and `target` words. */
static enum lw_status cost_of(const struct lw_cost_device *device, const struct lw_synth *asic,
                              size_t part, const struct lw_cell *cell, size_t target,
                              struct lw_cost *cost)
{
    const struct lw_costing costing = {.device = device,
                                       .model = &model,
                                       .parts = parts,
                                       .part_count = part_count,
                                       .source_words = 3,
                                       .target_words = target,
                                       .asic = asic};
    struct lw_cell *cells = calloc(part_count, sizeof *cells);
    struct lw_cost *costs = calloc(part_count, sizeof *costs);
    bool *wanted = calloc(part_count, sizeof *wanted);
    struct lw_error error = {0};
    for (size_t p = 0; p < part_count; p++)
        memset(cells[p].bits, 1, sizeof cells[p].bits);
    cells[part] = *cell;
    wanted[part] = true;
    enum lw_status status = lw_costs_of(&costing, cells, wanted, costs, &error);
    *cost = costs[part];
    free(wanted);
    free(costs);
    free(cells);
    return status;
}

Test(costs, devices_take_what_they_can_run)
{
    static const char *const names[] = {"lut-mobile", "bitserial-mobile", "mac4-mobile",
                                        "mac8-mobile"};
    struct lw_cell cells[LW_MOST_CELLS];
    size_t taken = 0, refused = 0;
    for (size_t d = 0; d < sizeof names / sizeof *names; d++) {
        const struct lw_cost_device device = device_named(names[d]);
        for (size_t p = 0; p < part_count; p += 4) {
            size_t count = lw_cells_list(&parts[p], cells, LW_MOST_CELLS);
            for (size_t c = 0; c < count; c += parts[p].words ? 11 : 1) {
                struct lw_cost cost;
                bool takes = lw_cost_takes(&device, &parts[p], &cells[c]);
                cr_assert_eq(cost_of(&device, NULL, p, &cells[c], 2, &cost) == LW_OK, takes,
                             "%s, %s, cell %zu", names[d], parts[p].name, c);
                taken += takes;
                refused += !takes;
            }
        }
    }
    cr_expect(taken > 100 && refused > 20, "%zu, %zu", taken, refused);
}

Test(costs, plans_on_a_device_keep_bits_and_groups)
{
    const struct lw_cost_device devices[] = {device_named("lut-mobile"),
                                             device_named("mac8-mobile")};
    struct lw_cell *plan = calloc(part_count, sizeof *plan), *own = calloc(part_count, sizeof *own);
    for (size_t n = 0; n < 8; n++) {
        lw_profiling_plan(parts, part_count, n, 8, plan);
        lw_profiling_plan_on(&devices[0], parts, part_count, plan, own);
        cr_expect_arr_eq(own, plan, part_count * sizeof *plan);
        lw_profiling_plan_on(&devices[1], parts, part_count, plan, own);
        for (size_t p = 0; p < part_count; p++) {
            cr_expect(lw_cost_takes(&devices[1], &parts[p], &own[p]));
            cr_expect_arr_eq(own[p].bits, plan[p].bits, sizeof own[p].bits);
            cr_expect_eq(lw_cell_modes[own[p].mode].group, lw_cell_modes[plan[p].mode].group);
        }
    }
    free(own);
    free(plan);
}

/* Gates of one block of lanes, by rule. */
static struct lw_synth gates_of(double gates)
{
    struct lw_synth synth = {.count = 1, .adder_gates = 50};
    strcpy(synth.blocks[0].name, "lanes");
    synth.blocks[0].gates = synth.all.gates = gates;
    return synth;
}

Test(costs, energies_are_of_the_counters)
{
    const struct lw_cost_device lookups = device_named("lut-mobile");
    const struct lw_synth small = gates_of(1000), large = gates_of(2000);
    const size_t part = part_count - 1; /* of the decoder */
    struct lw_cost none, once, twice, wider, more;
    const struct lw_cell one = {{1, 1, 1, 1, 1}, 0}, four = {{4, 4, 4, 4, 4}, 0};
    cr_assert_eq(cost_of(&lookups, NULL, part, &one, 2, &none), LW_OK);
    cr_assert_eq(cost_of(&lookups, &small, part, &one, 2, &once), LW_OK);
    cr_assert_eq(cost_of(&lookups, &small, part, &one, 4, &twice), LW_OK);
    cr_assert_eq(cost_of(&lookups, &large, part, &one, 2, &wider), LW_OK);
    cr_assert_eq(cost_of(&lookups, &small, part, &four, 2, &more), LW_OK);
    cr_expect(isnan(none.energy_pj) && none.cost > 0);
    cr_expect_gt(once.energy_pj, 0);
    cr_expect_float_eq(twice.energy_pj, 2 * once.energy_pj, 1e-6 * once.energy_pj);
    cr_expect_gt(wider.energy_pj, once.energy_pj);
    cr_expect_gt(more.energy_pj, once.energy_pj);
    cr_expect_eq(more.memory_bytes > once.memory_bytes, true);
    /* Multipliers of 8 bits read as much for one bit as for four. */
    const struct lw_cost_device multipliers = device_named("mac8-mobile");
    const struct lw_cell uniform = {{4, 4, 4, 4, 4}, 3};
    cr_assert_eq(cost_of(&multipliers, &small, part, &one, 2, &once), LW_OK);
    cr_assert_eq(cost_of(&multipliers, &small, part, &uniform, 2, &more), LW_OK);
    cr_expect_eq(once.energy_pj, more.energy_pj);
    cr_expect_eq(once.cost, more.cost);
}

Test(costs, peak_memory_is_that_of_a_process_that_translates)
{
    struct lw_error error = {0};
    char quantised[128], source[128];
    double bytes = 0;
    snprintf(quantised, sizeof quantised, "%s/m.lwm", shell_folder);
    snprintf(source, sizeof source, "%s/source", shell_folder);
    shell_expect("echo 'the in a is' > $T/source; $LUTWIDGE quantize $M --bits 2 -o $T/m.lwm 2> "
                 "$T/log",
                 0, "");
    struct lw_peak_text text = {.program = getenv("LUTWIDGE"), .source = source, .lines = 1};
    cr_assert_eq(lw_peak_measure(&text, quantised, shell_folder, &bytes, &error), LW_OK, "%s",
                 error.text);
    cr_expect(bytes > 1e6 && bytes < 1e10, "%g", bytes);
    remove(quantised);
    shell_expect("rm $T/peak.db", 0, "");
    cr_expect_eq(lw_peak_measure(&text, quantised, shell_folder, &bytes, &error), LW_FAILED);
    cr_expect_not_null(strstr(error.text, "m.lwm"), "%s", error.text);
    text.program = "/nowhere/lutwidge";
    cr_expect_eq(lw_peak_measure(&text, quantised, shell_folder, &bytes, &error), LW_FAILED);
    cr_expect_not_null(strstr(error.text, "/nowhere/lutwidge cannot be run"), "%s", error.text);
}
