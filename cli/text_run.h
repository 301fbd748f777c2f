/* A text on its way through a team of translators: lines in, translations out in the same order. */
#ifndef LW_CLI_TEXT_RUN_H
#define LW_CLI_TEXT_RUN_H

#include "cli/cli.h"
#include "models/status.h"
#include "profiles/score.h"
#include "runtime/team.h"
#include "runtime/tokenizer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct cli_text_run {
    const char *input_name;
    FILE *input, *references; /* references: may be NULL */
    size_t input_bytes;       /* 0: not known, no progress */
    bool scores;
    size_t at_once; /* lines that the team translates at once; 1: each is written before the next is
                       read */
    const struct lw_tokenizer *tokenizer;
    struct lw_team *team;
    struct lw_score_statistics statistics;
    size_t lines, refused;
    size_t words;         /* that came out, </s> included */
    size_t listed, lists; /* words of all shortlists; how many there were */
    size_t most_lines;    /* stop after these; SIZE_MAX: all */
    enum lw_status worst; /* of the refused lines */
    double seconds;       /* in translating, reading and writing aside */
    struct cli_progress progress;
    bool quiet;
};

/* Lines that are held at once. */
size_t cli_text_window(size_t at_once);

/* Opens the input (NULL or "-": standard input) and the references (NULL: none). cli_text_close
 * also after a failure. */
enum lw_status cli_text_open(const char *input, const char *reference, struct cli_text_run *run,
                             struct lw_error *error);
void cli_text_close(struct cli_text_run *run);

/* Translates the text to stdout. A line that cannot be translated gives an empty line and a message
 * on stderr; the others go on. */
enum lw_status cli_text_translate(struct cli_text_run *run, struct lw_error *error);

#endif
