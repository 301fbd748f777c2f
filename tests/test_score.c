/* BLEU and chrF: the figures that sacreBLEU gives, and the errors. tests/peers/sacrebleu_check.py
 * compares with sacreBLEU itself on random files. */
#include "profiles/score.h"
#include "tests/golden.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct pair {
    const char *hypothesis, *reference;
};

static struct lw_score score_pairs(const struct pair *pairs, size_t count)
{
    struct lw_score_statistics statistics = {0};
    struct lw_error error = {0};
    struct lw_score score;
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(lw_score_line(&statistics, pairs[i].hypothesis, pairs[i].reference, &error),
                     LW_OK, "%s", error.text);
    lw_score_finish(&statistics, &score);
    return score;
}

/* Every figure here was computed by sacreBLEU 2.6.0. */
Test(score, single_lines)
{
    static const struct {
        struct pair pair;
        double bleu, chrf;
        unsigned system_words, reference_words;
    } cases[] = {
        {{"Ein Mann schl\303\244ft.", "Ein Mann schl\303\244ft."}, 100.00000000000004, 100.0, 4, 4},
        {{"", ""}, 0.0, 0.0, 0, 0},
        {{"", "Zwei Hunde."}, 0.0, 0.0, 0, 3},
        {{"Zwei Hunde.", ""}, 0.0, 0.0, 3, 0},
        {{"eins", "eins"}, 0.0, 100.0, 1, 1},
        {{"eins zwei drei", "eins zwei drei"}, 0.0, 100.0, 3, 3},
        {{"ganz anders", "nichts davon hier"}, 0.0, 9.615563948337764, 2, 3},
        {{"Der Mann, 1,000.5 gro\303\237: 3-4 e-mail 5-",
          "Der Mann, 1,000.5 gro\303\237: 3-4 E-Mail 5-"},
         76.91605673134588,
         80.80832438822799,
         12,
         12},
        {{"&quot;Ja&quot; &amp;lt;b&amp;gt; <skipped>ok", "\"Ja\" <b> ok so"},
         86.6877899750182,
         12.911190904117783,
         7,
         8},
        {{"a..b ,, ... x.5 5.x .5. it's '80s", "a..b ,, ... x.5 5.x .5. its '80s"},
         90.36020036098445,
         87.4662500045189,
         20,
         20},
        {{"das das das das das Haus", "das Haus das Haus ist das"},
         19.304869754804482,
         43.26873068241894,
         6,
         6},
        {{"ein\302\240Hund\342\200\203l\303\244uft\302\205hier herum",
          "ein Hund l\303\244uft hier herum"},
         100.00000000000004,
         100.0,
         5,
         5},
        {{"ein Hund\342\200\213l\303\244uft \331\241\331\242\331\243.\331\244 hier herum",
          "ein Hund\342\200\213l\303\244uft \331\241\331\242\331\243.\331\244 hier dort"},
         80.91067115702207,
         82.82187808332957,
         7,
         7},
        {{"\346\227\245\346\234\254\350\252\236\343\201\256\343\203\206\343\202\255\343\202\271\343"
          "\203\210\343\200\201\343\201\247\343\201\231\343\200\202 "
          "\360\237\230\200\360\237\230\200",
          "\346\227\245\346\234\254\350\252\236\343\201\256\343\203\206\343\202\255\343\202\271\343"
          "\203\210\343\201\247\343\201\231\343\200\202 \360\237\230\200"},
         0.0,
         68.91234536768266,
         2,
         2},
        {{"cafe\314\201 im Haus [1] {2} ~3 `4 ^5 _6 |7 \\8",
          "caf\303\251 im Haus [1] {2} ~3 `4 ^5 _6 |7 \\8"},
         94.85438370694514,
         87.21962967286152,
         21,
         21},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lw_score score = score_pairs(&cases[i].pair, 1);
        cr_expect_float_eq(score.bleu, cases[i].bleu, 1e-9, "case %zu: BLEU %.12f, not %.12f", i,
                           score.bleu, cases[i].bleu);
        cr_expect_float_eq(score.chrf, cases[i].chrf, 1e-9, "case %zu: chrF %.12f, not %.12f", i,
                           score.chrf, cases[i].chrf);
        cr_expect_eq(score.system_words, cases[i].system_words, "case %zu: %zu words", i,
                     (size_t)score.system_words);
        cr_expect_eq(score.reference_words, cases[i].reference_words, "case %zu: %zu words", i,
                     (size_t)score.reference_words);
    }
}

Test(score, corpus_is_not_the_mean_of_its_lines)
{
    static const struct pair pairs[] = {
        {"Ein Mann mit einem Hut schläft.", "Ein Mann mit Hut schläft."},
        {"", "Zwei Hunde."},
        {"Die Katze sitzt auf der Matte, sagt sie.", "Die Katze sitzt auf der Matte, sagt er."},
    };
    struct lw_score score = score_pairs(pairs, 3);
    cr_expect_float_eq(score.bleu, 57.98604135645381, 1e-9);
    cr_expect_float_eq(score.brevity, 0.8890097654027757, 1e-12);
    cr_expect_float_eq(score.precisions[3], 45.45454545454545, 1e-9);
    cr_expect_float_eq(score.chrf, 77.30994236146125, 1e-9);
    cr_expect_eq(score.lines, 3);
}

Test(score, one_line_of_a_million_characters)
{
    size_t bytes = 1000000;
    char *text = malloc(bytes + 1);
    cr_assert_not_null(text);
    for (size_t i = 0; i < bytes; i++)
        text[i] = "abcd e"[(i + i / 7) % 6];
    text[bytes] = 0;
    struct lw_score score = score_pairs(&(struct pair){text, text}, 1);
    cr_expect_float_eq(score.bleu, 100, 1e-9);
    cr_expect_float_eq(score.chrf, 100, 1e-9);
    free(text);
}

static char *write_file(const char *text, size_t bytes)
{
    char *path = strdup("/tmp/lutwidge-score-XXXXXX");
    int fd = mkstemp(path);
    cr_assert(fd >= 0 && write(fd, text, bytes) == (ssize_t)bytes);
    close(fd);
    return path;
}

static enum lw_status score_texts(const char *hypothesis, size_t bytes, const char *reference,
                                  struct lw_score *score, struct lw_error *error)
{
    char *a = write_file(hypothesis, bytes), *b = write_file(reference, strlen(reference));
    enum lw_status status = lw_score_files(a, b, score, error);
    unlink(a);
    unlink(b);
    free(a);
    free(b);
    return status;
}

Test(score, the_last_newline_and_carriage_returns_do_not_matter)
{
    struct lw_score score;
    struct lw_error error = {0};
    const char *text = "ein Hund läuft weg\r\n\r\nzwei Hunde";
    cr_assert_eq(
        score_texts(text, strlen(text), "ein Hund läuft weg\n\nzwei Hunde\n", &score, &error),
        LW_OK, "%s", error.text);
    cr_expect_eq(score.lines, 3);
    cr_expect_float_eq(score.bleu, 100, 1e-9);
}

Test(score, refuses_files_that_do_not_belong_together)
{
    static const struct {
        const char *hypothesis;
        size_t bytes;
        const char *reference, *expected;
    } cases[] = {
        {"a\nb\n", 4, "a\n", "ends after 1 lines"},
        {"a\n", 2, "a\nb\n", "ends after 1 lines"},
        {"", 0, "", "hold no lines"},
        {"a\nb\xff\n", 5, "a\nb\n", "line 2: the hypothesis is not UTF-8 at byte 2"},
        {"a\n\xc3", 3, "a\nb\n", "line 2: the hypothesis is not UTF-8 at byte 1"},
        {"a\n", 2, "\xed\xa0\x80\n", "line 1: the reference is not UTF-8 at byte 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lw_score score;
        struct lw_error error = {0};
        cr_expect_eq(
            score_texts(cases[i].hypothesis, cases[i].bytes, cases[i].reference, &score, &error),
            LW_CORRUPT, "case %zu", i);
        cr_expect_not_null(strstr(error.text, cases[i].expected), "case %zu: %s", i, error.text);
    }
    struct lw_score score;
    struct lw_error error = {0};
    cr_expect_eq(lw_score_files("/nonexistent/hyp", "/dev/null", &score, &error), LW_FAILED);
    cr_expect_not_null(strstr(error.text, "/nonexistent/hyp"));
}

/* The tables of ../shared/golden, made by sacreBLEU; to the two decimals that they print. */
Test(score, golden_tables)
{
    static const struct {
        const char *hypothesis, *reference;
        const char *bleu, *chrf;
    } rows[] = {
        {"multi30k-en-de/val.beam1.de", "multi30k/val.de.gz", "41.90", "64.35"},
        {"multi30k-en-de/val.beam4.de", "multi30k/val.de.gz", "42.66", "64.96"},
        {"multi30k-en-de/test_2016.beam1.de", "multi30k/test_2016_flickr.de.gz", "39.64", "64.14"},
        {"multi30k-en-de/test_2016.beam4.de", "multi30k/test_2016_flickr.de.gz", "39.55", "64.43"},
        {"open-en-de/test.beam1.de", "open-en-de/test.de", "36.62", "62.97"},
        {"open-en-de/newstest2015.beam1.de", "open-en-de/newstest2015.de", "17.23", "46.84"},
        {"open-en-de/newstest2015.beam4.de", "open-en-de/newstest2015.de", "18.24", "47.91"},
    };
    golden_need_shared();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[256], bleu[16], chrf[16];
        struct golden_lines hypotheses, references;
        struct lw_score_statistics statistics = {0};
        struct lw_score score;
        struct lw_error error = {0};
        snprintf(path, sizeof path, "../shared/golden/%s", rows[i].hypothesis);
        golden_read_lines(path, &hypotheses);
        snprintf(path, sizeof path, "../shared/data/%s", rows[i].reference);
        golden_read_lines(path, &references);
        cr_assert_eq(hypotheses.count, references.count);
        for (size_t n = 0; n < hypotheses.count; n++)
            cr_assert_eq(lw_score_line(&statistics, hypotheses.text[n], references.text[n], &error),
                         LW_OK, "%s", error.text);
        lw_score_finish(&statistics, &score);
        snprintf(bleu, sizeof bleu, "%.2f", score.bleu);
        snprintf(chrf, sizeof chrf, "%.2f", score.chrf);
        cr_expect_str_eq(bleu, rows[i].bleu, "%s: BLEU %s", rows[i].hypothesis, bleu);
        cr_expect_str_eq(chrf, rows[i].chrf, "%s: chrF %s", rows[i].hypothesis, chrf);
        golden_free_lines(&hypotheses);
        golden_free_lines(&references);
    }
}
