/* `lutwidge bench --static`: cycles that a model of a CPU counts, beside no time at all. */
#ifndef LW_CLI_BENCH_STATIC_H
#define LW_CLI_BENCH_STATIC_H

#include "cli/bench_cases.h"
#include "cli/bench_print.h"

struct cli_bench_static {
    const char *devices; /* as --static gives them: names or "all" */
    enum cli_bench_format format;
    bool quiet;
    const char *database; /* NULL: none */
    const char *command;
};

/* Prints each cell as it is finished. LW_USAGE for devices without a model. */
enum lw_status cli_bench_static(const struct cli_bench_static *request,
                                const struct cli_bench_cases *cases, struct lw_error *error);

#endif
