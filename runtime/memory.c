#include "runtime/memory.h"

#include "models/checked.h"
#include "runtime/backend.h"
#include "runtime/tokenizer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The index of a SentencePiece model takes 28 bytes for each of its pieces, which have 5 bytes or
 * more there, that of a vocabulary up to 20 for each word; and what a thread keeps on its stack and
 * in its heap besides. */
enum { PIECES_TIMES = 6, WORD_BYTES = 20, MEMBER_BYTES = 256 << 10, MODEL_BYTES = 1 << 20 };

/* getrusage will not do: its figure survives exec, so a large parent would show. */
static double read_bytes(const char *key)
{
    FILE *stream = fopen("/proc/self/status", "re");
    double kilobytes = NAN;
    char line[256];
    while (stream && isnan(kilobytes) && fgets(line, sizeof line, stream))
        if (strncmp(line, key, strlen(key)) == 0)
            kilobytes = strtod(line + strlen(key), NULL);
    if (stream)
        fclose(stream);
    return kilobytes * 1024;
}

double lw_resident_bytes(void)
{
    return read_bytes("VmRSS:");
}

double lw_peak_memory_bytes(void)
{
    return read_bytes("VmHWM:");
}

static size_t add(size_t a, size_t b)
{
    size_t sum;
    return lw_checked_add(a, b, &sum) ? sum : SIZE_MAX;
}

size_t lw_model_memory(const struct lw_model *model, size_t file_bytes)
{
    const struct lw_tokenizer_data *t = &model->tokenizer;
    size_t pieces = t->source_spm_bytes, words = model->config.source_words;
    if (t->target_spm != t->source_spm)
        pieces += t->target_spm_bytes;
    if (t->target_words != t->source_words)
        words += model->config.target_words;
    return add(add(file_bytes, MODEL_BYTES), PIECES_TIMES * pieces + WORD_BYTES * words);
}

enum lw_status lw_member_memory(const struct lw_model *model, const struct lw_bundle *bundle,
                                const struct lw_search *search, size_t together, size_t *bytes,
                                struct lw_error *error)
{
    size_t arena;
    enum lw_status status = lw_translator_measure(model, search, together, &arena, error);
    if (status != LW_OK)
        return status;
    size_t products =
        bundle ? lw_backend_kernels_bytes(model, bundle) : lw_backend_f32_bytes(model);
    size_t requests = together * sizeof(struct lw_request); /* no more than 1,024 */
    size_t text = model->config.positions * (LW_BYTES_A_POSITION * LW_ENCODING_TIMES);
    *bytes = add(add(add(arena, products), add(requests, MEMBER_BYTES)), text);
    return LW_OK;
}
