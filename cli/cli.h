/* The program's verbs: one short file each, one table of options each, printing and progress in one
 * place. Data goes to stdout, everything else to stderr. */
#ifndef LW_CLI_CLI_H
#define LW_CLI_CLI_H

#include "models/status.h"

#include <float.h>
#include <limits.h>
#include <popt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A verb: what --help and its manual page say of it, and its function. */
struct cli_verb {
    const char *name;
    const char *purpose;     /* one line, no point at its end */
    const char *description; /* sentences */
    const char *examples;    /* lines, each ended by '\n' */
    const char *arguments;   /* "MODEL_DIR -o M.lwm": what follows the options in the usage line */
    const char *see;         /* other verbs, a space between them */
    int (*run)(int argc, const char **argv); /* argv[0] is the verb; returns the exit code */
};

extern const struct cli_verb cli_verbs[];
extern const size_t cli_verb_count;
/* NULL when there is none of that name. */
const struct cli_verb *cli_verb_named(const char *name);
/* Words that a verb takes as its argument: "pareto" of query, "merge" of db. */
struct cli_word {
    const char *name, *says;
};
/* False behind the last one, and where a verb takes none. */
bool cli_word_at(const struct cli_verb *verb, size_t i, struct cli_word *word);
/* Runs what the words of the command line ask for, the program's name aside. */
int cli_dispatch(int count, const char **words);
/* "Exit codes: 0 done, ...": two lines. */
void cli_print_codes(void);

/* Parses with popt: prints help (examples first) and exits 0 for --help; prints a usage error and
 * returns LW_USAGE for a bad option. Arguments that are not options are left in *rest
 * (NULL-terminated, valid until the program ends), between `minimum` and `maximum` of them or a
 * usage error. Strings that options give live as long: do not free them. */
enum lw_status cli_parse(const struct cli_verb *verb, int argc, const char **argv,
                         struct poptOption *options, size_t minimum, size_t maximum,
                         const char ***rest);

/* What numbers of options are where the option is not given: values that nobody asks for. */
#define CLI_NO_NUMBER INT_MIN
#define CLI_NO_REAL (-DBL_MAX)

/* Calls `list` with each option of a verb, in the order of its table, --help aside. */
void cli_list_options(const struct cli_verb *verb,
                      void (*list)(void *context, const struct poptOption *option), void *context);

/* Prints "lutwidge VERB: text" to stderr and returns the exit code. */
int cli_report(const char *verb, enum lw_status status, const struct lw_error *error);

/* Closes stdout, and turns what could not be written (a full disk, a closed descriptor) into a
 * message and LW_FAILED where `code` is 0. main calls it after the verb: a verb just returns its
 * code. */
int cli_finish(const char *verb, int code);

/* Whether the file at `path` can be written, before the work: fails with LW_FAILED where it cannot,
 * and with LW_USAGE where it is one of `inputs` (count of them, NULL where there is none). Leaves
 * nothing behind. */
enum lw_status cli_check_output(const char *path, const char *const *inputs, size_t count,
                                struct lw_error *error);
/* The same of an .lwm file, which takes the place of another .lwm file, never of anything else. */
enum lw_status cli_check_model_output(const char *path, struct lw_error *error);
/* Whether figures can be added to the database at `path`, before the work: LW_FAILED where it
 * cannot be written to, LW_CORRUPT where it is another file. Where there is none, none is made yet.
 * SQLite is left alone: its pages would count as memory of the work. */
enum lw_status cli_check_database(const char *path, struct lw_error *error);

/* The verb whose name is nearest to `word`, or NULL when none is near. */
const char *cli_nearest(const char *word, const char *const *names, size_t count);

/* Progress on stderr: a redrawn line on a terminal (never with NO_COLOR's colours), a plain line
 * every ten per cent elsewhere, with elapsed and remaining time. */
struct cli_progress {
    const char *label;
    double start_s;
    double shown_s;
    int shown_tenth;
    bool terminal;
};
void cli_progress_start(struct cli_progress *progress, const char *label);
void cli_progress_step(struct cli_progress *progress, size_t done, size_t all);
void cli_progress_end(struct cli_progress *progress);

/* Adds one run to the database at `path`, which is created where it is absent. */
struct lw_run;
enum lw_status cli_record(const char *path, const struct lw_run *run, struct lw_error *error);

/* Between hold and release Ctrl-C is only noted, so that work in steps can clean up; release raises
 * it again. Holds nest. */
void cli_interrupt_hold(void);
bool cli_interrupted(void);
void cli_interrupt_release(void);

double cli_now_s(void);             /* monotonic clock */
double cli_peak_memory_bytes(void); /* VmHWM of this process */
/* The command line as typed, quoted for a shell; malloc'ed. */
char *cli_command_line(int argc, const char **argv);

int cli_quantize(int argc, const char **argv);
int cli_inspect(int argc, const char **argv);
int cli_generate(int argc, const char **argv);
int cli_translate(int argc, const char **argv);
int cli_shortlist(int argc, const char **argv);
int cli_score(int argc, const char **argv);
int cli_profile(int argc, const char **argv);
int cli_allocate(int argc, const char **argv);
int cli_bench(int argc, const char **argv);
int cli_simulate(int argc, const char **argv);
int cli_compare(int argc, const char **argv);
int cli_sweep(int argc, const char **argv);
int cli_query(int argc, const char **argv);
int cli_report_page(int argc, const char **argv);
int cli_db(int argc, const char **argv);
int cli_doctor(int argc, const char **argv);

#endif
