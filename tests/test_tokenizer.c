/* Text to ids and back. The expected ids are those of MarianTokenizer (transformers 5.23,
 * sentencepiece 0.2.3). */
#include "models/marian.h"
#include "runtime/text.h"
#include "runtime/tokenizer.h"
#include "runtime/vocabulary.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct lw_model model;
static struct lw_tokenizer *tokenizer;

static void open_tokenizer(void)
{
    struct lw_error error = {0};
    cr_assert_eq(lw_marian_import("models/open-en-de", &model, &error), LW_OK, "%s", error.text);
    cr_assert_eq(lw_tokenizer_open(&model.tokenizer, &model.config, &tokenizer, &error), LW_OK,
                 "%s", error.text);
}

static void close_tokenizer(void)
{
    lw_tokenizer_close(tokenizer);
    lw_model_free(&model);
}

TestSuite(tokenizer, .init = open_tokenizer, .fini = close_tokenizer);

struct example {
    const char *text;
    int32_t ids[12]; /* up to and with the first -1, which is not among them */
    const char *back;
};

static const struct example examples[] = {
    {"hello </s> world", {5165, 103, 0, 2309, 0, -1}, "hello world"},
    {"a</s>b <unk>  c <pad>", {15, 0, 436, 1, 301, 7999, 0, -1}, "a b c"},
    {"<</s>>  x", {8, 1, 0, 8, 1, 660, 0, -1}, "x"},
    {">>de<< Hello", {1, 240, 222, 103, 0, -1}, "Hello"},
    {"x >>de<< y", {660, 8, 1, 207, 1, 1879, 0, -1}, "x de y"},
    {"</s>>>de<< z", {0, 1, 676, 0, -1}, "z"},
    {">>no end", {8, 1, 559, 533, 0, -1}, "no end"},
    {">><<", {1, 0, -1}, ""},
    {"\xe3\x80\x80\t  tab  and   spaces  \xc2\xa0\r\n", {851, 20, 794, 3, 0, -1}, "tab and spaces"},
    {"</s></s>", {0, 0, 0, -1}, ""},
    {"<pad", {8, 1, 4795, 0, -1}, "pad"},
    {"", {0, -1}, ""},
    {"a\xe2\x96\x81"
     "b",
     {15, 436, 0, -1},
     "a b"},
};

Test(tokenizer, examples)
{
    struct lw_error error = {0};
    for (size_t e = 0; e < sizeof examples / sizeof *examples; e++) {
        const struct example *example = &examples[e];
        int32_t *ids;
        size_t count, want = 0;
        char *back;
        while (example->ids[want] >= 0)
            want++;
        cr_assert_eq(lw_tokenizer_encode(tokenizer, example->text, strlen(example->text), SIZE_MAX,
                                         &ids, &count, &error),
                     LW_OK, "%s", error.text);
        cr_assert_eq(count, want, "'%s' gives %zu ids", example->text, count);
        cr_assert_arr_eq(ids, example->ids, want * sizeof *ids, "'%s'", example->text);
        cr_assert_eq(lw_tokenizer_decode(tokenizer, ids, count, &back, &error), LW_OK, "%s",
                     error.text);
        cr_assert_str_eq(back, example->back);
        free(ids);
        free(back);
    }
}

Test(tokenizer, takes_a_long_line)
{
    enum { BYTES = 10000 };
    char *text = malloc(BYTES);
    int32_t *ids;
    size_t count;
    for (size_t i = 0; i < BYTES; i++)
        text[i] = i % 5 == 4 ? ' ' : 'x';
    cr_assert_eq(lw_tokenizer_encode(tokenizer, text, BYTES, SIZE_MAX, &ids, &count, NULL), LW_OK);
    cr_assert_gt(count, 2000);
    cr_assert_eq(ids[count - 1], 0);
    free(ids);
    free(text);
}

Test(tokenizer, refuses_invalid_utf8_with_its_place)
{
    struct lw_error error = {0};
    int32_t *ids;
    size_t count;
    cr_assert_eq(lw_tokenizer_encode(tokenizer, "  gut\xff", 6, SIZE_MAX, &ids, &count, &error),
                 LW_CORRUPT);
    cr_assert_not_null(strstr(error.text, "byte 5"), "%s", error.text);
}

Test(tokenizer, refuses_ids_outside_the_vocabulary)
{
    struct lw_error error = {0};
    char *text;
    cr_assert_eq(lw_tokenizer_decode(tokenizer, (int32_t[]){8000}, 1, &text, &error), LW_USAGE);
    cr_assert_eq(lw_tokenizer_decode(tokenizer, (int32_t[]){-1}, 1, &text, &error), LW_USAGE);
}

Test(tokenizer, refuses_a_damaged_model)
{
    struct lw_error error = {0};
    struct lw_tokenizer *other = NULL;
    struct lw_tokenizer_data data = model.tokenizer;
    data.source_spm_bytes /= 2;
    cr_assert_eq(lw_tokenizer_open(&data, &model.config, &other, &error), LW_CORRUPT);
    data = model.tokenizer;
    data.source_words_bytes -= 3;
    cr_assert_eq(lw_tokenizer_open(&data, &model.config, &other, &error), LW_CORRUPT);
    struct lw_config config = model.config;
    config.source_words--;
    cr_assert_eq(lw_tokenizer_open(&model.tokenizer, &config, &other, &error), LW_CORRUPT);
    cr_assert_null(other);
}

Test(vocabulary, needs_its_special_words)
{
    struct lw_model random;
    struct lw_config config = test_small_config();
    struct lw_tokenizer *other;
    struct lw_error error = {0};
    test_random_model(&config, 1, &random);
    cr_assert_eq(lw_tokenizer_open(&random.tokenizer, &config, &other, &error), LW_CORRUPT);
    cr_assert_not_null(strstr(error.text, "</s>"), "%s", error.text);
    lw_model_free(&random);
}

Test(vocabulary, finds_every_word_and_no_other)
{
    struct lw_vocabulary vocabulary;
    uint8_t bytes[4000];
    size_t size = 0;
    for (int i = 0; i < 500; i++)
        size += (size_t)sprintf((char *)bytes + size, "%x", i * 7) + 1;
    cr_assert_eq(lw_vocabulary_open(bytes, size, 500, &vocabulary, NULL), LW_OK);
    for (int32_t i = 0; i < 500; i++) {
        const char *word = lw_vocabulary_word(&vocabulary, (size_t)i);
        cr_assert_eq(lw_vocabulary_find(&vocabulary, word, strlen(word)), i);
    }
    cr_assert_eq(lw_vocabulary_find(&vocabulary, "xyz", 3), -1);
    cr_assert_eq(lw_vocabulary_find(&vocabulary, "", 0), -1);
    lw_vocabulary_close(&vocabulary);
    cr_assert_eq(lw_vocabulary_open(bytes, size, 499, &vocabulary, NULL), LW_CORRUPT);
    cr_assert_eq(lw_vocabulary_open(bytes, size, 501, &vocabulary, NULL), LW_CORRUPT);
    cr_assert_eq(lw_vocabulary_open(bytes, size - 1, 500, &vocabulary, NULL), LW_CORRUPT);
}

/* Many lengths, for only words of one slot are compared. */
Test(vocabulary, a_nul_in_a_text_ends_no_word)
{
    static const char text[300] = "a";
    struct lw_vocabulary vocabulary;
    cr_assert_eq(lw_vocabulary_open((const uint8_t *)text, 2, 1, &vocabulary, NULL), LW_OK);
    cr_assert_eq(lw_vocabulary_find(&vocabulary, text, 1), 0);
    for (size_t bytes = 2; bytes < sizeof text; bytes++)
        cr_assert_eq(lw_vocabulary_find(&vocabulary, text, bytes), -1);
    lw_vocabulary_close(&vocabulary);
}

Test(text, utf8)
{
    static const struct {
        const char *text;
        size_t invalid; /* byte offset, or 99 where all is valid */
    } cases[] = {
        {"", 99},
        {"plain", 99},
        {"\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80", 99},
        {"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf", 99},
        {"a\x80", 1},
        {"ab\xc3", 2},
        {"\xc0\xaf", 0},
        {"\xc1\xbf", 0},
        {"\xe0\x9f\xbf", 0},
        {"\xf0\x8f\xbf\xbf", 0},
        {"x\xed\xa0\x80", 1},
        {"x\xed\xbf\xbf", 1},
        {"\xf4\x90\x80\x80", 0},
        {"\xf8\x88\x80\x80\x80", 0},
        {"\xe2\x82", 0},
        {"\xe2\x28\xa1", 0},
        {"\xff", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t offset = 99;
        bool valid = lw_text_is_valid(cases[i].text, strlen(cases[i].text), &offset);
        cr_assert_eq(offset, cases[i].invalid, "case %zu", i);
        cr_assert_eq(valid, cases[i].invalid == 99, "case %zu", i);
    }
}

Test(text, trim)
{
    const char *text = "\xe2\x80\xa8 \x1f"
                       "a \xc2\xa0 b\xc3\xbc\xe3\x80\x80\t";
    size_t bytes = strlen(text);
    lw_text_trim(&text, &bytes);
    cr_assert_eq(bytes, 8);
    cr_assert(memcmp(text, "a \xc2\xa0 b\xc3\xbc", 8) == 0);
    text = " \xc2\x85 ";
    bytes = strlen(text);
    lw_text_trim(&text, &bytes);
    cr_assert_eq(bytes, 0);
}
