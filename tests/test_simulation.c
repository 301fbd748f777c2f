/* Figures of simulations: layers add up, a tally repeats what a translation took, streams are read
 * back, sweeps. */
#include "gen/disassemble.h"
#include "models/lwm.h"
#include "profiles/database_sensitivity.h"
#include "profiles/database_simulations.h"
#include "profiles/sweep.h"
#include "runtime/translator.h"
#include "sim/backend.h"
#include "tests/databases.h"
#include "tests/places.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void open_model(const char *name, const char *memory, struct lw_simulator *simulator)
{
    struct lw_engine engine;
    struct lw_error error = {0};
    cr_assert_eq(lw_engine_parse(name, &engine, &error), LW_OK, "%s", error.text);
    cr_assert_eq(lw_simulator_open(LW_SIMULATES_MODEL, &engine, memory, 1, simulator, &error),
                 LW_OK);
}

static void check_sums(const struct lw_simulation *simulation)
{
    int64_t sum = 0, busy = 0;
    for (size_t i = 0; i < simulation->count; i++)
        busy += simulation->rows[i].counts[LW_COUNT_BUSY];
    for (int i = LW_COUNT_STEPS; i <= LW_COUNT_TAIL; i++)
        sum += simulation->all.counts[i];
    cr_assert_eq(busy, simulation->all.counts[LW_COUNT_BUSY]);
    cr_assert_eq(sum, busy, "busy cycles are not steps and stalls");
    cr_assert_gt(simulation->all.bound_cycles, 0);
    cr_assert_lt(simulation->all.bound_cycles, (double)busy);
}

Test(simulation, a_step_waits_longer_than_not_and_adds_up)
{
    struct place place;
    struct lw_simulator simulator;
    struct lw_tally step = {0};
    struct lw_error error = {0};
    int64_t busy[2];
    place_make(&place, LW_ARITH_A8);
    open_model("mu4-t4-r4-sl4-bus128", "typical", &simulator);
    cr_assert_eq(lw_tally_of_step(&place.model, 3, &step, &error), LW_OK, "%s", error.text);
    cr_assert_eq(step.count, 6 * place.model.config.decoder_layers + 1);
    for (int waiting = 0; waiting < 2; waiting++) {
        struct lw_simulation simulation;
        cr_assert_eq(
            lw_simulate_list(&place.model, &simulator, &step, waiting, &simulation, &error), LW_OK,
            "%s", error.text);
        cr_assert_str_eq(simulation.rows[0].layer, "decoder.0.self.q+k+v");
        cr_assert_str_eq(simulation.rows[step.count - 1].layer, "embedding");
        cr_assert_eq(simulation.all.calls, step.count);
        cr_assert_eq(simulation.all.columns, 3 * step.count);
        check_sums(&simulation);
        busy[waiting] = simulation.all.counts[LW_COUNT_BUSY];
        lw_simulation_free(&simulation);
    }
    cr_assert_lt(busy[0], busy[1]);
    lw_tally_free(&step);
    lw_simulator_close(&simulator);
    place_free(&place);
}

/* Calls of layers alike are simulated once, whatever the memory: each takes as long as alone in a
 * memory of its own. */
Test(simulation, layers_alike_take_as_long)
{
    static const char *const memories[] = {"ideal", "typical", "poor"};
    struct place place;
    struct lw_tally step = {0};
    struct lw_error error = {0};
    place_make(&place, LW_ARITH_A8);
    cr_assert_eq(lw_tally_of_step(&place.model, 3, &step, &error), LW_OK, "%s", error.text);
    for (size_t m = 0; m < 3; m++) {
        struct lw_simulator simulator, fresh;
        struct lw_tally all = {0};
        open_model("mu4-t4-r4-sl4-bus128", memories[m], &simulator);
        cr_assert_eq(lw_tally_repeat(&place.model, &step, &simulator, &all, &error), LW_OK);
        cr_assert_lt(simulator.effort->simulated, simulator.effort->lists);
        for (size_t i = 0; i < step.count; i++) {
            struct lw_tally one = {.count = 1, .items = &step.items[i]}, alone = {0};
            open_model("mu4-t4-r4-sl4-bus128", memories[m], &fresh);
            cr_assert_eq(lw_tally_repeat(&place.model, &one, &fresh, &alone, &error), LW_OK);
            cr_assert_arr_eq(alone.items[0].counts.values, all.items[i].counts.values,
                             sizeof alone.items[0].counts.values);
            lw_tally_free(&alone);
            lw_simulator_close(&fresh);
        }
        lw_tally_free(&all);
        lw_simulator_close(&simulator);
    }
    lw_tally_free(&step);
    place_free(&place);
}

/* What a translation took, with its results, is what its calls take without. */
Test(simulation, a_tally_repeats_a_translation)
{
    static const int32_t source[] = {3, 1, 4, 0};
    struct place place;
    struct lw_simulator simulator;
    struct lw_backend backend;
    struct lw_translator *translator;
    struct lw_tally work = {0}, again = {0};
    struct lw_hypothesis best;
    struct lw_error error = {0};
    struct lw_search search = {2, 8, 1.0f, false};
    place_make(&place, LW_ARITH_A8);
    open_model("mu3-t4-r4-c2-sl2-bus128", "poor", &simulator);
    cr_assert_eq(lw_backend_engine(&place.model, &simulator, &work, &backend, &error), LW_OK);
    cr_assert_eq(lw_translator_open(&place.model, &backend, &search, &translator, &error), LW_OK);
    cr_assert_eq(lw_translate(translator, source, 4, &best, &error), LW_OK, "%s", error.text);
    cr_assert_eq(lw_tally_repeat(&place.model, &work, &simulator, &again, &error), LW_OK);
    cr_assert_eq(lw_tally_lists(&work), lw_tally_lists(&again));
    struct lw_sim_counts counts, repeated;
    lw_tally_sum(&work, &counts);
    lw_tally_sum(&again, &repeated);
    for (int i = LW_COUNT_STEPS; i < LW_COUNTERS; i++)
        if (i == LW_COUNT_STEPS || i >= LW_COUNT_KEY_BEATS)
            cr_assert_eq(counts.values[i], repeated.values[i], "counter %d", i);
    struct lw_simulation simulation;
    cr_assert_eq(lw_simulation_of_work(&place.model, &simulator.engine, &work, &simulation, &error),
                 LW_OK);
    cr_assert_lt(simulation.count, work.count, "calls of a layer are one row");
    check_sums(&simulation);
    lw_simulation_free(&simulation);
    lw_tally_free(&work);
    lw_tally_free(&again);
    lw_translator_close(translator);
    lw_backend_close(&backend);
    lw_simulator_close(&simulator);
    place_free(&place);
}

Test(simulation, streams_are_read_back)
{
    static const char *const engines[] = {"", "mu3-t4-r4-sl2-bus128-slots16",
                                          "mu5-t5-r7-sl7-bus256-words32"};
    struct place place;
    struct lw_error error = {0};
    place_make(&place, LW_ARITH_A8);
    for (size_t i = 0; i < sizeof engines / sizeof *engines; i++) {
        struct lw_engine engine;
        struct lw_placed placed;
        cr_assert_eq(lw_engine_parse(engines[i], &engine, &error), LW_OK);
        cr_assert_eq(lw_placed_open(&place.model, &engine, &placed, &error), LW_OK);
        cr_assert_eq(lw_placed_all(&placed, &error), LW_OK, "%s", error.text);
        for (size_t m = 0; m < place.model.matrix_count; m++)
            cr_assert_eq(lw_stream_check(&placed.streams[m], &placed.image, &error), LW_OK, "%s",
                         error.text);
        const struct lw_stream *stream = &placed.streams[place.model.output];
        const struct lw_job *job = &stream->parts[stream->count - 1].job;
        placed.image.data[job->key_address + 1] ^= 4;
        cr_assert_eq(lw_stream_check(stream, &placed.image, &error), LW_MISMATCH);
        cr_assert(strstr(error.text, "step 0: the key bit of row"), "%s", error.text);
        placed.image.data[job->key_address + 1] ^= 4;
        placed.image.data[job->scale_address] ^= 1;
        cr_assert_eq(lw_stream_check(stream, &placed.image, &error), LW_MISMATCH);
        cr_assert(strstr(error.text, "the bias of row"), "%s", error.text);
        lw_placed_close(&placed);
    }
    place_free(&place);
}

static enum lw_status read_sweep(const char *text, struct lw_sweep *sweep, struct lw_error *error)
{
    char path[] = "/tmp/lutwidge-sweep-XXXXXX";
    FILE *stream = fdopen(mkstemp(path), "w");
    fputs(text, stream);
    fclose(stream);
    enum lw_status status = lw_sweep_read(path, sweep, error);
    unlink(path);
    return status;
}

Test(simulation, sweeps)
{
    static const struct {
        const char *text, *part;
    } wrong[] = {{"", ":1: there is no sweep"},
                 {"step: 1\nmu: [3, x]\n", ":2: a parameter takes"},
                 {"step: 1\nmu: []\n", ":2: the list is empty"},
                 {"step: 1\n\nmemory: fast\n", ":3: memory takes"},
                 {"step: 1\nengine: 3\n", ":2: unknown key"},
                 {"text: a\ntext: b\n", ":2: a key comes twice"},
                 {"step: 0\n", ":1: a number from 1"},
                 {"step: 1\nlayer: a\n", "one of layer, step, text and file"},
                 {"step: [1\n", ":2: "}};
    struct lw_sweep sweep;
    struct lw_error error = {0};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cr_assert_eq(read_sweep(wrong[i].text, &sweep, &error), LW_CORRUPT, "%s", wrong[i].text);
        cr_assert(strstr(error.text, wrong[i].part), "%s", error.text);
    }
    cr_assert_eq(read_sweep("model: m.lwm\nstep: 2\nmu: [3, 4]\nr: 9\nmemory: [ideal, poor]\n",
                            &sweep, &error),
                 LW_OK, "%s", error.text);
    cr_assert_str_eq(sweep.model, "/tmp/m.lwm");
    cr_assert_eq(lw_sweep_count(&sweep), 4);
    struct lw_sweep_point first = lw_sweep_at(&sweep, 0), last = lw_sweep_at(&sweep, 3);
    cr_assert_eq(first.engine.mu, 3);
    cr_assert_eq(last.engine.mu, 4);
    cr_assert_eq(last.engine.rows, 9); /* not with SL = 8, but that is for its row to say */
    cr_assert_str_eq(first.memory, "ideal");
    cr_assert_str_eq(last.memory, "poor");
    lw_sweep_free(&sweep);
}

TestSuite(database_simulations, .init = database_setup, .fini = database_teardown);

Test(database_simulations, rows_come_back_and_are_kept_once)
{
    struct lw_database *database = database_open();
    struct lw_error error = {0};
    struct lw_run run = LW_RUN_UNKNOWN;
    int64_t id;
    bool there, failed;
    run.verb = "simulate";
    run.command = "lutwidge simulate";
    struct lw_simulation_row row = {.layer = "decoder.0.self.q",
                                    .calls = 2,
                                    .columns = 3,
                                    .counts = {200, 150, 50},
                                    .products = 1000,
                                    .bit_products = 2000,
                                    .bound_cycles = 140};
    row.counts[LW_COUNT_KEY_BEATS] = 10;
    struct lw_simulation simulation = {.count = 1, .rows = &row, .all = row};
    strcpy(simulation.all.layer, "all");
    struct lw_simulated simulated = {.model_hash = "0123456789abcdef0123456789abcdef",
                                     .what = "layer",
                                     .subject = "N = 1",
                                     .engine = lw_engine_default(),
                                     .memory = "poor",
                                     .seed = 1,
                                     .clock_mhz = 100};
    cr_assert_eq(lw_database_start_run(database, &run, &id, &error), LW_OK, "%s", error.text);
    cr_assert_eq(lw_database_has_simulation(database, &simulated, &there, &failed, &error), LW_OK);
    cr_assert_not(there);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(lw_database_add_simulation(database, id, &simulated, &simulation, &error),
                     LW_OK, "%s", error.text);
    cr_assert_eq(lw_database_has_simulation(database, &simulated, &there, &failed, &error), LW_OK);
    cr_assert(there && !failed);
    database_expect(NULL,
                    "SELECT layer, simulator, engine, mu, bus_bits, calls, columns, cycles, steps, "
                    "stall_weights, key_bytes, utilisation, bound_share, seconds FROM "
                    "simulations_view ORDER BY id",
                    LW_OUTPUT_CSV,
                    "layer,simulator,engine,mu,bus_bits,calls,columns,cycles,steps,stall_weights,"
                    "key_bytes,utilisation,bound_share,seconds\n"
                    "decoder.0.self.q,model,mu4-t16-r8-c1-x8-bus512-slots64-sl8-words512,4,512,2,3,"
                    "200,150,50,640,0.75,0.7,2.0e-06\n"
                    "all,model,mu4-t16-r8-c1-x8-bus512-slots64-sl8-words512,4,512,2,3,200,150,50,"
                    "640,0.75,0.7,2.0e-06\n");
    simulated.engine.scale_lanes = 3;
    cr_assert_eq(lw_database_add_failed_simulation(database, id, &simulated, "sl is 3", &error),
                 LW_OK, "%s", error.text);
    cr_assert_eq(lw_database_has_simulation(database, &simulated, &there, &failed, &error), LW_OK);
    cr_assert(there && failed);
    database_expect(NULL,
                    "SELECT scale_lanes, cycles, error FROM simulations_view WHERE error IS NOT "
                    "NULL",
                    LW_OUTPUT_CSV, "scale_lanes,cycles,error\n3,,sl is 3\n");
    lw_database_close(database);
}
