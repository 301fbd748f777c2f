/* What allocation chooses between: the parts of a model, and the codes that a part may have.
 *
 * A part is a set of matrices that move together: those that read the same activations in one call
 * (q, k and v of a self-attention, k and v of the encoder-decoder attention), a tied embedding with
 * all its uses, or one matrix. The words of an embedding or output matrix fall into classes by
 * frequency, each with bits of its own, not more than those of a more frequent class.
 */
#ifndef LW_PROFILES_CELLS_H
#define LW_PROFILES_CELLS_H

#include "models/plan.h"
#include "models/status.h"
#include "models/transformer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LW_PART_MATRICES = 4, LW_WORD_CLASSES = 5, LW_CELL_BITS = 4, LW_CELL_MODES = 6 };
enum { LW_CELL_NAME_BYTES = 24, LW_MOST_CELLS = 336 }; /* cells of one part */

/* Shares of all words, most frequent first; the last class has the rest. */
extern const double lw_word_shares[LW_WORD_CLASSES];

struct lw_part {
    char name[48];  /* "encoder.0.self.q+k+v", "decoder.1.ffn.fc1", "embedding" */
    char match[48]; /* of plans: "encoder.0.self.[qkv]" */
    char kind[48];  /* "encoder.self", as lw_sensitivity_targets names kinds */
    unsigned matrices[LW_PART_MATRICES];
    size_t count;
    bool words; /* its rows are words */
};

/* Scales that a cell may have, and the fit in the metric of the inputs. */
struct lw_cell_mode {
    enum lw_alpha alpha;
    size_t group; /* columns; 0: a row */
};
extern const struct lw_cell_mode lw_cell_modes[LW_CELL_MODES];

/* With one bit both kinds of scales are the same code: the mode that it is known by. */
size_t lw_cell_mode_of(unsigned bits, size_t mode);

/* The code of a part. */
struct lw_cell {
    uint8_t bits[LW_WORD_CLASSES]; /* of each class of words; of other parts the first alone */
    size_t mode;                   /* of lw_cell_modes */
};

/* All parts in the order of the model; *parts is malloc'ed. */
enum lw_status lw_parts_list(const struct lw_model *model, struct lw_part **parts, size_t *count,
                             struct lw_error *error);
/* The part of a name; NULL: none. */
const struct lw_part *lw_part_named(const struct lw_part *parts, size_t count, const char *name);

/* All codes that a part may have, cheapest bits first; those that repeat another are left out (with
 * one bit both kinds of scales are the same). Writes at most `room` and returns how many there are.
 */
size_t lw_cells_list(const struct lw_part *part, struct lw_cell *cells, size_t room);
bool lw_cell_is_alike(const struct lw_part *part, const struct lw_cell *cell);
/* "3", or "4,3,3,2,1" where classes differ. */
void lw_cell_bits_name(const struct lw_part *part, const struct lw_cell *cell,
                       char name[LW_CELL_NAME_BYTES]);

/* The cells of all parts in one line, "4,3,3,2,1/f 2/f128 3/u64 ...": what names a plan where it is
 * measured. malloc'ed; NULL without memory. */
char *lw_cells_text(const struct lw_part *parts, const struct lw_cell *cells, size_t count);
/* Back again; false where the text is not one of these parts. */
bool lw_cells_parse(const struct lw_part *parts, const char *text, struct lw_cell *cells,
                    size_t count);

/* The choice of a part's matrices; its words are thresholds by share where classes differ. */
struct lw_choice lw_cell_choice(const struct lw_part *part, const struct lw_cell *cell,
                                enum lw_arith arith);
/* A plan of one rule a part, and one for all that fits in sequence; cells[count].
 * lw_plan_free. */
enum lw_status lw_cells_plan(const struct lw_part *parts, const struct lw_cell *cells, size_t count,
                             enum lw_arith arith, const char *name, const char *comment,
                             struct lw_plan *plan, struct lw_error *error);

/* The rows of each class of a part's matrix: class_of[rows], from counts[rows], the same rounding
 * as the thresholds of the plan. */
enum lw_status lw_word_classes(const uint64_t *counts, size_t rows, uint8_t *class_of,
                               struct lw_error *error);
/* How many rows each class has. */
void lw_word_class_rows(size_t rows, size_t class_rows[LW_WORD_CLASSES]);

#endif
