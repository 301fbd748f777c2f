/* Translating a text on a simulated engine, for what it takes. */
#ifndef LW_CLI_SIMULATE_TEXT_H
#define LW_CLI_SIMULATE_TEXT_H

#include "cli/loaded.h"

/* One of text and path is given. */
struct cli_simulated_text {
    const char *text; /* a line */
    const char *path;
    int beams, lines; /* lines: at most, -1 for all */
    bool quiet;
};

/* Translates; loaded->work grows by it. Blank lines are left out. *subject, malloc'ed, says which
 * text and search it was. LW_USAGE for a bad number of beams; other failures name the line. */
enum lw_status cli_simulate_text(struct cli_loaded *loaded, const struct cli_simulated_text *text,
                                 char **subject, struct lw_error *error);

#endif
