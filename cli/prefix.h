/* Prefixes of nested planes, as options choose them and as people read of them. */
#ifndef LW_CLI_PREFIX_H
#define LW_CLI_PREFIX_H

#include "models/nested.h"

#include <stdbool.h>

/* Bytes of "1500000", "1500000B", "1.5MB", "1500 kB", "1.4MiB": B, kB, MB, GB (powers of 1000) and
 * KiB, MiB, GiB (of 1024), in any case. LW_USAGE for anything else. */
enum lw_status cli_parse_bytes(const char *option, const char *text, size_t *bytes,
                               struct lw_error *error);

/* Milliseconds of "5", "5ms", "800us", "0.5s". LW_USAGE for anything else. */
enum lw_status cli_parse_ms(const char *option, const char *text, double *ms,
                            struct lw_error *error);

/* Picojoules of "150uJ", "2mJ", "800nJ", "5000pJ": a unit is needed. */
enum lw_status cli_parse_pj(const char *option, const char *text, double *pj,
                            struct lw_error *error);
/* Gates of "220000", "220k", "1.2M". */
enum lw_status cli_parse_gates(const char *option, const char *text, double *gates,
                               struct lw_error *error);

/* The most chunks of an opened file at `path` that take at most `size` (as above); all where it is
 * NULL. *bytes is what they take without a tokeniser. An ordinary model takes what it takes and has
 * 0 chunks. LW_INFEASIBLE where nothing fits; the text names the least size. */
enum lw_status cli_choose_prefix(const char *path, const struct lw_nested *nested, const char *size,
                                 size_t *chunks, size_t *bytes, struct lw_error *error);

/* What prefixes are told apart by: average bits of the matrices of one kind. */
enum { CLI_KINDS = 6 };
extern const char *const cli_kinds[CLI_KINDS];
/* Average bits of each kind; 0 where a model has none of it. *all: of all weights. */
void cli_kind_bits(const struct lw_model *model, double bits[CLI_KINDS], double *all);
/* "M.lwm: 213 of 560 chunks of nested planes, ..." on stderr. */
void cli_print_prefix(const char *path, const struct lw_model *model, size_t chunks,
                      size_t all_chunks, size_t bytes);

#endif
