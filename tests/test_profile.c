/* lutwidge profile from outside: every point once, whatever interrupts it. LUTWIDGE in the
 * environment names the program. */
#include "models/status.h"
#include "tests/folder.h"
#include "tests/shell.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct folder *folder;

/* $M is a small model; $PROFILE measures it on $T/source and $T/reference. */
static void setup(void)
{
    shell_setup();
    folder = folder_new(NULL);
    folder_write(folder);
    setenv("M", folder->path, 1);
    setenv("PROFILE",
           "$LUTWIDGE profile $M --what sensitivity --source $T/source --ref $T/reference -t 1 "
           "--db $T/x.db",
           1);
    shell_expect("for i in 1 2 3 4; do echo 'the in a is and the to'; echo 'to be of'; done "
                 "> $T/source; for i in 1 2 3 4; do echo 'die der Sie und'; echo 'nicht zu'; done "
                 "> $T/reference",
                 0, "");
}

static void teardown(void)
{
    folder_free(folder);
    shell_teardown();
}

TestSuite(profile, .init = setup, .fini = teardown, .timeout = 120);

#define SQL(text) "$LUTWIDGE query --db $T/x.db --csv --sql \"" text "\""

Test(profile, every_point_is_measured_once)
{
    shell_expect("eval $PROFILE --by kind", 0, "48 points on 8 lines: 0 are in");
    cr_expect_not_null(strstr(shell_output, "products by "), "%s", shell_output);
    shell_expect("eval $PROFILE --by kind", 0, "48 are in");
    cr_expect_null(strstr(shell_output, "fp32"), "nothing is to do: %s", shell_output);
    shell_expect(SQL("SELECT count(*), count(DISTINCT target), count(bleu), count(error), "
                     "count(DISTINCT run_id) FROM sensitivities_view"),
                 0, "48,6,48,0,1\n");
    /* Matrices join what is there: 16 of the layers, the embedding is a kind already. */
    shell_expect("eval $PROFILE --bits 2 --modes free/row", 0, "22 points on 8 lines: 6 are in");
    /* More lines than the text has are the same text; fewer are another. */
    shell_expect("eval $PROFILE --by kind -n 8", 0, "48 are in");
    shell_expect("eval $PROFILE --by kind -n 1 --bits 1,3-4 --modes uniform/32 -q", 0, "");
    cr_expect_str_empty(shell_output);
    shell_expect("eval $PROFILE --by kind -n 1 --bits 1,3-4 --modes uniform/32", 0,
                 "18 points on 1 lines: 18 are in");
    shell_expect("$LUTWIDGE query sensitivity --db $T/x.db", 0, "uniform/row  encoder.ffn ");
    shell_expect("$LUTWIDGE query sensitivity --db $T/x.db --csv | head -n 1", 0,
                 ",nats_a_word_change,fp32_bleu,bleu,bleu_change,seconds,error\n");
    shell_expect("$LUTWIDGE query sensitivity --db $T/x.db --json | tail -n 1", 0,
                 "\"alpha\": \"uniform\"");
    shell_expect(SQL("SELECT verb, model = '$M', seconds > 0 FROM runs_view WHERE id = 1"), 0,
                 "profile,1,1\n");
}

/* Loss and BLEU are of the same pairs; what is in neither is said. */
Test(profile, skipped_pairs_are_told)
{
    shell_expect("sed -i '3s/.*//' $T/source; sed -i '6s/.*//' $T/reference; "
                 "eval $PROFILE --by kind --bits 2 --modes free/row",
                 0, "6 points on 6 lines: 0 are in");
    cr_expect_not_null(
        strstr(shell_output, "\n2 lines are blank or too long on a side and left out"), "%s",
        shell_output);
    shell_expect(SQL("SELECT DISTINCT lines FROM sensitivities"), 0, "lines\n6\n");
}

Test(profile, bleu_can_follow_later)
{
    shell_expect("eval $PROFILE --by kind --bits 2 --no-bleu", 0, "12 to measure");
    shell_expect(SQL("SELECT count(*), count(nats_a_word), count(bleu), count(fp32_bleu) FROM "
                     "sensitivities"),
                 0, "12,12,0,0\n");
    shell_expect("eval $PROFILE --by kind --bits 2 --no-bleu", 0, "0 to measure");
    shell_expect("eval $PROFILE --by kind --bits 2", 0, "12 to measure");
    shell_expect(SQL("SELECT count(*), count(bleu) FROM sensitivities"), 0, "12,12\n");
    shell_expect("eval $PROFILE --by kind --bits 2 --no-bleu", 0, "0 to measure");
}

/* Everything that a point says but when and how long. */
#define FIGURES                                                                                    \
    SQL("SELECT model_hash, source_hash, lines, kind, target, bits, alpha, group_columns, fit, "   \
        "products, matrices, weights, code_bytes, weight_error, output_error, fp32_nats_a_word, "  \
        "nats_a_word, fp32_bleu, bleu, error FROM sensitivities_view ORDER BY target, bits, "      \
        "alpha")

Test(profile, what_was_killed_goes_on)
{
    shell_expect("eval $PROFILE --by kind -q", 0, "");
    shell_expect(FIGURES " > $T/whole; rm $T/x.db", 0, "");
    for (int i = 0; i < 2; i++) {
        char line[512];
        snprintf(
            line, sizeof line,
            "eval exec $PROFILE --by kind -q & P=$!; until N=$(%s 2>/dev/null | tail -n 1); "
            "test \"${N:-0}\" -gt %d; do sleep 0.01; done; kill -%s $P; wait $P; test $? -gt 128",
            SQL("SELECT count(*) FROM sensitivities"), i ? 8 : 0, i ? "TERM" : "KILL");
        shell_expect(line, 0, "");
    }
    shell_expect("eval $PROFILE --by kind", 0, "48 points");
    cr_expect_null(strstr(shell_output, " 0 are in"), "%s", shell_output);
    shell_expect(FIGURES " | cmp - $T/whole", 0, "");
    shell_expect(SQL("SELECT count(*) FROM runs WHERE seconds IS NULL"), 0, "2\n");
}

/* Large weights behind inputs of 0 do nothing in fp32 and overflow once one bit spreads them. */
static void spoil_first_layer(void)
{
    struct folder_tensor *fc1 = folder_find(folder, "model.encoder.layers.0.fc1.weight");
    struct folder_tensor *norm[] = {
        folder_find(folder, "model.encoder.layers.0.self_attn_layer_norm.weight"),
        folder_find(folder, "model.encoder.layers.0.self_attn_layer_norm.bias")};
    for (size_t c = 0; c < 4; c++) {
        norm[0]->values[c] = norm[1]->values[c] = 0;
        for (size_t r = 0; r < fc1->shape[0]; r++)
            fc1->values[r * fc1->shape[1] + c] = 3e38f;
    }
    folder_write(folder);
}

Test(profile, points_that_fail_are_rows_and_are_retried)
{
    spoil_first_layer();
    shell_expect("eval $PROFILE --by kind --bits 1 --modes free/row", LW_FAILED,
                 "1 points failed; column error");
    shell_expect(SQL("SELECT target, nats_a_word, bleu, error LIKE '%not finite%', seconds > 0 "
                     "FROM sensitivities WHERE error IS NOT NULL"),
                 0, "encoder.ffn,,,1,1\n");
    shell_expect("eval $PROFILE --by kind --bits 1 --modes free/row", 0,
                 " 0 to measure; 1 failed before: --retry");
    shell_expect("eval $PROFILE --by kind --bits 1 --modes free/row --retry", LW_FAILED,
                 "1 to measure");
    shell_expect(SQL("SELECT count(*) FROM sensitivities"), 0, "6\n");
}

Test(profile, requests_that_make_no_sense_are_refused)
{
    static const char *const wrong[][2] = {
        {"--bits 0", "1 to 8"},
        {"--bits 9", "1 to 8"},
        {"--bits 3-2", "like 1-4"},
        {"--bits 1,", "like 1-4"},
        {"--bits 1-", "like 1-4"},
        {"--bits two", "like 1-4"},
        {"--bits ''", "like 1-4"},
        {"--modes free", "free or uniform, each with /row"},
        {"--modes free/65", "free/65"},
        {"--modes free/row,", "each with"},
        {"--by layer", "kind, matrix or both"},
        {"--lines 0", "1 or more"},
        {"--threads 0", "1 to 1024"},
    };
    char line[256];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(line, sizeof line, "eval \"$PROFILE %s\"", wrong[i][0]);
        shell_expect(line, LW_USAGE, wrong[i][1]);
    }
    shell_expect("$LUTWIDGE profile $M", LW_USAGE, "--what sensitivity");
    shell_expect("$LUTWIDGE profile $M --what speed", LW_USAGE, "there is: sensitivity");
    shell_expect("$LUTWIDGE profile $M --what sensitivity", LW_USAGE, "--source and --ref");
    shell_expect("ls $T/x.db", 2, "");
    shell_expect("$LUTWIDGE quantize $M --bits 2 -o $T/m.lwm; M=$T/m.lwm; eval $PROFILE", LW_USAGE,
                 "quantised already");
    shell_expect("echo more >> $T/source; eval $PROFILE", LW_CORRUPT, "no parallel text");
    shell_expect("rm $T/source; eval $PROFILE", LW_FAILED, "source");
}
