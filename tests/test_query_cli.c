/* query, db and report from outside: what is asked wrongly, what is not there, what is written. */
#include "tests/shell.h"

#include "models/status.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(query_cli, .init = shell_setup, .fini = shell_teardown);

/* A database with one run, at $T/a.db. */
static void make_database(void)
{
    shell_expect("cd \"$T\" && echo a > ref && echo a > hyp && \"$LUTWIDGE\" score --ref ref hyp "
                 "--db a.db",
                 0, "");
}

Test(query_cli, wrong_questions_are_refused)
{
    make_database();
    shell_expect("\"$LUTWIDGE\" query diff p1 --db \"$T/a.db\"", LW_USAGE, "two deployments");
    shell_expect("\"$LUTWIDGE\" query runs p1 p2 --db \"$T/a.db\"", LW_USAGE, "two deployments");
    shell_expect("\"$LUTWIDGE\" query diff p1 p2 --db \"$T/a.db\"", LW_USAGE,
                 "there is no deployment 'p1'");
    shell_expect("\"$LUTWIDGE\" query runs --max-size 1MB --db \"$T/a.db\"", LW_USAGE,
                 "limits are for the query best");
    shell_expect("\"$LUTWIDGE\" query runs --device host --db \"$T/a.db\"", LW_USAGE,
                 "pareto and best");
    shell_expect("\"$LUTWIDGE\" query best --max-drop much --db \"$T/a.db\"", LW_USAGE, "'much'");
    shell_expect("\"$LUTWIDGE\" query best --max-latency soon --db \"$T/a.db\"", LW_USAGE,
                 "'soon'");
    shell_expect("\"$LUTWIDGE\" query runs --last -1 --db \"$T/a.db\"", LW_USAGE, "--last");
    shell_expect("\"$LUTWIDGE\" query --db \"$T/a.db\" --sql 'DELETE FROM runs'", LW_USAGE,
                 "only SELECT");
}

Test(query_cli, an_answer_without_rows_names_the_command_on_standard_error)
{
    make_database();
    shell_expect("\"$LUTWIDGE\" query pareto --db \"$T/a.db\" 2>&1 >/dev/null", 0,
                 "no rows yet; they come from: lutwidge profile MODEL_DIR --device D");
    shell_expect("\"$LUTWIDGE\" query pareto --json --db \"$T/a.db\" 2>/dev/null", 0, "[]\n");
    cr_expect_eq(shell_run("\"$LUTWIDGE\" query runs --db \"$T/a.db\" 2>&1 >/dev/null"), 0);
    cr_expect_str_empty(shell_output);
}

Test(query_cli, databases_are_checked_merged_and_exported)
{
    make_database();
    shell_expect("\"$LUTWIDGE\" db check --db \"$T/a.db\"", 0, "sound");
    shell_expect("\"$LUTWIDGE\" db merge \"$T/a.db\" --db \"$T/b.db\"", 0, "2 rows added");
    shell_expect("\"$LUTWIDGE\" db merge \"$T/a.db\" --db \"$T/b.db\" --json", 0,
                 "{\"added\": 0, \"replaced\": 0}");
    shell_expect("\"$LUTWIDGE\" db merge \"$T/b.db\" --db \"$T/b.db\"", LW_USAGE, "into itself");
    shell_expect("\"$LUTWIDGE\" db export runs --db \"$T/b.db\"", 0, "{\"row_of\": \"runs\"");
    shell_expect("\"$LUTWIDGE\" db export runs --csv --db \"$T/b.db\"", 0, "id,time_utc,verb");
    shell_expect("\"$LUTWIDGE\" db export --csv --db \"$T/b.db\"", LW_USAGE, "--csv is of one");
    shell_expect("\"$LUTWIDGE\" db mend --db \"$T/b.db\"", LW_USAGE, "check, merge OTHER.db");
    shell_expect("\"$LUTWIDGE\" db check --db \"$T/hyp\"", LW_CORRUPT, "not a Lutwidge database");
    shell_expect("\"$LUTWIDGE\" db merge \"$T/none.db\" --db \"$T/b.db\"", LW_FAILED, "none.db");
}

Test(query_cli, the_page_is_written_whole_or_not_at_all)
{
    make_database();
    shell_expect("\"$LUTWIDGE\" report --db \"$T/a.db\"", LW_USAGE, "-o report.html");
    shell_expect("\"$LUTWIDGE\" report --db \"$T/a.db\" -o \"$T/r.html\"", 0, " MB");
    shell_expect("tail -n 1 \"$T/r.html\"", 0, "</html>");
    shell_expect("\"$LUTWIDGE\" report --db \"$T/a.db\" -o - | cmp - \"$T/r.html\" && echo same", 0,
                 "same");
    shell_expect("\"$LUTWIDGE\" report --db \"$T/none.db\" -o \"$T/n.html\"", LW_FAILED, "none.db");
    shell_expect("ls \"$T/n.html\"", 2, "");
}
