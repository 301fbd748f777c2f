/* A model cut into parts, with the text that it is profiled on: what `profile --device` and
 * `allocate --verify` measure with. */
#ifndef LW_CLI_PARTS_H
#define LW_CLI_PARTS_H

#include "profiles/cells.h"
#include "profiles/database_parts.h"
#include "profiles/trial.h"

#include <stddef.h>
#include <stdint.h>

/* Lines of the text that fits are calibrated on, and that plans are translated for their BLEU. */
enum { CLI_CALIBRATION_LINES = 1000, CLI_BLEU_LINES = 500 };

struct cli_parts {
    struct lw_model model; /* dense */
    struct lw_part *parts;
    size_t count;
    /* With a text: */
    uint8_t **class_of; /* [matrix_count], NULL where rows are no words */
    struct lw_trial trial;
    struct lw_trial translated;  /* zeroed: not asked for */
    struct lw_pairs calibration; /* a view behind the measured lines, where there are enough */
    struct lw_pairs read;        /* what it is a view of */
    struct lw_text_subject text; /* without a text only its model_hash */
    size_t source_words, target_words; /* of the trial's mean pair, rounded */
};

/* Imports a folder and cuts it into parts. */
enum lw_status cli_parts_open(const char *folder, struct cli_parts *parts, struct lw_error *error);
/* Reads the text of an opened model. Words are counted in it, or taken from `counts`, a table,
 * which is then part of what text.source_hash names; NULL: none. */
enum lw_status cli_parts_read(struct cli_parts *parts, const char *source, const char *reference,
                              const char *counts, size_t lines, bool translated,
                              struct lw_error *error);
/* Safe on zeroed parts. */
void cli_parts_close(struct cli_parts *parts);

#endif
