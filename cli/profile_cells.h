/* lutwidge profile --device: all that allocation needs. */
#ifndef LW_CLI_PROFILE_CELLS_H
#define LW_CLI_PROFILE_CELLS_H

#include "models/status.h"

struct cli_profile_request {
    const char *folder, *source, *reference, *counts, *database, *command;
    const char **devices; /* lists of names, ended by NULL */
    int lines, plans, threads;
    int no_bleu, no_energy, retry, quiet;
};

/* Prints the plan of points and progress on stderr. */
enum lw_status cli_profile_cells(const struct cli_profile_request *request, struct lw_error *error);

#endif
