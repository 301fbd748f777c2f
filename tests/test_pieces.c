/* Our reader of SentencePiece models gives what the SentencePiece library gives: on texts, on
 * random strings, and with models whose settings and pieces are changed. */
#include "models/file.h"
#include "runtime/pieces.h"
#include "runtime/text.h"
#include "tests/random_model.h"
#include "tests/sentencepiece.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(pieces, .timeout = 120);

enum { MODEL_BYTES = 1 << 20, LIST = 4096, LINE = 4096 };

/* Pieces, each ended by a NUL. */
struct list {
    char text[8 * LINE];
    const char *pieces[LIST];
    size_t bytes, count;
};

static enum lw_status take(void *context, const char *piece, size_t bytes)
{
    struct list *list = context;
    cr_assert(list->count < LIST && list->bytes + bytes + 1 <= sizeof list->text);
    list->pieces[list->count++] = list->text + list->bytes;
    memcpy(list->text + list->bytes, piece, bytes);
    list->text[list->bytes + bytes] = 0;
    list->bytes += bytes + 1;
    return LW_OK;
}

/* One model, read by both. */
struct both {
    struct lw_pieces *ours;
    struct sentencepiece_model *theirs;
};

static struct both open_both(const uint8_t *model, size_t bytes)
{
    struct both both;
    struct lw_error error = {0};
    cr_assert_eq(lw_pieces_open(model, bytes, &both.ours, &error), LW_OK, "%s", error.text);
    cr_assert_eq(sentencepiece_open(model, bytes, &both.theirs, &error), LW_OK, "%s", error.text);
    return both;
}

static void close_both(const struct both *both)
{
    lw_pieces_close(both->ours);
    sentencepiece_close(both->theirs);
}

static void compare_texts(const struct both *both, const char *const *pieces, size_t count)
{
    struct lw_error error = {0};
    char *ours, *theirs;
    cr_assert_eq(lw_pieces_decode(both->ours, pieces, count, &ours, &error), LW_OK);
    cr_assert_eq(sentencepiece_decode(both->theirs, pieces, count, &theirs, &error), LW_OK);
    cr_assert_str_eq(ours, theirs);
    free(ours);
    free(theirs);
}

static void compare(const struct both *both, const char *text, size_t bytes)
{
    static struct list ours, theirs;
    struct lw_error error = {0};
    ours.count = ours.bytes = theirs.count = theirs.bytes = 0;
    cr_assert_eq(lw_pieces_encode(both->ours, text, bytes, SIZE_MAX, take, &ours, &error), LW_OK);
    cr_assert_eq(sentencepiece_encode(both->theirs, text, bytes, take, &theirs, &error), LW_OK,
                 "%s", error.text);
    cr_assert_eq(ours.count, theirs.count, "%.*s: %zu pieces, not %zu", (int)bytes, text,
                 ours.count, theirs.count);
    for (size_t i = 0; i < ours.count; i++)
        cr_assert_str_eq(ours.pieces[i], theirs.pieces[i], "piece %zu of %.*s", i, (int)bytes,
                         text);
    compare_texts(both, ours.pieces, ours.count);
}

static void compare_file(const struct both *both, const char *path, size_t lines)
{
    char line[LINE];
    FILE *stream = fopen(path, "re");
    cr_assert_not_null(stream);
    for (size_t i = 0; i < lines && fgets(line, sizeof line, stream); i++)
        compare(both, line, strcspn(line, "\n"));
    fclose(stream);
}

static size_t put_point(char *to, uint32_t point)
{
    size_t bytes = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const uint8_t first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = bytes; i-- > 1; point >>= 6)
        to[i] = (char)(0x80 | (point & 0x3f));
    to[0] = (char)(first[bytes] | point);
    return bytes;
}

/* Letters, spaces of all kinds, marks, what normalisation changes, and any code point at all. */
static uint32_t random_point(uint64_t *state)
{
    static const uint32_t first[] = {'a',    ' ',    0x20,   0xc0,    0x300, 0x2000, 0x2581,
                                     0x3040, 0xff00, 0xac00, 0x1f600, 0,     1},
                          count[] = {26, 1, 96, 64, 80, 112, 1, 192, 240, 300, 80, 0x110000, 31};
    size_t kind = (size_t)(test_uniform(state) * 13);
    uint32_t point = first[kind] + (uint32_t)(test_uniform(state) * count[kind]);
    return point >= 0xd800 && point < 0xe000 ? 'x' : point;
}

static void compare_random(const struct both *both, uint64_t seed, size_t strings)
{
    for (size_t i = 0; i < strings; i++) {
        char text[256];
        size_t bytes = 0, points = (size_t)(test_uniform(&seed) * 40);
        for (size_t p = 0; p < points; p++)
            bytes += put_point(text + bytes, random_point(&seed));
        compare(both, text, bytes);
    }
}

static struct lw_mapping map_model(const char *path)
{
    struct lw_mapping file;
    struct lw_error error = {0};
    cr_assert_eq(lw_map_file(path, &file, &error), LW_OK, "%s", error.text);
    return file;
}

Test(pieces, texts_and_random_strings)
{
    static const char *const paths[] = {"models/open-en-de/source.spm",
                                        "models/open-en-de/target.spm"};
    for (size_t i = 0; i < 2; i++) {
        struct lw_mapping file = map_model(paths[i]);
        struct both both = open_both(file.data, file.size);
        compare_file(&both, "models/open-en-de/test.en", 2000);
        compare_file(&both, "models/open-en-de/test.de", 2000);
        compare_random(&both, 7 + i, 5000);
        close_both(&both);
        lw_unmap_file(&file);
    }
}

/* Copies a model with the types of some pieces changed; the settings of `tail`, a serialised
 * ModelProto, are merged into it. */
static size_t change(const struct lw_mapping *file, uint64_t seed, const char *tail,
                     size_t tail_bytes, uint8_t *to)
{
    size_t at = 0, bytes = 0;
    while (at + 1 < file->size && file->data[at] == 0x0a) {
        size_t piece = file->data[at + 1], kind = (size_t)(test_uniform(&seed) * 40);
        cr_assert_lt(piece, 100);
        uint8_t type = kind == 0 ? 4 : kind == 1 ? 5 : 1;
        bool plain = piece >= 2 && file->data[at + piece] != 0x18;
        memcpy(to + bytes, file->data + at, piece + 2);
        bytes += piece + 2;
        if (plain && kind < 2) {
            to[bytes - piece - 1] = (uint8_t)(piece + 2);
            to[bytes++] = 0x18;
            to[bytes++] = type;
        }
        at += piece + 2;
    }
    memcpy(to + bytes, file->data + at, file->size - at);
    bytes += file->size - at;
    memcpy(to + bytes, tail, tail_bytes);
    return bytes + tail_bytes;
}

Test(pieces, changed_models)
{
    static const struct {
        const char *tail;
        size_t bytes;
    } tails[] = {
        {"", 0},
        {"\x12\x03\xc0\x01\x01", 5},     /* white space as a suffix */
        {"\x1a\x02\x18\x00", 4},         /* no prefix */
        {"\x1a\x02\x20\x00", 4},         /* extra white space stays */
        {"\x1a\x04\x20\x00\x18\x00", 6}, /* both */
        {"\x1a\x02\x28\x00", 4},         /* spaces stay spaces */
        {"\x1a\x02\x12\x00", 4},         /* no rules of characters */
        {"\x12\x06\xe2\x02\x03<?>", 8},  /* another surface of <unk> */
    };
    struct lw_mapping file = map_model("models/open-en-de/source.spm");
    uint8_t *model = malloc(MODEL_BYTES);
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        size_t bytes = change(&file, 100 + i, tails[i].tail, tails[i].bytes, model);
        struct both both = open_both(model, bytes);
        compare_file(&both, "models/open-en-de/test.en", 100);
        compare_random(&both, 50 + i, 1000);
        const char *unknown[] = {"<unk>", "\xe2\x96\x81", "</s>", "zz\xe2\x96\x81qq", "a"};
        compare_texts(&both, unknown, 5);
        compare_texts(&both, unknown + 1, 4);
        close_both(&both);
    }
    free(model);
    lw_unmap_file(&file);
}

/* Ends anywhere, bytes that are anything: a status, and no more. */
Test(pieces, damaged_models)
{
    struct lw_mapping file = map_model("models/open-en-de/source.spm");
    uint8_t *model = malloc(file.size);
    uint64_t seed = 5;
    for (size_t i = 0; i < 300; i++) {
        struct lw_pieces *pieces;
        struct lw_error error = {0};
        struct list *list = calloc(1, sizeof *list);
        size_t bytes = i % 2 ? file.size : (size_t)(test_uniform(&seed) * (double)file.size);
        memcpy(model, file.data, file.size);
        for (size_t b = 0; i % 2 && b < 20; b++)
            model[(size_t)(test_uniform(&seed) * (double)file.size)] =
                (uint8_t)(test_uniform(&seed) * 256);
        enum lw_status status = lw_pieces_open(model, bytes, &pieces, &error);
        cr_assert(status == LW_OK ||
                  ((status == LW_CORRUPT || status == LW_FAILED) && strlen(error.text) > 0));
        if (status == LW_OK) {
            cr_assert_eq(lw_pieces_encode(pieces, "Ein \xc3\xbc \xef\xbc\xa1!", 11, SIZE_MAX, take,
                                          list, &error),
                         LW_OK);
            lw_pieces_close(pieces);
        }
        free(list);
    }
    free(model);
    lw_unmap_file(&file);
}

Test(pieces, kinds_that_are_not_read)
{
    static const char *const tails[] = {"\x12\x02\x18\x02", "\x12\x02\x18\x09",
                                        "\x12\x03\x98\x02\x01", "\x2a\x03\x12\x01x"},
                             *const reasons[] = {"BPE", "unknown type", "bytes", "denormaliser"};
    struct lw_mapping file = map_model("models/open-en-de/source.spm");
    uint8_t *model = malloc(MODEL_BYTES);
    for (size_t i = 0; i < 4; i++) {
        struct lw_pieces *pieces;
        struct lw_error error = {0};
        size_t bytes = strlen(tails[i]);
        memcpy(model, file.data, file.size);
        memcpy(model + file.size, tails[i], bytes);
        cr_assert_eq(lw_pieces_open(model, file.size + bytes, &pieces, &error), LW_FAILED);
        cr_assert_not_null(strstr(error.text, reasons[i]), "%s", error.text);
    }
    free(model);
    lw_unmap_file(&file);
}
