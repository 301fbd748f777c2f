/* The whole way from outside: quantise, generate, translate; the same bytes on every instruction
 * set; bad lines, damaged files, a missing compiler, a full disk, Ctrl-C. LUTWIDGE in the
 * environment names the program. */
#include "tests/shell.h"

#include "gen/device.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(translate, .init = shell_setup, .fini = shell_teardown, .timeout = 300);

static void quantize(const char *arith)
{
    char line[256];
    snprintf(line, sizeof line,
             "$LUTWIDGE quantize models/open-en-de --bits 3 --arith %s -o $T/m.lwm", arith);
    shell_expect(line, 0, "3.16 with scales");
    shell_expect("head -n 6 models/open-en-de/test.en > $T/in; export XDG_CACHE_HOME=$T", 0, "");
}

/* Portable C, AVX2, AVX-512, a bundle and the definition, greedy and beam search, of $T/m.lwm. */
static void check_same_bytes(void)
{
    shell_expect("$LUTWIDGE translate $T/m.lwm $T/in -b 1 -s --engine reference -q > $T/greedy", 0,
                 "");
    shell_expect(
        "head -n 2 $T/in | $LUTWIDGE translate $T/m.lwm -b 4 -s --engine reference -q > $T/beam", 0,
        "");
    for (int isa = 0; isa < LW_ISA_COUNT; isa++) {
        char line[512];
        const char *device = lw_device_of((enum lw_isa)isa)->name;
        if (!lw_isa_runs_here((enum lw_isa)isa)) {
            snprintf(line, sizeof line, "$LUTWIDGE translate $T/m.lwm $T/in --device %s", device);
            shell_expect(line, 1, "need a CPU with");
            continue;
        }
        snprintf(line, sizeof line, "$LUTWIDGE generate $T/m.lwm --device %s -o $T/bundle", device);
        shell_expect(line, 0, "kernels of class");
        shell_expect("$LUTWIDGE translate $T/bundle $T/in -b 1 -s -q | cmp - $T/greedy", 0, "");
        shell_expect("$LUTWIDGE translate $T/bundle $T/in -b 1 -s -q --batch 4 | cmp - $T/greedy",
                     0, "");
        shell_expect("$LUTWIDGE translate $T/bundle $T/in -b 1 -s -q --threads 3 --batch 2 | "
                     "cmp - $T/greedy",
                     0, "");
        shell_expect("head -n 2 $T/in | $LUTWIDGE translate $T/bundle -b 4 -s -q | cmp - $T/beam",
                     0, "");
    }
}

Test(translate, codes_of_a_file_take_another_class)
{
    shell_expect("cd $T && M=$OLDPWD/models/open-en-de; Q=\"$LUTWIDGE quantize\"; "
                 "$Q $M --bits 2 --fit greedy -o t8.lwm && $Q t8.lwm --arith a8 -o a8.lwm && "
                 "$Q $M --bits 2 --fit greedy --arith a8 -o made.lwm && $LUTWIDGE inspect a8.lwm",
                 0,
                 "made by: lutwidge 0.1.0 quantize --arith a8: lutwidge 0.1.0 quantize --bits 2");
    shell_expect("for m in a8 made; do head -n 2 models/open-en-de/test.en | "
                 "$LUTWIDGE translate $T/$m.lwm -b 1 -s -q --engine reference > $T/$m.out; done; "
                 "cmp $T/a8.out $T/made.out && test -s $T/made.out",
                 0, "");
    shell_expect("$LUTWIDGE quantize $T/t8.lwm -o $T/x.lwm", 2, "quantised already: --arith alone");
    shell_expect("$LUTWIDGE quantize $T/t8.lwm --arith a8 --bits 2 -o $T/x.lwm", 2,
                 "quantised already");
    shell_expect("test ! -e $T/x.lwm", 0, "");
}

Test(translate, t8_gives_the_same_bytes_everywhere)
{
    quantize("t8");
    check_same_bytes();
}

Test(translate, a8_gives_the_same_bytes_everywhere)
{
    quantize("a8");
    check_same_bytes();
}

Test(translate, matrices_of_several_classes)
{
    quantize("t8"); /* $T/in */
    shell_expect("printf 'name: classes\narith: a8\nrules:\n  - {match: \"*\", bits: 3}\n"
                 "  - {match: self.k, arith: t8}\n  - {match: self.v, arith: f32}\n"
                 "  - {match: embedding, arith: t8}\n' > $T/p.yaml",
                 0, "");
    shell_expect("$LUTWIDGE inspect models/open-en-de --plan $T/p.yaml | grep encoder.0.self.v", 0,
                 "f32   bits: * (line 4), arith: self.v (line 6)");
    shell_expect("$LUTWIDGE quantize models/open-en-de --plan $T/p.yaml -o $T/m.lwm", 0,
                 "class f32+a8+t8");
    shell_expect("$LUTWIDGE inspect $T/m.lwm", 0, "binary codes, class f32+a8+t8\n");
    shell_expect("$LUTWIDGE inspect $T/m.lwm | grep encoder.0.self.k", 0, "  t8\n");
    shell_expect("$LUTWIDGE inspect $T/m.lwm --json", 0, "\"arith\": \"f32+a8+t8\"");
    check_same_bytes();
    shell_expect("$LUTWIDGE generate $T/m.lwm -o $T/bundle", 0, "kernels of class f32+a8+t8 for");
    shell_expect("$LUTWIDGE translate $T/bundle $T/in -b 1 -s -q --arith f32+a8+t8 --db $T/x.db | "
                 "cmp - $T/greedy",
                 0, "");
    shell_expect("$LUTWIDGE translate $T/bundle $T/in -b 1 -s -q --arith f32 | cmp -s - $T/greedy",
                 1, "");
    shell_expect("$LUTWIDGE query --db $T/x.db --csv --sql 'SELECT verb, arith FROM runs_view'", 0,
                 "translate,f32+a8+t8");
    shell_expect("$LUTWIDGE translate $T/m.lwm $T/in --arith a8", 2,
                 "m.lwm is of class f32+a8+t8; classes belong to a model");
    shell_expect("$LUTWIDGE translate $T/m.lwm $T/in --arith a8+t8", 2, "unknown class");
    shell_expect("$LUTWIDGE quantize models/open-en-de --plan $T/p.yaml --arith a8 -o $T/n.lwm && "
                 "$LUTWIDGE inspect $T/n.lwm",
                 0, "class a8\nmade by: lutwidge 0.1.0 quantize --plan classes --arith a8\n");
}

Test(translate, plans_reach_the_kernels)
{
    shell_expect(
        "printf 'name: mix\nrules:\n  - {match: \"*\", bits: 2, group: 64}\n"
        "  - {match: encoder, bits: 3, alpha: uniform}\n"
        "  - {match: embedding, words: {clusters: 4, ratio: 1}, group: row}\n' > $T/p.yaml",
        0, "");
    shell_expect("$LUTWIDGE inspect models/open-en-de --plan $T/p.yaml", 0, "encoder (line 4)");
    shell_expect("$LUTWIDGE quantize models/open-en-de --plan $T/p.yaml -o $T/m.lwm", 2,
                 "by frequency");
    shell_expect("$LUTWIDGE quantize models/open-en-de --plan $T/p.yaml --bits 2 -o $T/m.lwm", 2,
                 "leave out");
    shell_expect(
        "$LUTWIDGE quantize models/open-en-de --plan $T/p.yaml -o $T/m.lwm --save-counts $T/c "
        "--source-text models/open-en-de/dev.en --target-text models/open-en-de/dev.de",
        0, "bits a weight");
    shell_expect(
        "$LUTWIDGE quantize models/open-en-de --plan $T/p.yaml -o $T/n.lwm --counts $T/c && "
        "cmp $T/m.lwm $T/n.lwm",
        0, "");
    shell_expect("$LUTWIDGE inspect $T/m.lwm", 0, "uniform g64");
    shell_expect("head -n 3 models/open-en-de/test.en > $T/in; "
                 "$LUTWIDGE translate $T/m.lwm $T/in -b 1 -s --engine reference -q > $T/out",
                 0, "");
    shell_expect("XDG_CACHE_HOME=$T $LUTWIDGE translate $T/m.lwm $T/in -b 1 -s -q | cmp - $T/out",
                 0, "");
    shell_expect("sed -i 's/encoder/encodr/' $T/p.yaml; "
                 "$LUTWIDGE inspect models/open-en-de --plan $T/p.yaml",
                 2, "encodr");
    shell_expect("sed -i 's/bits: 2/bitz: 2/' $T/p.yaml; "
                 "$LUTWIDGE inspect models/open-en-de --plan $T/p.yaml",
                 5, "p.yaml:3");
}

/* A plan and the options of --bits calibrate alike. */
Test(translate, calibration_needs_a_parallel_text)
{
    static const char text[] = " --source-text $T/s --target-text $T/t --calibration-lines 3";
    static const char one_side[] = " --source-text $T/s";
    static const char quantize[] = "$LUTWIDGE quantize models/open-en-de --arith t8 ";
    static const char plan[] = "--plan $T/p.yaml -o $T/p.lwm",
                      bits[] = "--bits 1 --fit greedy "
                               "--weighting activations -o $T/b.lwm";
    char line[512];
    shell_expect("printf 'rules:\n- match: \"*\"\n  bits: 1\n  fit: greedy\n"
                 "  weighting: activations\n' > $T/p.yaml",
                 0, "");
    shell_expect(
        "head -n 3 models/open-en-de/dev.en > $T/s; head -n 3 models/open-en-de/dev.de > $T/t", 0,
        "");
    shell_expect("$LUTWIDGE inspect models/open-en-de --plan $T/p.yaml", 0,
                 "greedy       activations");
    snprintf(line, sizeof line, "%s%s%s", quantize, plan, one_side);
    shell_expect(line, 2, "name both sides of a parallel one");
    snprintf(line, sizeof line, "%s%s%s", quantize, bits, text);
    shell_expect(line, 0, "bits a weight");
    snprintf(line, sizeof line, "%s%s%s", quantize, plan, text);
    shell_expect(line, 0, "calibrate");
    /* All but what says how the files were made. */
    shell_expect("tail -c 1300000 $T/b.lwm > $T/1; tail -c 1300000 $T/p.lwm | cmp - $T/1", 0, "");
    shell_expect("$LUTWIDGE inspect $T/b.lwm", 0, "quantize --bits 1 --fit greedy --arith t8\n");
    shell_expect("echo more >> $T/s", 0, "");
    snprintf(line, sizeof line, "%s%s%s4", quantize, bits, text);
    shell_expect(line, 5, "more lines than");
    shell_expect("$LUTWIDGE quantize models/open-en-de --bits 2 --weighting some -o $T/b.lwm", 2,
                 "--weighting is none, activations, gram or sequence");
    shell_expect("$LUTWIDGE quantize models/open-en-de --bits 2 --calibration-lines 0 -o $T/b.lwm",
                 2, "--calibration-lines must be");
}

Test(translate, fits_in_sequence_need_a_parallel_text_too)
{
    static const char fitted[] =
        "head -n 3 models/open-en-de/calibration.en > $T/s; "
        "head -n 3 models/open-en-de/calibration.de > $T/t; "
        "$LUTWIDGE quantize models/open-en-de --bits 1 --fit greedy --weighting sequence "
        "--source-text $T/s --target-text $T/t -o $T/s.lwm";
    shell_expect("$LUTWIDGE quantize models/open-en-de --bits 1 --weighting sequence -o $T/s.lwm",
                 2, "name both sides of a parallel one");
    shell_expect(fitted, 0, "bits a weight");
    shell_expect("$LUTWIDGE quantize models/open-en-de --bits 1 --nested --weighting sequence "
                 "--source-text $T/s --target-text $T/t -o $T/n.lwm",
                 2, "not sequence");
}

Test(translate, options_that_nothing_uses_are_refused)
{
    static const struct {
        const char *options, *part;
    } cases[] = {
        {"--bits 1 --counts c", "leave out --counts and --save-counts"},
        {"--bits 1 --save-counts $T/c", "leave out --counts and --save-counts"},
        {"--plan $T/words.yaml --counts c --save-counts $T/c", "leave out --counts"},
        {"--bits 1 --calibration-lines 3", "leave out --calibration-lines"},
        {"--plan $T/words.yaml --counts c --calibration-lines 3", "leave out --calibration-lines"},
        {"--bits 1 --weighting none --source-text s", "leave out --source-text and --target-text"},
        {"--bits 1 --target-text t", "leave out --source-text and --target-text"},
        {"--bits 1 --nested --source-text s --target-text t",
         "leave out --source-text and --target-text"},
        {"--plan $T/words.yaml --counts c --source-text s", "leave out --source-text"},
        {"--plan $T/weighted.yaml --source-text s --target-text t --counts c",
         "leave out --counts and --save-counts"},
        {"--plan $T/weighted.yaml --source-text s --target-text t --calibration-lines -1",
         "--calibration-lines must be"},
    };
    char line[512];
    shell_expect("printf 'rules:\n  - {match: \"*\", bits: 2}\n"
                 "  - {match: embedding, words: {clusters: 4, ratio: 1}}\n' > $T/words.yaml; "
                 "printf 'rules:\n  - {match: \"*\", bits: 2, weighting: activations}\n' > "
                 "$T/weighted.yaml",
                 0, "");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(line, sizeof line, "$LUTWIDGE quantize models/open-en-de -o $T/m.lwm %s",
                 cases[i].options);
        shell_expect(line, 2, cases[i].part);
    }
    shell_expect("ls $T/m.lwm $T/c", 2, "");
}

Test(translate, an_lwm_makes_its_kernels_once)
{
    quantize("t8");
    shell_expect("XDG_CACHE_HOME=$T $LUTWIDGE translate $T/m.lwm $T/in -b 1", 0, "generating");
    shell_expect(
        "XDG_CACHE_HOME=$T LUTWIDGE_CLANG=/nonexistent $LUTWIDGE translate $T/m.lwm $T/in -b 1", 0,
        "6 lines in");
    /* A damaged one is made again, with a message. */
    shell_expect("for w in $T/lutwidge/*/weights.bin; do printf x | dd of=$w bs=1 seek=999 "
                 "conv=notrunc; done",
                 0, "");
    shell_expect("XDG_CACHE_HOME=$T $LUTWIDGE translate $T/m.lwm $T/in -b 1", 0,
                 "it is made again");
    shell_expect("XDG_CACHE_HOME=$T $LUTWIDGE translate $T/m.lwm $T/in -b 1 | grep -c generating",
                 1, "0");
    shell_expect("ls $T/lutwidge | grep -vc objects", 0, "1\n");
}

Test(translate, a_cache_that_was_cleaned_half_is_made_again)
{
    quantize("t8");
    shell_expect("XDG_CACHE_HOME=$T $LUTWIDGE translate $T/m.lwm $T/in -b 1", 0, "generating");
    shell_expect("rm $T/lutwidge/*/manifest.json; "
                 "XDG_CACHE_HOME=$T $LUTWIDGE translate $T/m.lwm $T/in -b 1",
                 0, "made again");
}

/* Whatever computes the products; lines that are refused keep their place. */
Test(translate, threads_change_nothing)
{
    static const char *const kinds[] = {"", " --arith f32", " --engine reference"};
    char line[512];
    quantize("t8");
    shell_expect("{ head -n 2 $T/in; printf 'bad \\377\n\nA day.\n'; } > $T/five", 0, "");
    for (size_t k = 0; k < 3; k++) {
        snprintf(line, sizeof line,
                 "$LUTWIDGE translate $T/m.lwm $T/five -b 1 --max-length 9 -s%s > $T/one",
                 kinds[k]);
        shell_expect(line, 5, "line 3: invalid UTF-8");
        for (int threads = 2; threads <= (k < 2 ? 4 : 2); threads++) {
            snprintf(line, sizeof line,
                     "$LUTWIDGE translate $T/m.lwm $T/five -b 1 --max-length 9 -s --threads %d%s "
                     "> $T/some",
                     threads, kinds[k]);
            shell_expect(line, 5, "line 3: invalid UTF-8");
            shell_expect("cmp $T/one $T/some", 0, "");
        }
    }
}

#if !__has_feature(address_sanitizer)
/* A line that there is no memory for is not the end of the text. */
Test(translate, a_line_too_long_for_memory_is_no_end)
{
    shell_expect("printf 'Hello.\\nHello.\\n' > $T/long; truncate -s 1G $T/long", 0, "");
    shell_expect(
        "sh -c 'ulimit -v 300000; $LUTWIDGE translate models/multi30k-en-de/e132.lwm --engine "
        "reference -b 1 -q $T/long' > $T/out",
        1, "long, line 3 cannot be read, or is too long");
    shell_expect("wc -l < $T/out", 0, "2");
    shell_expect("sh -c 'ulimit -v 300000; $LUTWIDGE shortlist models/multi30k-en-de/e132.lwm "
                 "--source-text $T/long --target-text $T/long -o $T/lex'",
                 1, "long cannot be read: Cannot allocate memory");
    shell_expect("printf '. . 1\\n' > $T/lex; truncate -s 1G $T/lex", 0, "");
    shell_expect(
        "sh -c 'ulimit -v 300000; echo Hi | $LUTWIDGE translate models/open-en-de --arith f32 "
        "--shortlist $T/lex -q'",
        1, "lex cannot be read: Cannot allocate memory");
}

/* What the refusal says is enough, and what is resident in the end stays below it. */
Test(translate, memory_is_refused_before_it_is_taken)
{
    static const char *const options[] = {"-b 1", "-b 4 --batch 4", "-b 2 --threads 3",
                                          "-b 2 --arith f32 --threads 2"};
    char line[512];
    quantize("t8");
    shell_expect("$LUTWIDGE translate $T/m.lwm $T/in -n 1 -q", 0, ""); /* makes the kernels */
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        snprintf(line, sizeof line,
                 "$LUTWIDGE translate $T/m.lwm $T/in %s --max-memory 1MB 2> $T/log > $T/out",
                 options[i]);
        shell_expect(line, 3, "");
        shell_expect("test ! -s $T/out; cat $T/log", 0, "more than --max-memory 1MB; fewer beams");
        snprintf(line, sizeof line,
                 "M=$(sed -n 's/.*up to \\([0-9]*\\) MB.*/\\1/p' $T/log); "
                 "$LUTWIDGE translate $T/m.lwm $T/in %s --max-memory ${M}MB 2>&1 > $T/out | "
                 "sed -n 's/.*peak memory \\([0-9]*\\).*/\\1/p' > $T/peak; "
                 "test $(cat $T/peak) -lt $M && wc -l < $T/out",
                 options[i]);
        shell_expect(line, 0, "6\n");
    }
    shell_expect("$LUTWIDGE translate $T/m.lwm $T/in --max-memory lots", 2, "--max-memory takes");
    shell_expect("$LUTWIDGE translate $T/m.lwm $T/in --max-memory 1GB --engine reference", 2,
                 "is not known");
}
#endif

Test(translate, bad_lines_lose_nothing)
{
    shell_expect("{ echo Hello; echo; printf 'bad \\377 byte\\n'; printf '  \\t \\n'; "
                 "head -c 10000 /dev/zero | tr '\\0' a; echo; printf 'Good morning'; } > $T/in",
                 0, "");
    shell_expect("$LUTWIDGE translate models/open-en-de $T/in -b 1 -q > $T/out", 5, "line 3");
    shell_expect("$LUTWIDGE translate models/open-en-de $T/in -b 1 -q 2>&1 > $T/out", 5, "line 5");
    shell_expect("wc -l < $T/out", 0, "6\n");
    shell_expect("sed -n '2,5p' $T/out | tr -d '\\n' | wc -c", 0, "0\n");
    shell_expect("sed -n 1p $T/out; sed -n 6p $T/out", 0, "Guten Morgen");
    shell_expect("sed -i '3d;4d' $T/in; $LUTWIDGE translate models/open-en-de $T/in -b 1 -q", 1,
                 "line 3");
    shell_expect("printf '' | $LUTWIDGE translate models/open-en-de -q | wc -c", 0, "0\n");
}

Test(translate, a_compiler_that_is_missing_is_named)
{
    quantize("t8");
    shell_expect("LUTWIDGE_CLANG=/no/clang XDG_CACHE_HOME=$T $LUTWIDGE translate $T/m.lwm $T/in", 1,
                 "apt-get install clang-19");
    shell_expect("LUTWIDGE_CLANG=/no/clang $LUTWIDGE generate $T/m.lwm -o $T/bundle", 1,
                 "/no/clang");
    shell_expect("ls $T $T/lutwidge", 0, "");
    cr_expect_null(strstr(shell_output, "partial"), "%s", shell_output);
    cr_expect_null(strstr(shell_output, "bundle"), "%s", shell_output);
}

Test(translate, damaged_models_are_refused)
{
    quantize("t8");
    shell_expect("printf x | dd of=$T/m.lwm bs=1 seek=100000 conv=notrunc 2>/dev/null; "
                 "$LUTWIDGE translate $T/m.lwm $T/in",
                 5, "m.lwm");
    shell_expect("$LUTWIDGE inspect $T/m.lwm", 5, "m.lwm");
    shell_expect("head -c 1000 models/open-en-de/model.safetensors > $T/short; mkdir $T/d; "
                 "cp models/open-en-de/*.json models/open-en-de/*.spm $T/d; mv $T/short "
                 "$T/d/model.safetensors; "
                 "$LUTWIDGE translate $T/d $T/in",
                 5, "model.safetensors");
    shell_expect("$LUTWIDGE translate $T/nothing $T/in", 1, "nothing");
}

Test(translate, requests_that_make_no_sense_are_refused)
{
    quantize("t8");
    shell_expect("$LUTWIDGE translate $T/m.lwm $T/in --arith a8", 2, "classes belong to a model");
    shell_expect("$LUTWIDGE translate models/open-en-de $T/in --arith t8", 2, "not quantised");
    shell_expect("$LUTWIDGE translate models/open-en-de $T/in --device portable", 2, "--device");
    shell_expect("$LUTWIDGE translate $T/m.lwm $T/in --device x87", 2, "arm-cortex-a55");
    shell_expect("$LUTWIDGE translate $T/m.lwm $T/in --engine warp", 2, "reference");
    shell_expect("$LUTWIDGE translate $T/m.lwm $T/in --beam 65", 2, "1 to 64");
    shell_expect("$LUTWIDGE translate $T/m.lwm $T/in --beam 0", 2, "1 to 64, not 0");
    shell_expect("$LUTWIDGE translate $T/m.lwm $T/in --max-length 0", 2, "2 or more, not 0");
    shell_expect("$LUTWIDGE translate $T/m.lwm $T/in --length-penalty nan", 2, "must be a number");
    shell_expect("$LUTWIDGE translate $T/m.lwm $T/in --lines -1", 2, "0 or more, not -1");
    shell_expect("$LUTWIDGE translate $T/m.lwm $T/in --batch 0", 2, "--batch takes 1 to 1024");
    shell_expect("$LUTWIDGE translate $T/m.lwm $T/in --threads 0", 2, "--threads takes 1 to 1024");
    shell_expect("$LUTWIDGE translate $T/m.lwm $T/in --threads 2 --arith blas", 2, "one thread");
    shell_expect("$LUTWIDGE translate models/open-en-de $T/nothing", 1, "nothing");
    shell_expect("$LUTWIDGE generate $T/m.lwm -o $T", 2, "no bundle");
    shell_expect("$LUTWIDGE generate models/open-en-de -o $T/b", 2,
                 "models/open-en-de is not quantised: run 'lutwidge quantize' on it first");
    shell_expect("$LUTWIDGE generate $T/none.lwm -o $T/b", 1, "none.lwm");
    shell_expect("$LUTWIDGE generate --spec t8_k0_c", 2, "no kernel spec");
    shell_expect("$LUTWIDGE generate $T/m.lwm -o $T/b --stage ir", 2, "--spec");
    shell_expect("$LUTWIDGE translate $T/m.lwm $T/in --lines -3", 2, "0 or more");
    shell_expect("$LUTWIDGE translate $T/m.lwm $T/in --db $T", 1, "");
    shell_expect("$LUTWIDGE quantize models/open-en-de --bits 1 --arith f32 -o $T/f.lwm && "
                 "$LUTWIDGE translate $T/f.lwm $T/in --device portable",
                 2, "--device");
}

Test(translate, figures_reach_the_database)
{
    quantize("t8");
    shell_expect("head -n 6 models/open-en-de/test.de > $T/ref", 0, "");
    shell_expect(
        "XDG_CACHE_HOME=$T $LUTWIDGE translate $T/m.lwm $T/in -b 1 -q --ref $T/ref --db $T/x.db", 0,
        "");
    shell_expect("$LUTWIDGE query --db $T/x.db --csv --sql 'SELECT verb, arith, bits, lines, bleu "
                 "> 5 FROM runs_view'",
                 0, "translate,t8,3.0,6,1");
    shell_expect("sed -i 6d $T/ref; $LUTWIDGE translate models/open-en-de $T/in -b 1 -q --ref "
                 "$T/ref --db $T/x.db",
                 5, "fewer lines");
}

Test(translate, a_refused_translation_makes_no_database)
{
    shell_expect("$LUTWIDGE translate $T/none.lwm models/open-en-de/test.en --db $T/x.db", 1,
                 "none.lwm");
    shell_expect("$LUTWIDGE translate $T/none.lwm models/open-en-de/test.en --db $T/none/x.db", 1,
                 "cannot write");
    shell_expect("ls $T/x.db", 2, "");
    shell_expect(": > $T/x.db; $LUTWIDGE query runs --db $T/x.db", 1, "/x.db: an empty file");
}

Test(translate, interrupts_leave_nothing_half_done)
{
    quantize("t8");
    shell_hold_compiler();
    /* While kernels are compiled: gone without a trace once the compiler is done. */
    shell_expect(
        "export LUTWIDGE_CLANG=$T/held XDG_CACHE_HOME=$T/cache; $LUTWIDGE generate $T/m.lwm -o "
        "$T/bundle 2>/dev/null & P=$!; "
        "until ls $T | grep -q partial; do sleep 0.02; done; kill -TERM $P; rm $T/hold; wait $P; "
        "test $? -gt 128 && ! ls $T | grep -e partial -e bundle",
        0, "");
    /* Killed, with its compilers, while it makes a bundle in the cache: the next one that makes one
     * there cleans up. */
    shell_expect("touch $T/hold; export LUTWIDGE_CLANG=$T/held XDG_CACHE_HOME=$T; "
                 "setsid $LUTWIDGE translate $T/m.lwm $T/in -q & P=$!; "
                 "until ls $T/lutwidge | grep -q partial; do sleep 0.02; done; "
                 "kill -KILL -$P; wait $P; ls $T/lutwidge",
                 0, ".partial-");
    shell_expect("XDG_CACHE_HOME=$T $LUTWIDGE translate $T/m.lwm $T/in -b 1 -q > $T/out; "
                 "ls $T/lutwidge | grep -vc objects",
                 0, "1\n");
    /* While translating: the lines that are out stay out. */
    shell_expect(
        "$LUTWIDGE translate models/open-en-de models/open-en-de/test.en -b 1 -q > $T/out & P=$!; "
        "until test -s $T/out; do sleep 0.05; done; kill -TERM $P; wait $P; test $? -gt 128 && "
        "test -s $T/out && tail -c 1 $T/out | od -c",
        0, "\\n");
}

Test(translate, a_full_disk_is_noticed)
{
    shell_expect(
        "echo Hello | $LUTWIDGE translate models/open-en-de -b 1 -q > /dev/full", 1,
        "lutwidge translate: the translation cannot be written: No space left on device\n");
    cr_expect_str_eq(strchr(shell_output, '\n'), "\n", "%s", shell_output);
    quantize("t8");
    shell_expect("sh -c 'ulimit -f 1000; trap \"\" XFSZ; $LUTWIDGE generate $T/m.lwm -o $T/bundle'",
                 1, "cannot");
    shell_expect("ls $T | grep -c -e partial -e bundle", 1, "0");
}

/* Rows of several bits. */
Test(translate, a_shortlist_of_all_words_changes_nothing)
{
    shell_expect("head -n 5 models/open-en-de/test.en > $T/in; printf '. . 1\\n' > $T/lex", 0, "");
    for (int beams = 1; beams <= 4; beams += 3) {
        cr_assert_eq(setenv("WITH", beams == 1 ? "-b 1" : "-b 4 --batch 3", 1), 0);
        shell_expect("$LUTWIDGE translate models/open-en-de/low-2.1.lwm $T/in -q -s $WITH > $T/all",
                     0, "");
        shell_expect("$LUTWIDGE translate models/open-en-de/low-2.1.lwm $T/in -q -s $WITH "
                     "--shortlist $T/lex --shortlist-frequent 8000 | cmp - $T/all",
                     0, "");
    }
}
