/* What the files of `lutwidge allocate` share. */
#ifndef LW_CLI_ALLOCATE_H
#define LW_CLI_ALLOCATE_H

#include "cli/parts.h"

#include "profiles/allocation.h"
#include "profiles/prediction.h"

#include <stdbool.h>
#include <stddef.h>

struct cli_allocate {
    /* as the options give them; NULL or NAN where not given */
    const char *folder, *database_path, *device_name, *output, *plan_name;
    const char *source, *reference;  /* of --verify */
    const char *counts;              /* of --verify; NULL: none */
    const char **pins;               /* REGEX=BITS, ended by NULL; or NULL */
    size_t size_bytes, memory_bytes; /* 0: no limit */
    double latency_ms, drop;
    int verify, threads, json;
    const char *command;
    /* what they stand for */
    struct cli_parts parts;
    struct lw_database *database;
    struct lw_cost_device device;
    char *maker;
    struct lw_cost_subject costs;
    struct lw_prediction prediction;
    struct lw_allocation_item *items;   /* those of the prediction without what pins exclude */
    struct lw_allocation_option **kept; /* [part] */
    size_t **kept_index;                /* [part][kept option], the option of the prediction */
    struct lw_allocation_problem problem;
    struct lw_allocation best; /* owns `chosen`, options of `items` */
    double bytes;              /* of its file without tokeniser, exact */
    double seconds;
};

/* The cells of a choice of options; cells[part count]. */
void cli_allocate_cells(const struct cli_allocate *a, const size_t *chosen, struct lw_cell *cells);
/* Bytes of the file that `quantize --plan` makes of these cells, tokeniser aside. */
enum lw_status cli_allocate_bytes(const struct cli_allocate *a, const struct lw_cell *cells,
                                  double *bytes, struct lw_error *error);
/* Solves until the exact bytes keep the limit of size. `chosen` of the allocation is the caller's.
 */
enum lw_status cli_allocate_solve(const struct cli_allocate *a,
                                  const struct lw_allocation_problem *problem,
                                  struct lw_allocation *allocation, double *bytes,
                                  struct lw_error *error);
/* Milliseconds of a sentence from the sum of costs. */
double cli_allocate_ms(const struct cli_allocate *a, double cost);

/* cli/allocate_print.c */
void cli_allocate_print_range(const struct cli_allocate *a);
enum lw_status cli_allocate_print(struct cli_allocate *a, struct lw_error *error);
/* Appends to an error what can be had: the range, and the choice nearest to the limits. */
void cli_allocate_explain(const struct cli_allocate *a, const struct lw_allocation *nearest,
                          struct lw_error *error);

/* cli/allocate_verify.c: replaces a->best by the best of the K best as measured. */
enum lw_status cli_allocate_verify(struct cli_allocate *a, struct lw_error *error);

#endif
