/* Import of Hugging Face MarianMT folders: config.json, generation_config.json (optional),
 * model.safetensors, source.spm, target.spm, vocab.json, target_vocab.json (separate vocabularies).
 */
#ifndef LW_MODELS_MARIAN_H
#define LW_MODELS_MARIAN_H

#include "models/status.h"
#include "models/transformer.h"

/* Reads a folder into fp32. Fails with LW_FAILED (a file cannot be read) or LW_CORRUPT; the error
 * text lists every reason, one a line: unsupported settings, missing, unknown or misshapen tensors,
 * tied tensors that differ, a vocabulary that does not fit. On failure the model is zeroed. */
enum lw_status lw_marian_import(const char *folder, struct lw_model *model, struct lw_error *error);

/* The configuration alone, from the text of config.json and of generation_config.json (may be
 * NULL). */
enum lw_status lw_marian_config(const char *config_path, const char *generation_path,
                                struct lw_config *config, struct lw_error *error);

#endif
