/* translate, simulate, sweep and inspect --stream from outside: real sentences on the simulated
 * engine, and what is kept of them. LUTWIDGE in the environment names the program. */
#include "tests/places.h"
#include "tests/shell.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct place place;

static void make_place(void)
{
    shell_setup();
    place_make(&place, LW_ARITH_A8);
    setenv("M", place.file, 1);
}

static void remove_place(void)
{
    place_free(&place);
    shell_teardown();
}

TestSuite(simulate, .init = make_place, .fini = remove_place, .timeout = 300);

static void rows(const char *sql, const char *expected)
{
    char line[512];
    snprintf(line, sizeof line, "\"$LUTWIDGE\" query --db $T/x.db --csv --sql \"%s\"", sql);
    shell_expect(line, 0, "");
    cr_expect_str_eq(shell_output, expected);
}

Test(simulate, steps_and_layers)
{
    shell_expect("\"$LUTWIDGE\" simulate $M --step --columns 2 --memory ideal --db $T/x.db", 0,
                 "step (N = 2) on mu4-t16-r8-c1-x8-bus512-slots64-sl8-words512, ideal memory, by "
                 "the C model:\nlayer ");
    cr_expect_not_null(strstr(shell_output, " M cycles simulated a second"));
    cr_expect_not_null(strstr(shell_output, "\nstep, waiting (N = 2) on "));
    cr_expect_not_null(strstr(shell_output, "\nall  "));
    cr_expect_not_null(strstr(shell_output, "\ntime: "));
    rows("SELECT what, subject, simulator, memory, clock_mhz, calls, columns, cycles = steps + "
         "stall_weights + stall_table + stall_x + stall_bank + stall_alpha + stall_y + stall_fetch "
         "+ stall_tail AS whole FROM simulations_view WHERE layer = 'all'",
         "what,subject,simulator,memory,clock_mhz,calls,columns,whole\n"
         "step,N = 2,model,ideal,400.0,7,14,1\n\"step, waiting\",N = 2,model,ideal,400.0,7,14,1\n");
    rows("SELECT verb, arith, kernels, seconds > 0 AS timed FROM runs_view",
         "verb,arith,kernels,timed\nsimulate,a8,model,1\n");
    shell_expect("\"$LUTWIDGE\" query simulations --db $T/x.db", 0, "step, waiting");
    /* The RTL of another engine takes what its model takes. */
    shell_expect("for by in rtl model; do \"$LUTWIDGE\" simulate $M --layer decoder.0.ffn.fc1 "
                 "--parameters mu3-t8-r4-sl2-bus128 --memory poor --clock 200 --engine $by "
                 "--db $T/x.db | tail -n +2 > $T/$by; done; cmp $T/rtl $T/model && cat $T/rtl",
                 0, "at 200 MHz");
    rows("SELECT count(*), count(DISTINCT cycles) FROM simulations_view WHERE what = 'layer'",
         "count(*),count(DISTINCT cycles)\n4,1\n");
}

Test(simulate, traces)
{
    static const char layer[] = "\"$LUTWIDGE\" simulate $M --layer decoder.0.ffn.fc1 --parameters "
                                "mu3-t8-r4-sl2-bus128 --trace $T/%s.fst %s";
    char all[256], part[256];
    snprintf(all, sizeof all, layer, "all", "--engine rtl");
    snprintf(part, sizeof part, layer, "part",
             "--engine rtl --trace-from 50 --trace-cycles 20 && test -s $T/part.fst && "
             "test $(stat -c %s $T/part.fst) -lt $(stat -c %s $T/all.fst)");
    shell_expect(all, 0, "time: ");
    shell_expect(part, 0, "time: ");
    snprintf(all, sizeof all, layer, "none/x", "--engine rtl");
    shell_expect(all, 1, "none/x.fst: No such file");
    snprintf(all, sizeof all, layer, "x", "");
    shell_expect(all, 2, "the model writes no trace");
    shell_expect("\"$LUTWIDGE\" simulate $M --step --trace $T/x.fst", 2, "a trace is of a layer");
}

Test(simulate, wrong_usage)
{
    shell_expect("\"$LUTWIDGE\" simulate $M", 2, "one of --layer, --step, --text and a file");
    shell_expect("\"$LUTWIDGE\" simulate $M --step --layer embedding", 2, "give one of");
    shell_expect("\"$LUTWIDGE\" simulate $M --layer nix", 2, "no matrix 'nix'");
    shell_expect("\"$LUTWIDGE\" simulate $M --step --columns 0", 2, "--columns takes 1");
    shell_expect("\"$LUTWIDGE\" simulate $M --step --clock 0", 2, "--clock takes 1");
    shell_expect("\"$LUTWIDGE\" simulate $M $T/text --lines -1", 2, "--lines takes 1 or more");
    shell_expect("\"$LUTWIDGE\" simulate $M --step --parameters t8-mu4-t16", 2, "each once");
    shell_expect("\"$LUTWIDGE\" simulate $M --step --clock -1", 2, "--clock takes");
    shell_expect("\"$LUTWIDGE\" simulate $M --step --seed -1", 2, "--seed takes");
    shell_expect("\"$LUTWIDGE\" simulate $M --step --parameters mu9", 2, "mu is 9; it is 2 to 5");
    shell_expect("\"$LUTWIDGE\" simulate $M --step --parameters z1", 2, "'z1' is none of mu");
    shell_expect("\"$LUTWIDGE\" simulate $M --step --memory fast", 2, "none of ideal, typical");
    shell_expect("\"$LUTWIDGE\" simulate $M --step --engine kernels", 2, "there are model and rtl");
    shell_expect("\"$LUTWIDGE\" simulate $M --step --device host", 2,
                 "lut-mobile, lut-fpga, bitserial-mobile");
    shell_expect("\"$LUTWIDGE\" simulate models/open-en-de --step", 2, "is not quantised");
    shell_expect("\"$LUTWIDGE\" simulate models/open-en-de/e132.lwm --step", 2,
                 "of class t8, and the engine computes class a8: quantize the model with --arith");
    shell_expect("echo a | \"$LUTWIDGE\" translate models/open-en-de/e132.lwm --device lut-mobile",
                 2, "quantize the model with --arith a8");
    shell_expect("echo a | \"$LUTWIDGE\" translate $M --engine model --threads 2", 2, "one thread");
    shell_expect("echo a | \"$LUTWIDGE\" translate $M --engine vhdl", 2,
                 "there are kernels, reference, model and rtl");
    shell_expect("echo a | \"$LUTWIDGE\" translate $M --engine rtl --device x86-avx2", 2,
                 "bitserial-mobile, mac4-mobile and mac8-mobile, not 'x86-avx2'");
    shell_expect("echo a | \"$LUTWIDGE\" translate $M --engine kernels --device lut-fpga", 2,
                 "device lut-fpga runs no kernels");
    shell_expect("\"$LUTWIDGE\" generate $M --device lut-mobile -o $T/bundle", 2,
                 "has an engine and no kernels");
}

Test(simulate, streams)
{
    shell_expect("\"$LUTWIDGE\" inspect $M --stream encoder.0.ffn.fc1", 0,
                 "checked: descriptors and their CRCs, and every key bit, scale and bias");
    cr_expect_not_null(strstr(shell_output, "step 0  pass 0  tile 0  block 0  plane 0  at 0x"));
    cr_expect_not_null(strstr(shell_output, "\nrow 0: bias "));
    shell_expect("\"$LUTWIDGE\" inspect $M --stream embedding --parameters mu5-t5-r7-sl7 | head -1",
                 0, "embedding on mu5-t5-r7-c1-x8-bus512-slots64-sl7-words512: 6 jobs");
    shell_expect("\"$LUTWIDGE\" inspect $M --stream nix", 2, "no matrix 'nix'");
    shell_expect("\"$LUTWIDGE\" inspect $M --stream embedding --json", 2, "leave out --json");
    shell_expect("\"$LUTWIDGE\" inspect $M --parameters mu5", 2, "--parameters go with --stream");
}

Test(simulate, sweeps_go_on_and_keep_what_fails)
{
    shell_expect("printf 'step: 1\\nr: [4, 6]\\nsl: 4\\nmu: [3, 4]\\nmemory: ideal\\n' > $T/s.yaml",
                 0, "");
    shell_expect("\"$LUTWIDGE\" sweep $T/s.yaml --db $T/x.db", 2, "names no model; give --model");
    shell_expect("\"$LUTWIDGE\" sweep $T/s.yaml --engine kernels", 2, "there are model and rtl");
    shell_expect("\"$LUTWIDGE\" sweep $T/s.yaml --model $M --db $T/x.db", 0, "8 points in ");
    cr_expect_not_null(strstr(shell_output, "0 of them in "), "%s", shell_output);
    cr_expect_not_null(strstr(shell_output, "4 failed"), "%s", shell_output);
    shell_expect("\"$LUTWIDGE\" sweep $T/s.yaml --model $M --db $T/x.db", 0, "8 of them in ");
    rows("SELECT what, mu, r, cycles > 0 AS done, error FROM simulations_view WHERE layer = 'all' "
         "AND mu = 3",
         "what,mu,r,done,error\nstep,3,4,1,\n\"step, waiting\",3,4,1,\n"
         "step,3,6,,\"engine: sl is 4, which does not divide r, 6\"\n"
         "\"step, waiting\",3,6,,\"engine: sl is 4, which does not divide r, 6\"\n");
    shell_expect("\"$LUTWIDGE\" query engines --db $T/x.db", 0, "kgates (model)");
    shell_expect("\"$LUTWIDGE\" query engines --db $T/x.db --csv | wc -l", 0, "5\n");
    shell_expect("\"$LUTWIDGE\" sweep $T/s.yaml --model $M --db $T/x.db --retry", 0,
                 "4 of them in ");
    shell_expect("printf 'mux: 3\\n' > $T/s.yaml; \"$LUTWIDGE\" sweep $T/s.yaml", 5,
                 "s.yaml:1: unknown key");
}

/* A real sentence, on the RTL as on the model, is what the definition of the class gives. */
Test(simulate, sentences)
{
    shell_expect("\"$LUTWIDGE\" quantize models/open-en-de --bits 3 --arith a8 -o $T/m.lwm", 0, "");
    shell_expect("echo 'Open the file.' > $T/in; for by in reference model rtl; do \"$LUTWIDGE\" "
                 "translate $T/m.lwm $T/in -b 1 -s -q --max-length 6 --engine $by > $T/$by; done; "
                 "cmp $T/reference $T/model && cmp $T/reference $T/rtl",
                 0, "");
    shell_expect("\"$LUTWIDGE\" translate $T/m.lwm $T/in --device lut-mobile --max-length 4 "
                 "--db $T/x.db",
                 0, "class a8 by lut-mobile/model");
    cr_expect_not_null(strstr(shell_output, "s at the 400 MHz of lut-mobile"));
    rows("SELECT arith, kernels FROM runs_view", "arith,kernels\na8,lut-mobile/model\n");
    shell_expect("\"$LUTWIDGE\" simulate $T/m.lwm --text 'Open the file.' --db $T/x.db", 0,
                 "text (beam 1: Open the file.) on mu4");
    cr_expect_not_null(strstr(shell_output, "\ndecoder.0.cross.k+v and 4 "), "%s", shell_output);
    shell_expect("\"$LUTWIDGE\" simulate $T/m.lwm $T/in --lines 1 -q --db $T/x.db", 0,
                 "text (beam 1, 1 lines of ");
    rows("SELECT count(DISTINCT cycles) FROM simulations_view WHERE layer = 'all'",
         "count(DISTINCT cycles)\n1\n");
    shell_expect("\"$LUTWIDGE\" simulate $T/m.lwm --text ' '", 2, "the text is blank");
    shell_expect("\"$LUTWIDGE\" simulate $T/m.lwm --text a --beam 0", 2, "--beam takes 1 to 64");
    shell_expect("\"$LUTWIDGE\" simulate $T/m.lwm $T/nix", 1, "cannot open");
    shell_expect("printf '.\\n\\377\\n' > $T/bad; \"$LUTWIDGE\" simulate $T/m.lwm $T/bad", 5,
                 "/bad, line 2: invalid UTF-8");
}
