/* What the files of `lutwidge allocate` share. */
#ifndef LW_CLI_ALLOCATE_H
#define LW_CLI_ALLOCATE_H

#include "cli/parts.h"

#include "profiles/allocation.h"
#include "profiles/database_synth.h"
#include "profiles/prediction.h"

#include <stdbool.h>
#include <stddef.h>

enum { CLI_ALLOCATE_DEVICES = 16 };

/* A device that was asked for, and what its best plan has. */
struct cli_tried {
    char name[32];
    bool within;               /* the area that was asked for */
    struct lw_area area;       /* gates NAN: no engine, or not synthesised */
    enum lw_status status;     /* of the search; LW_FAILED, LW_USAGE: left out */
    struct lw_error error;     /* why there is no plan */
    double divergence, ms, pj; /* pj NAN: not known */
    double value;              /* of what is minimised: nats, bytes, ms or pJ */
};

struct cli_allocate {
    /* as the options give them; NULL or NAN where not given */
    const char *folder, *database_path, *output, *plan_name;
    const char **device_lists;       /* names and lists of them, ended by NULL; or NULL */
    const char *source, *reference;  /* of --verify */
    const char *counts;              /* of --verify; NULL: none */
    const char **pins;               /* REGEX=BITS, ended by NULL; or NULL */
    size_t size_bytes, memory_bytes; /* 0: no limit */
    double latency_ms, drop, energy_pj, area_gates;
    bool minimises_area; /* the figure of the problem is the loss then */
    int verify, threads, json;
    const char *command;
    /* what they stand for */
    struct cli_parts parts;
    struct lw_database *database;
    struct cli_tried tried[CLI_ALLOCATE_DEVICES];
    size_t tried_count;
    /* the device in hand; NULL: none was asked for */
    const char *device_name;
    struct lw_area area;
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

/* cli/allocate_problem.c */

/* Makes prediction, items and problem for a->device_name; cli_allocate_forget frees them. */
enum lw_status cli_allocate_prepare(struct cli_allocate *a, struct lw_error *error);
void cli_allocate_forget(struct cli_allocate *a);
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
/* Milliseconds of a latency in the device's unit. */
double cli_allocate_ms(const struct cli_allocate *a, double latency);
/* "12.3 uJ" or "4.5 mJ" */
enum { CLI_ENERGY_BYTES = 24 };
const char *cli_energy(double pj, char text[CLI_ENERGY_BYTES]);

/* cli/allocate_devices.c */

/* Reads the names of devices. */
enum lw_status cli_allocate_name_devices(struct cli_allocate *a, struct lw_error *error);
/* Solves for the best of the devices that were asked for, and leaves a at it. */
enum lw_status cli_allocate_choose(struct cli_allocate *a, struct lw_error *error);
/* Whether more area would have bought a better plan. */
void cli_allocate_print_area(const struct cli_allocate *a);

/* cli/allocate_print.c */
void cli_allocate_print_range(const struct cli_allocate *a);
enum lw_status cli_allocate_print(struct cli_allocate *a, struct lw_error *error);
/* Appends to an error what can be had: the range, and the choice nearest to the limits. */
void cli_allocate_explain(const struct cli_allocate *a, const struct lw_allocation *nearest,
                          struct lw_error *error);

/* cli/allocate_verify.c: replaces a->best by the best of the K best as measured. */
enum lw_status cli_allocate_verify(struct cli_allocate *a, struct lw_error *error);

#endif
