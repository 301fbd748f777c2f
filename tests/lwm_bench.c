#include "tests/lwm_bench.h"

#include "models/hash.h"
#include "models/lwm.h"
#include "models/lwm_layout.h"
#include "models/quantize.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

uint8_t *lwm_slurp(const char *path, size_t *size)
{
    FILE *stream = fopen(path, "rb");
    cr_assert_not_null(stream, "%s", path);
    fseek(stream, 0, SEEK_END);
    *size = (size_t)ftell(stream);
    rewind(stream);
    uint8_t *bytes = malloc(*size + 1);
    cr_assert_eq(fread(bytes, 1, *size, stream), *size);
    fclose(stream);
    return bytes;
}

void lwm_spill(const char *path, const void *bytes, size_t size)
{
    FILE *stream = fopen(path, "wb");
    cr_assert_not_null(stream, "%s", path);
    cr_assert_eq(fwrite(bytes, 1, size, stream), size);
    cr_assert_eq(fclose(stream), 0);
}

void lwm_write_model(const char *path, const struct lw_model *model)
{
    struct lw_error error = {0};
    cr_assert_eq(lw_lwm_write(path, model, "lutwidge quantize --bits 3", &error), LW_OK, "%s",
                 error.text);
}

void lwm_bench_open(struct lwm_bench *bench, const struct lw_config *config)
{
    *bench = (struct lwm_bench){.folder = "/tmp/lw_test_lwm_XXXXXX"};
    cr_assert_not_null(mkdtemp(bench->folder));
    snprintf(bench->path, sizeof bench->path, "%s/m.lwm", bench->folder);
    test_random_model(config, 1, &bench->dense);
    /* Separate embeddings stand for everything else that is not simple, too. */
    bool simple = config->shared_embedding;
    struct lw_choice choices[64];
    const uint8_t *row_bits[64] = {0};
    static const uint8_t mixed[] = {3, 1, 2, 2, 1, 3, 3, 1, 2, 1, 1};
    for (size_t i = 0; i < bench->dense.matrix_count; i++)
        choices[i] = (struct lw_choice){.bits = 3, .fit = LW_FIT_GREEDY, .arith = LW_ARITH_A8};
    if (!simple) {
        row_bits[0] = mixed;
        choices[2] = (struct lw_choice){
            .bits = 2, .alpha = LW_ALPHA_UNIFORM, .fit = LW_FIT_UNIFORM, .arith = LW_ARITH_T8};
    }
    struct lw_quantize request = {.choices = choices, .row_bits = row_bits, .threads = 1};
    struct lw_quantize_report report;
    cr_assert_eq(lw_quantize_model(&bench->dense, &request, &bench->coded, &report, NULL), LW_OK);
    lwm_write_model(bench->path, &bench->coded);
    bench->bytes = lwm_slurp(bench->path, &bench->size);
}

size_t lwm_entries(const char *folder)
{
    size_t count = 0;
    DIR *stream = opendir(folder);
    cr_assert_not_null(stream);
    for (struct dirent *entry; (entry = readdir(stream));)
        count += entry->d_name[0] != '.';
    closedir(stream);
    return count;
}

void lwm_bench_close(struct lwm_bench *bench)
{
    cr_assert_eq(lwm_entries(bench->folder), 1, "a temporary file was left behind");
    unlink(bench->path);
    rmdir(bench->folder);
    free(bench->bytes);
    lw_model_free(&bench->coded);
    lw_model_free(&bench->dense);
}

/* The file must be refused with this status, and with these words in one line that names it. */
void lwm_expect(const struct lwm_bench *bench, enum lw_status status, const char *words)
{
    struct lw_model model;
    struct lw_error error = {0};
    cr_assert_eq(lw_lwm_open(bench->path, &model, &error), status, "%s", error.text);
    cr_assert_not_null(strstr(error.text, words), "'%s' is not in: %s", words, error.text);
    cr_assert_not_null(strstr(error.text, bench->path), "%s", error.text);
    cr_assert_null(strchr(error.text, '\n'));
    cr_assert_eq(model.matrix_count, 0);
}

void lwm_with_meta(const struct lwm_bench *bench, const char *from, const char *to)
{
    struct lwm_head head = {0};
    uint8_t *copy = malloc(bench->size);
    memcpy(copy, bench->bytes, bench->size);
    memcpy(&head, copy, lwm_head_bytes(6));
    struct lwm_section *meta = &head.sections[0];
    cr_assert_eq(strlen(from), strlen(to));
    uint8_t *at = memmem(copy + meta->offset, (size_t)meta->bytes, from, strlen(from));
    cr_assert_not_null(at, "%s", from);
    memcpy(at, to, strlen(to));
    meta->hash = XXH3_64bits(copy + meta->offset, (size_t)meta->bytes);
    head.checksum = lwm_checksum(&head);
    memcpy(copy, &head, lwm_head_bytes(6));
    lwm_spill(bench->path, copy, bench->size);
    free(copy);
}

struct lw_config lwm_separate_config(void)
{
    static int32_t bad_words[] = {10, 0};
    struct lw_config config = test_small_config();
    config.shared_embedding = config.tied_output = config.scale_embedding = false;
    config.early_stopping = config.renormalize_logits = true;
    config.decoder_layers = 2;
    config.target_words = 11;
    config.forced_eos = 0;
    config.activation = LW_GELU;
    config.bad_words = bad_words;
    config.bad_word_count = 2;
    return config;
}
