/* What `lutwidge bench` prints: cells as they are finished, geometric means over the shapes last.
 */
#ifndef LW_CLI_BENCH_PRINT_H
#define LW_CLI_BENCH_PRINT_H

#include "models/status.h"
#include "profiles/bench.h"

#include <stdio.h>

enum cli_bench_format { CLI_BENCH_TABLE, CLI_BENCH_MARKDOWN, CLI_BENCH_CSV, CLI_BENCH_JSON };

struct cli_bench_mean;

/* Zero but for the first two. */
struct cli_bench_printer {
    FILE *stream;
    enum cli_bench_format format;
    size_t rows; /* printed */
    struct cli_bench_mean *means;
    size_t mean_count;
};

void cli_bench_print_start(struct cli_bench_printer *printer);
/* LW_FAILED when out of memory. */
enum lw_status cli_bench_print_row(struct cli_bench_printer *printer,
                                   const struct lw_bench_row *row, struct lw_error *error);
/* The means, in a table or markdown; frees them. */
void cli_bench_print_end(struct cli_bench_printer *printer);

#endif
