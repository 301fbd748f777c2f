/* The program from outside: help, suggestions, exit codes, streams and signals. LUTWIDGE in the
 * environment names it, as `make test` does. */
#include "models/status.h"
#include "tests/shell.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

TestSuite(cli, .init = shell_setup, .fini = shell_teardown);

static const char *const verbs[] = {
    "quantize", "inspect", "generate", "translate", "score",  "profile", "allocate", "bench",
    "simulate", "sweep",   "compare",  "query",     "report", "db",      "doctor",   "shortlist"};
enum { VERBS = sizeof verbs / sizeof *verbs };

Test(cli, help_lists_the_verbs_and_each_verb_helps)
{
    char line[128], alone[sizeof shell_output];
    cr_expect_eq(shell_run("\"$LUTWIDGE\""), 0);
    memcpy(alone, shell_output, sizeof alone);
    shell_expect("\"$LUTWIDGE\" --help", 0, "Exit codes: 0 done");
    cr_expect_str_eq(alone, shell_output);
    for (size_t i = 0; i < VERBS; i++) {
        snprintf(line, sizeof line, "\n  %s ", verbs[i]);
        cr_expect_not_null(strstr(alone, line), "%s is not listed", verbs[i]);
        snprintf(line, sizeof line, "\"$LUTWIDGE\" %s --help 2>/dev/null", verbs[i]);
        shell_expect(line, 0, "Options:");
        const char *examples = strstr(shell_output, "\nExamples:\n  lutwidge ");
        const char *usage = strstr(shell_output, "\nUsage: lutwidge ");
        cr_expect(examples && usage && examples < usage, "%s", shell_output);
    }
    shell_expect("\"$LUTWIDGE\" help score", 0,
                 "Usage: lutwidge score [OPTION...] --ref REF [HYP]");
    shell_expect("\"$LUTWIDGE\" --version", 0, "lutwidge " LW_VERSION "\n");
}

Test(cli, wrong_usage_is_code_2_with_the_nearest_name)
{
    shell_expect("\"$LUTWIDGE\" quantise", LW_USAGE, "did you mean 'quantize'?");
    shell_expect("\"$LUTWIDGE\" tanslrate", LW_USAGE, "did you mean 'translate'?");
    shell_expect("\"$LUTWIDGE\" frobnicate", LW_USAGE, "'lutwidge --help' lists them");
    cr_expect_null(strstr(shell_output, "did you mean"), "%s", shell_output);
    shell_expect("\"$LUTWIDGE\" ''", LW_USAGE, "there is no verb ''");
    shell_expect("\"$LUTWIDGE\" score --jsn", LW_USAGE,
                 "lutwidge score: --jsn: unknown option; did you mean --json?");
    shell_expect("\"$LUTWIDGE\" score --ref", LW_USAGE, "lutwidge score: --ref: missing argument");
    shell_expect("\"$LUTWIDGE\" score", LW_USAGE, "name the reference translation with --ref");
    shell_expect("\"$LUTWIDGE\" score --ref a b c", LW_USAGE, "lutwidge score: too many arguments");
    shell_expect("\"$LUTWIDGE\" quantize", LW_USAGE, "lutwidge quantize: ");
    shell_expect("\"$LUTWIDGE\" query", LW_USAGE, "lutwidge query: ");
    /* What is wrong goes to standard error alone. */
    cr_expect_eq(shell_run("\"$LUTWIDGE\" quantise 2>/dev/null"), LW_USAGE);
    cr_expect_str_empty(shell_output);
}

Test(cli, what_cannot_be_written_is_an_error)
{
    shell_expect("\"$LUTWIDGE\" --help >/dev/full", LW_FAILED,
                 "standard output cannot be written: No space left");
    shell_expect("\"$LUTWIDGE\" query --help >/dev/full", LW_FAILED,
                 "lutwidge query: standard output cannot be");
    shell_run("printf 'ein Hund\\n' > \"$T/a\"");
    shell_expect("\"$LUTWIDGE\" score --ref \"$T/a\" \"$T/a\" >/dev/full", LW_FAILED,
                 "No space left");
    shell_expect("\"$LUTWIDGE\" score --ref \"$T/a\" \"$T/a\" >&-", LW_FAILED,
                 "standard output cannot be written");
}

Test(cli, a_file_never_takes_the_place_of_a_closed_stream)
{
    shell_run("printf 'ein Hund\\n' > \"$T/a\"");
    shell_expect("\"$LUTWIDGE\" score --ref \"$T/a\" --db \"$T/runs.db\" <&- >/dev/null", LW_FAILED,
                 "Bad file descriptor");
    shell_expect("\"$LUTWIDGE\" score --ref \"$T/a\" \"$T/a\" --db \"$T/runs.db\" >&-", LW_FAILED,
                 "cannot be written");
    shell_expect(
        "\"$LUTWIDGE\" query --db \"$T/runs.db\" --csv --sql 'SELECT count(*) AS n FROM runs'", 0,
        "n\n1\n");
}

Test(cli, score_and_query)
{
    shell_run("printf 'ein Hund schläft tief\\n' > \"$T/ref\"; printf 'ein Hund schläft\\n' > "
              "\"$T/hyp\"; "
              "printf 'ein \\377\\n' > \"$T/bad\"");
    shell_expect(
        "\"$LUTWIDGE\" score --ref \"$T/ref\" \"$T/ref\"", 0,
        "BLEU|nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp = 100.00 100.0/100.0/100.0/100.0 "
        "(BP = 1.000 ratio = 1.000 hyp_len = 4 ref_len = 4)\n"
        "chrF2|nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no = 100.00\n");
    shell_expect("\"$LUTWIDGE\" score --ref \"$T/ref\" \"$T/bad\"", LW_CORRUPT,
                 "line 1: the hypothesis is not UTF-8");
    shell_expect("\"$LUTWIDGE\" score --ref \"$T/absent\" \"$T/hyp\"", LW_FAILED,
                 "/absent: No such file");
    shell_expect("\"$LUTWIDGE\" score --ref \"$T/ref\" --json --db \"$T/runs.db\" < \"$T/hyp\"", 0,
                 "{");
    json_t *score = json_loads(shell_output, 0, NULL);
    cr_assert_not_null(score, "%s", shell_output);
    cr_expect_eq(json_integer_value(json_object_get(score, "hypothesis_words")), 3);
    cr_expect_eq(json_integer_value(json_object_get(score, "reference_words")), 4);
    cr_expect_gt(json_real_value(json_object_get(score, "chrf")), 0);
    json_decref(score);
    shell_expect("\"$LUTWIDGE\" query runs --db \"$T/runs.db\"", 0, "score");
    shell_expect("\"$LUTWIDGE\" query runs --db \"$T/runs.db\" --csv", 0, "/runs.db");
    shell_expect("\"$LUTWIDGE\" query rums --db \"$T/runs.db\"", LW_USAGE, "runs");
    shell_expect("\"$LUTWIDGE\" query runs --db \"$T/ref\"", LW_CORRUPT, "not a Lutwidge database");
    shell_expect("\"$LUTWIDGE\" query runs --db \"$T/absent.db\"", LW_FAILED, "No such file");
    shell_expect("\"$LUTWIDGE\" query --db \"$T/runs.db\" --sql 'DELETE FROM runs'", LW_USAGE,
                 "only SELECT");
}

/* The first string would be a leak, which only `make test SAN=1` sees. */
Test(cli, of_an_option_given_twice_the_last_counts)
{
    shell_run("printf 'ein Hund\\n' > \"$T/a\"");
    shell_expect("\"$LUTWIDGE\" score --ref \"$T/absent\" -r \"$T/none\" --ref \"$T/a\" \"$T/a\"",
                 0, "BLEU");
    shell_expect("\"$LUTWIDGE\" score --ref \"$T/a\" --ref", LW_USAGE, "--ref: missing argument");
}

Test(cli, figures_that_cannot_be_kept_are_told_from_the_work)
{
    shell_run("printf 'ein Hund\\n' > \"$T/a\"; printf 'SQLite format 3\\0 torn' > \"$T/b\"");
    shell_expect("\"$LUTWIDGE\" score --ref \"$T/a\" \"$T/a\" --db \"$T/b\"", LW_CORRUPT,
                 "the work is done, its figures are not kept: ");
    cr_expect_not_null(strstr(shell_output, "/b: not a Lutwidge database"), "%s", shell_output);
    cr_expect_not_null(strstr(shell_output, "BLEU"), "%s", shell_output);
    /* What can be known before the work is said before. */
    shell_expect("\"$LUTWIDGE\" score --ref \"$T/a\" \"$T/a\" --db \"$T/a\" 2>&1 | sed s,$T,T,", 0,
                 "lutwidge score: T/a: not a Lutwidge database\n");
    cr_expect_null(strstr(shell_output, "BLEU"), "%s", shell_output);
    shell_expect("\"$LUTWIDGE\" score --ref \"$T/a\" \"$T/a\" --db \"$T/none/b\" | wc -l", 0,
                 "0\n");
}

Test(cli, the_recorded_command_line_can_be_run_again)
{
    shell_run("printf 'ein Hund\\n' > \"$T/it's a\"");
    shell_expect("cd \"$T\"; \"$LUTWIDGE\" score --ref \"it's a\" \"it's a\" --db runs.db", 0,
                 "BLEU");
    shell_expect(
        "cd \"$T\"; \"$LUTWIDGE\" query --db runs.db --csv --sql 'SELECT command FROM runs'", 0,
        "lutwidge score --ref 'it'\\''s a' 'it'\\''s a' --db runs.db\n");
}

struct child {
    pid_t id;
    int feed, errors; /* our ends of its standard input and standard error */
};

static struct child start(const char *const arguments[])
{
    int feed[2], errors[2];
    cr_assert(pipe(feed) == 0 && pipe(errors) == 0);
    struct child child = {.id = fork(), .feed = feed[1], .errors = errors[0]};
    cr_assert_geq(child.id, 0);
    if (child.id == 0) {
        dup2(feed[0], 0);
        dup2(errors[1], 2);
        close(feed[1]);
        execv(getenv("LUTWIDGE"), (char *const *)arguments);
        _exit(127);
    }
    close(feed[0]);
    close(errors[1]);
    return child;
}

static void expect_killed(struct child *child, int number)
{
    int status;
    kill(child->id, number);
    cr_assert_eq(waitpid(child->id, &status, 0), child->id);
    cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == number, "signal %d gave status %d", number,
              status);
    close(child->feed);
    close(child->errors);
}

Test(cli, signals_end_the_program_at_once_and_visibly)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        signal(numbers[i], SIG_DFL);
        struct child child =
            start((const char *const[]){"lutwidge", "score", "--ref", "LICENSE", NULL});
        /* Long enough to be waiting for input as a rule; the outcome must be the same before. */
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
        expect_killed(&child, numbers[i]);
    }
}

Test(cli, an_interrupted_quantisation_leaves_no_file)
{
    char path[64], first;
    snprintf(path, sizeof path, "%s/out.lwm", shell_folder);
    signal(SIGINT, SIG_DFL);
    struct child child = start((const char *const[]){"lutwidge", "quantize", "models/open-en-de",
                                                     "--bits", "4", "-o", path, NULL});
    /* The first words of progress: most of the work is still to come. */
    cr_assert_eq(read(child.errors, &first, 1), 1);
    expect_killed(&child, SIGINT);
    DIR *entries = opendir(shell_folder);
    cr_assert_not_null(entries);
    for (struct dirent *entry; (entry = readdir(entries));)
        cr_expect(strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0,
                  "%s was left", entry->d_name);
    closedir(entries);
}
