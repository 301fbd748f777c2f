/* Bits by word frequency, and the tables of frequencies. */
#include "models/words.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WORDS = 8000 };

static const struct lw_plan nowhere = {.source = "P"};

static struct lw_choice clusters(unsigned b, double ratio)
{
    return (struct lw_choice){.words = {.kind = LW_WORDS_CLUSTERS, .clusters = b, .ratio = ratio}};
}

static double average(const uint8_t *bits, size_t count)
{
    size_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += bits[i];
    return (double)sum / (double)count;
}

Test(words, clusters_have_the_paper_s_averages)
{
    const struct {
        double ratio, bits;
    } cases[] = {{1, 2.5}, {2, 1.73}, {4, 1.32}, {8, 1.14}};
    uint64_t counts[WORDS], seed = 1;
    uint8_t bits[WORDS];
    for (size_t i = 0; i < WORDS; i++)
        counts[i] = (uint64_t)(100 / test_uniform(&seed));
    for (size_t i = 0; i < 4; i++) {
        struct lw_choice choice = clusters(4, cases[i].ratio);
        cr_assert(lw_words_need_counts(&choice));
        cr_assert_eq(lw_words_bits(&nowhere, &choice, counts, WORDS, bits, NULL), LW_OK);
        cr_assert_float_eq(average(bits, WORDS), cases[i].bits, 0.005, "%g: %g", cases[i].ratio,
                           average(bits, WORDS));
        for (size_t a = 1; a < WORDS; a++)
            cr_assert(counts[a] <= counts[a - 1] ? bits[a] <= bits[a - 1] : bits[a] >= bits[a - 1]);
    }
}

Test(words, equally_frequent_words_go_by_id)
{
    const uint64_t counts[] = {0, 5, 5, 9, 0, 5, 0, 0};
    uint8_t bits[8];
    struct lw_choice choice = clusters(4, 1);
    cr_assert_eq(lw_words_bits(&nowhere, &choice, counts, 8, bits, NULL), LW_OK);
    cr_assert_arr_eq(bits, ((uint8_t[]){2, 4, 3, 4, 2, 3, 1, 1}), 8);
    /* More clusters than words: some clusters stay empty. */
    choice = clusters(8, 1);
    cr_assert_eq(lw_words_bits(&nowhere, &choice, counts, 1, bits, NULL), LW_OK);
    cr_assert(bits[0] >= 1 && bits[0] <= 8);
}

Test(words, thresholds)
{
    const uint64_t counts[] = {8, 7, 6, 5, 4, 3, 2, 1};
    uint8_t bits[8];
    struct lw_choice choice = {
        .words = {.kind = LW_WORDS_THRESHOLDS,
                  .step_count = 3,
                  .steps = {{.share = 0.25, .bits = 3}, {.count = 1, .bits = 5}, {.bits = 2}}}};
    cr_assert_eq(lw_words_bits(&nowhere, &choice, counts, 8, bits, NULL), LW_OK);
    cr_assert_arr_eq(bits, ((uint8_t[]){3, 3, 5, 2, 2, 2, 2, 2}), 8);
    struct lw_error error = {0};
    choice.words.steps[1].count = 7;
    cr_assert_eq(lw_words_bits(&nowhere, &choice, counts, 8, bits, &error), LW_USAGE);
    cr_assert_str_eq(error.text, "P: the first 2 thresholds take 9 words of a vocabulary of 8");
    cr_assert_eq(lw_words_bits(&nowhere, &choice, NULL, 8, bits, &error), LW_USAGE);
    cr_assert_str_eq(error.text, "P: bits by word frequency need the frequencies of the words");
}

Test(words, all_alike)
{
    uint8_t bits[3];
    struct lw_choice choice = {.bits = 6};
    cr_assert_not(lw_words_need_counts(&choice));
    cr_assert_eq(lw_words_bits(&nowhere, &choice, NULL, 3, bits, NULL), LW_OK);
    cr_assert_arr_eq(bits, ((uint8_t[]){6, 6, 6}), 3);
}

static char folder[64];

static void enter_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/lutwidge-words-XXXXXX");
    cr_assert(mkdtemp(folder));
    cr_assert_eq(chdir(folder), 0);
}

static void leave_folder(void)
{
    cr_assert_eq(chdir("/"), 0);
    char command[96];
    snprintf(command, sizeof command, "rm -r %s", folder);
    cr_assert_eq(system(command), 0);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    cr_assert(file);
    fputs(text, file);
    cr_assert_eq(fclose(file), 0);
}

static void check_file(const char *path, const char *expected)
{
    char text[512];
    FILE *file = fopen(path, "r");
    cr_assert(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    cr_assert_str_eq(text, expected);
}

TestSuite(word_tables, .init = enter_folder, .fini = leave_folder);

Test(word_tables, a_list_gives_bits)
{
    cr_assert_eq(mkdir("plans", 0700), 0);
    write_file("plans/bits.txt", "# lutwidge word bits by id\n2\t8\n0\t1\n1\t3\n");
    write_file("plans/p.yaml", "rules:\n- match: embedding\n  words: {list: bits.txt}\n");
    struct lw_plan plan;
    struct lw_error error = {0};
    uint8_t bits[3];
    cr_assert_eq(lw_plan_read("plans/p.yaml", &plan, &error), LW_OK, "%s", error.text);
    const struct lw_choice *choice = &plan.rules[0].choice;
    cr_assert_eq(lw_words_bits(&plan, choice, NULL, 3, bits, &error), LW_OK, "%s", error.text);
    cr_assert_arr_eq(bits, ((uint8_t[]){1, 3, 8}), 3);
    write_file("plans/bits.txt", "# lutwidge word bits by id\n0\t1\n1\t9\n2\t1\n");
    cr_assert_eq(lw_words_bits(&plan, choice, NULL, 3, bits, &error), LW_CORRUPT);
    cr_assert_str_eq(error.text,
                     "plans/bits.txt:3: \"1\t9\" does not end with a number from 1 to 8");
    cr_assert_eq(unlink("plans/bits.txt"), 0);
    cr_assert_eq(lw_words_bits(&plan, choice, NULL, 3, bits, &error), LW_FAILED);
    lw_plan_free(&plan);
}

static const uint8_t pieces_text[] = "</s>\0a\tb\0\xe2\x96\x81the\0"
                                     "7";
static const struct lw_word_list pieces = {pieces_text, sizeof pieces_text};

Test(word_tables, counts_are_written_and_read_both_ways)
{
    struct lw_frequencies counted, read;
    struct lw_error error = {0};
    cr_assert_eq(lw_frequencies_init(&counted, 4, &error), LW_OK);
    const int32_t text[] = {2, 2, 1, 0, 2}, wrong[] = {1, 4};
    cr_assert_eq(lw_frequencies_add(&counted, text, 5, &error), LW_OK);
    cr_assert_eq(lw_frequencies_add(&counted, text, 3, &error), LW_OK);
    cr_assert_eq(lw_frequencies_add(&counted, wrong, 2, &error), LW_USAGE);
    cr_assert_str_eq(error.text, "4 is no id of a vocabulary of 4 words");
    const uint64_t expected[] = {1, 2, 5, 0};
    cr_assert_arr_eq(counted.counts, expected, sizeof expected);

    cr_assert_eq(lw_frequencies_write("ids", &counted, NULL, &error), LW_OK, "%s", error.text);
    cr_assert_eq(lw_frequencies_write("pieces", &counted, &pieces, &error), LW_OK);
    check_file("ids", "# lutwidge word counts by id\n0\t1\n1\t2\n2\t5\n3\t0\n");
    check_file("pieces", "# lutwidge word counts by piece\n</s>\t1\na\tb\t2\n"
                         "\xe2\x96\x81the\t5\n7\t0\n");
    const char *const paths[] = {"ids", "pieces"};
    for (size_t i = 0; i < 2; i++) {
        cr_assert_eq(lw_frequencies_read(paths[i], &pieces, 4, &read, &error), LW_OK, "%s",
                     error.text);
        cr_assert_arr_eq(read.counts, expected, sizeof expected);
        lw_frequencies_free(&read);
    }
    lw_frequencies_free(&counted);
}

Test(word_tables, refusals)
{
#define IDS "# lutwidge word counts by id\n"
#define PIECES "# lutwidge word counts by piece\n"
    const struct {
        const char *text, *error;
    } cases[] = {
        {"", "t:1: is not \"# lutwidge word counts by id\" or by piece"},
        {"0\t1\n1\t1\n", "t:1: is not \"# lutwidge word counts by id\" or by piece"},
        {"# lutwidge word bits by id\n",
         "t:1: is not \"# lutwidge word counts by id\" or by piece"},
        {IDS "0\t1\n1 1\n2\t1\n3\t1\n", "t:3: no tab in \"1 1\""},
        {IDS "0\t1\n1\t1\n2\t1\n", "t: word 3 is missing"},
        {IDS "0\t1\n0\t1\n", "t:3: word 0 is given twice"},
        {IDS "4\t1\n", "t:2: \"4\" is no id of the vocabulary's 4 words"},
        {IDS "-1\t1\n", "t:2: \"-1\" is no id of the vocabulary's 4 words"},
        {IDS "99999999999999999999\t1\n",
         "t:2: \"99999999999999999999\" is no id of the vocabulary's 4 words"},
        {IDS "0\t1\n1\t1.5\n",
         "t:3: \"1\t1.5\" does not end with a number from 0 to 9223372036854775807"},
        {IDS "0\t9223372036854775808\n",
         "t:2: \"0\t9223372036854775808\" does not end with a number from 0 to "
         "9223372036854775807"},
        {IDS "0\t1\r\n", "t:2: \"0\t1\r\" does not end with a number from 0 to "
                         "9223372036854775807"},
        {IDS "0\t1\n1\t1\n2\t1\n3\t1", "t:5: the last line does not end"},
        {IDS "\n", "t:2: no tab in \"\""},
        {PIECES "the\t1\n", "t:2: \"the\" is no piece of the vocabulary's 4 words"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lw_frequencies read;
        struct lw_error error = {0};
        write_file("t", cases[i].text);
        cr_expect_eq(lw_frequencies_read("t", &pieces, 4, &read, &error), LW_CORRUPT, "%s",
                     cases[i].text);
        cr_expect_str_eq(error.text, cases[i].error);
        cr_expect_null(read.counts);
    }
}

Test(word_tables, vocabularies_that_do_not_fit)
{
    struct lw_frequencies read, four;
    struct lw_error error = {0};
    cr_assert_eq(lw_frequencies_init(&four, 4, &error), LW_OK);
    write_file("t", PIECES "7\t1\n");
    cr_assert_eq(lw_frequencies_read("t", NULL, 4, &read, &error), LW_CORRUPT);
    cr_assert_str_eq(error.text, "t:1: goes by piece, and only ids can be used here");
    cr_assert_eq(lw_frequencies_read("t", &pieces, 5, &read, &error), LW_CORRUPT);
    cr_assert_str_eq(error.text, "t: the vocabulary does not have 5 pieces");
    const struct lw_word_list twice = {(const uint8_t *)"a\0b\0a\0c", 8};
    cr_assert_eq(lw_frequencies_read("t", &twice, 4, &read, &error), LW_CORRUPT);
    cr_assert_str_eq(error.text, "t: the vocabulary has \"a\" twice; use a table by id");
    const struct lw_word_list broken = {(const uint8_t *)"a\0b\n\0d\0c", 9};
    cr_assert_eq(lw_frequencies_write("u", &four, &broken, &error), LW_CORRUPT);
    cr_assert_str_eq(error.text, "u: piece 1 holds a line break; write by id");
    cr_assert_neq(access("u", F_OK), 0);
    const struct lw_word_list unended = {(const uint8_t *)"a\0b\0d\0c", 7};
    cr_assert_eq(lw_frequencies_write("u", &four, &unended, &error), LW_CORRUPT);
    lw_frequencies_free(&four);
}
