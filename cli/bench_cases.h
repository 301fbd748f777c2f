/* The options of `lutwidge bench` that say what is timed. */
#ifndef LW_CLI_BENCH_CASES_H
#define LW_CLI_BENCH_CASES_H

#include "models/status.h"
#include "profiles/bench.h"

#include <stdbool.h>
#include <stddef.h>

/* Lists as the user wrote them; NULL where not given. */
struct cli_bench_lists {
    const char *shapes, *bits, *columns, *arith, *alpha, *group, *isa, *family, *modes, *peers,
        *model;
};

struct cli_bench_cases {
    struct lw_bench_case *cases; /* malloc'ed; those of one shape stand together */
    size_t count;
    size_t columns[LW_SPEC_MAX_BATCH]; /* each N, rising */
    size_t column_count;
    bool modes[LW_BENCH_MODES];
    bool peers[LW_BENCH_PEERS];
};

/* LW_USAGE names the option at fault. Peers that were not asked for by name are left out where they
 * cannot be loaded; with *missing (8 KB at most) saying which and why. */
enum lw_status cli_bench_cases(const struct cli_bench_lists *lists, struct cli_bench_cases *cases,
                               struct lw_error *missing, struct lw_error *error);

#endif
