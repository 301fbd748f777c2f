#include "models/marian.h"

#include "models/file.h"
#include "models/marian_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void lw_refuse(struct lw_refusal *refusal, enum lw_status status, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    lw_error_add(refusal->error, "%s", line);
    if (refusal->status == LW_OK)
        refusal->status = status;
}

void lw_refuse_lines(struct lw_refusal *refusal, enum lw_status status, struct lw_error *lines)
{
    char *rest = lines->text;
    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n"))
        lw_refuse(refusal, status, "%s", line);
}

json_t *lw_marian_json(const char *path, struct lw_refusal *refusal)
{
    struct lw_mapping mapping;
    struct lw_error error = {0};
    enum lw_status status = lw_map_file(path, &mapping, &error);
    if (status != LW_OK) {
        lw_refuse_lines(refusal, status, &error);
        return NULL;
    }
    json_error_t at;
    const char *text = mapping.data ? (const char *)mapping.data : ""; /* NULL where empty */
    json_t *json = json_loadb(text, mapping.size, JSON_REJECT_DUPLICATES, &at);
    lw_unmap_file(&mapping);
    if (!json)
        lw_refuse(refusal, LW_CORRUPT, "%s: line %d, column %d: %s", path, at.line, at.column,
                  at.text);
    if (json && !json_is_object(json)) {
        lw_refuse(refusal, LW_CORRUPT, "%s: is not a JSON object", path);
        json_decref(json);
        json = NULL;
    }
    return json;
}

/* The files of a folder, and what the model owns of them. */
enum { CONFIG, GENERATION, TENSORS, SOURCE_SPM, TARGET_SPM, SOURCE_WORDS, TARGET_WORDS, FILES };

static const char *const file_names[FILES] = {[CONFIG] = "config.json",
                                              [GENERATION] = "generation_config.json",
                                              [TENSORS] = "model.safetensors",
                                              [SOURCE_SPM] = "source.spm",
                                              [TARGET_SPM] = "target.spm",
                                              [SOURCE_WORDS] = "vocab.json",
                                              [TARGET_WORDS] = "target_vocab.json"};

struct storage {
    float *weights;
    uint8_t *source_spm, *target_spm;
    char *source_words, *target_words;
};

static void release(void *owned)
{
    struct storage *storage = owned;
    free(storage->weights);
    free(storage->source_spm);
    free(storage->target_spm);
    free(storage->source_words);
    free(storage->target_words);
    free(storage);
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* A copy of a file's bytes, NULL when refused. */
static uint8_t *read_bytes(const char *path, size_t *bytes, struct lw_refusal *refusal)
{
    struct lw_mapping mapping;
    struct lw_error error = {0};
    enum lw_status status = lw_map_file(path, &mapping, &error);
    if (status != LW_OK) {
        lw_refuse_lines(refusal, status, &error);
        return NULL;
    }
    uint8_t *copy = NULL;
    if (mapping.size == 0)
        lw_refuse(refusal, LW_CORRUPT, "%s: is empty", path);
    else if (!(copy = malloc(mapping.size)))
        lw_refuse(refusal, LW_FAILED, "%s: out of memory", path);
    else
        memcpy(copy, mapping.data, *bytes = mapping.size);
    lw_unmap_file(&mapping);
    return copy;
}

static void read_spm(char *const *paths, struct storage *storage,
                     struct lw_tokenizer_data *tokenizer, struct lw_refusal *refusal)
{
    storage->source_spm = read_bytes(paths[SOURCE_SPM], &tokenizer->source_spm_bytes, refusal);
    storage->target_spm = read_bytes(paths[TARGET_SPM], &tokenizer->target_spm_bytes, refusal);
    if (!storage->source_spm || !storage->target_spm)
        return;
    tokenizer->source_spm = storage->source_spm;
    tokenizer->target_spm = storage->target_spm;
    if (tokenizer->source_spm_bytes != tokenizer->target_spm_bytes ||
        memcmp(storage->source_spm, storage->target_spm, tokenizer->source_spm_bytes) != 0)
        return;
    free(storage->target_spm);
    storage->target_spm = NULL;
    tokenizer->target_spm = tokenizer->source_spm;
}

static void check_count(const char *path, const struct lw_words *words, size_t expected,
                        struct lw_refusal *refusal)
{
    if (words->text && expected && words->count != expected)
        lw_refuse(refusal, LW_CORRUPT, "%s: has %zu pieces, but config.json says %zu", path,
                  words->count, expected);
}

/* One vocabulary serves both languages where there is no other. */
static void read_words(char *const *paths, struct lw_model *model, struct storage *storage,
                       struct lw_refusal *refusal)
{
    struct lw_tokenizer_data *tokenizer = &model->tokenizer;
    struct lw_words source, target;
    lw_marian_read_words(paths[SOURCE_WORDS], &source, refusal);
    storage->source_words = source.text;
    check_count(paths[SOURCE_WORDS], &source, model->config.source_words, refusal);
    if (exists(paths[TARGET_WORDS])) {
        lw_marian_read_words(paths[TARGET_WORDS], &target, refusal);
        storage->target_words = target.text;
        check_count(paths[TARGET_WORDS], &target, model->config.target_words, refusal);
    } else {
        target = source;
        if (model->config.target_words != model->config.source_words)
            check_count(paths[SOURCE_WORDS], &target, model->config.target_words, refusal);
    }
    tokenizer->source_words = (const uint8_t *)source.text;
    tokenizer->target_words = (const uint8_t *)target.text;
    tokenizer->source_words_bytes = source.bytes;
    tokenizer->target_words_bytes = target.bytes;
}

/* False, with the way out, where the weights are not in one safetensors file. */
static bool check_tensors(const char *folder, const char *path, struct lw_refusal *refusal)
{
    if (exists(path))
        return true;
    char *pickled = lw_path_join(folder, "pytorch_model.bin");
    char *shards = lw_path_join(folder, "model.safetensors.index.json");
    if (pickled && exists(pickled))
        lw_refuse(refusal, LW_CORRUPT,
                  "%s: missing, and pytorch_model.bin is a Python pickle, which is not read; "
                  "convert it with python3 -c 'from transformers import MarianMTModel; "
                  "MarianMTModel.from_pretrained(\"%s\").save_pretrained(\"%s\")'",
                  path, folder, folder);
    else if (shards && exists(shards))
        lw_refuse(refusal, LW_CORRUPT,
                  "%s: missing, and weights in several files are not read; join them with "
                  "save_pretrained(..., max_shard_size=\"100GB\")",
                  path);
    else
        lw_refuse(refusal, LW_FAILED, "cannot open %s: No such file or directory", path);
    free(pickled);
    free(shards);
    return false;
}

static void read_weights(char *const *paths, struct lw_model *model, struct storage *storage,
                         struct lw_refusal *refusal)
{
    struct lw_error error = {0};
    enum lw_status status = lw_model_layout(model, &error);
    if (status != LW_OK)
        lw_refuse(refusal, status, "%s: %s", paths[CONFIG], error.text);
    else
        storage->weights = lw_marian_read_tensors(paths[TENSORS], model, refusal);
}

static void read_folder(const char *folder, char *const *paths, struct lw_model *model,
                        struct lw_refusal *refusal)
{
    struct storage *storage = calloc(1, sizeof *storage);
    if (!storage) {
        lw_refuse(refusal, LW_FAILED, "%s: out of memory", folder);
        return;
    }
    model->storage = storage;
    model->release = release;
    lw_marian_read_config(paths[CONFIG], exists(paths[GENERATION]) ? paths[GENERATION] : NULL,
                          &model->config, refusal);
    bool configured = refusal->status == LW_OK;
    read_spm(paths, storage, &model->tokenizer, refusal);
    read_words(paths, model, storage, refusal);
    if (check_tensors(folder, paths[TENSORS], refusal) && configured)
        read_weights(paths, model, storage, refusal);
}

enum lw_status lw_marian_import(const char *folder, struct lw_model *model, struct lw_error *error)
{
    *model = (struct lw_model){0};
    struct stat about;
    if (stat(folder, &about) != 0)
        return lw_fail(error, LW_FAILED, "cannot open %s: %s", folder, strerror(errno));
    if (!S_ISDIR(about.st_mode))
        return lw_fail(error, LW_FAILED, "cannot read %s: is not a folder", folder);
    struct lw_refusal refusal = {LW_OK, error};
    char *paths[FILES];
    bool joined = true;
    for (int i = 0; i < FILES; i++) {
        paths[i] = lw_path_join(folder, file_names[i]);
        joined = joined && paths[i];
    }
    if (joined)
        read_folder(folder, paths, model, &refusal);
    else
        lw_refuse(&refusal, LW_FAILED, "%s: out of memory", folder);
    for (int i = 0; i < FILES; i++)
        free(paths[i]);
    if (refusal.status != LW_OK)
        lw_model_free(model);
    return refusal.status;
}
