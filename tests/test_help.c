/* Help, manual pages and completion: made from one table, they must say the same. */
#include "models/status.h"
#include "tests/shell.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *verbs; /* a line each */

static void setup(void)
{
    shell_setup();
    cr_assert_eq(shell_run("\"$LUTWIDGE\" help --verbs"), 0);
    verbs = strdup(shell_output);
    cr_assert_eq(setenv("VERBS", verbs, 1), 0);
    cr_assert_not_null(strstr(verbs, "quantize\n"));
    cr_assert_not_null(strstr(verbs, "doctor\n"));
}

static void teardown(void)
{
    free(verbs);
    shell_teardown();
}

TestSuite(help, .init = setup, .fini = teardown, .timeout = 60);

/* Puts the options of each verb into $T/VERB.help, as --help has them, one a line. */
static void list_options(void)
{
    shell_expect(
        "for v in $VERBS; do \"$LUTWIDGE\" $v --help | "
        "sed -n '/^Options:/,$s/^  \\(-., \\|    \\)\\(--[a-z-]*\\).*/\\2/p' | sort > $T/$v.help; "
        "grep -qx -e --help $T/$v.help || exit 1; done",
        0, "");
}

Test(help, pages_have_their_sections_in_order)
{
    shell_expect("for v in $VERBS; do \"$LUTWIDGE\" help --man $v | grep '^.SH' | cut -c 5- | "
                 "tr '\\n' ,; done | sort -u",
                 0, "NAME,SYNOPSIS,DESCRIPTION,EXAMPLES,OPTIONS,EXIT STATUS,SEE ALSO,");
    shell_expect(
        "for v in $VERBS; do \"$LUTWIDGE\" help --man | grep -qx \"\\\\\\\\fB$v\\\\\\\\fR\" "
        "|| echo $v; done",
        0, "");
    cr_expect_str_empty(shell_output);
    shell_expect("\"$LUTWIDGE\" help --man db", 0, "\n3\nconstraints cannot be met\n.TP 4\n4\n");
}

Test(help, pages_and_completion_have_the_options_of_help)
{
    list_options();
    shell_expect("for v in $VERBS; do { echo --help; \"$LUTWIDGE\" help --man $v | "
                 "sed -n '/^.SH OPTIONS/,/^.SH EXIT/s/^[^ ]*\\( .*\\)\\?\\\\fB\\\\-\\\\-\\([^=]*\\)"
                 "\\\\fR.*/--\\2/p' | tr -d '\\\\'; } | sort | diff - $T/$v.help || exit 1; done",
                 0, "");
    shell_expect("\"$LUTWIDGE\" help --completion bash > $T/c; for v in $VERBS; do "
                 "sed -n \"s/^    $v) options='\\([^']*\\)'.*/\\1/p\" $T/c | tr ' ' '\\n' | "
                 "grep -e '^--' | sort | diff - $T/$v.help || exit 1; done",
                 0, "");
    shell_expect("\"$LUTWIDGE\" help --completion zsh > $T/z; for v in $VERBS; do "
                 "sed -n \"/^$v)/,/;;/p\" $T/z | grep -o -e \"[{*,']--[a-z-]*\" | "
                 "sed 's/.*--/--/' | sort | diff - $T/$v.help || exit 1; done",
                 0, "");
}

/* Warnings are failures, of whichever reader is here. */
Test(help, pages_are_sound)
{
    if (shell_run("command -v mandoc || command -v man") != 0)
        cr_skip_test("neither mandoc nor man is installed");
    shell_expect(
        "for v in '' $VERBS; do \"$LUTWIDGE\" help --man $v > $T/p.1; "
        "if command -v mandoc >/dev/null; then mandoc -Tlint -Wwarning $T/p.1 || exit 1; fi; "
        "if command -v man >/dev/null; then man --warnings=w -l $T/p.1 2>&1 >/dev/null; fi; "
        "done",
        0, "");
    cr_expect_str_empty(shell_output);
}

/* What bash would offer for a line whose last word is being written. */
static void expect_offers(const char *words, const char *offers)
{
    char line[512];
    snprintf(line, sizeof line,
             "cd $T; bash -c '. ./c; COMP_WORDS=(lutwidge %s); COMP_CWORD=$((${#COMP_WORDS[@]} - "
             "1)); _lutwidge; echo \"[${COMPREPLY[*]}]\"'",
             words);
    shell_expect(line, 0, offers);
}

Test(help, bash_completes)
{
    shell_expect("\"$LUTWIDGE\" help --completion bash > $T/c && bash -n $T/c && touch $T/mine.lwm",
                 0, "");
    expect_offers("tra", "[translate]");
    expect_offers("help tra", "[translate]");
    expect_offers("translate --ma", "[--max-length --max-model-size --max-memory]");
    expect_offers("translate --device x86-avx5", "[x86-avx512]");
    expect_offers("translate --device = x86-avx5", "[x86-avx512]");
    expect_offers("translate -d lut-m", "[lut-mobile]");
    expect_offers("profile --device host,lut-m", "[host,lut-mobile]");
    expect_offers("translate --beam mi", "[]");
    expect_offers("translate mi", "[mine.lwm]");
    expect_offers("score --ref mi", "[mine.lwm]");
    expect_offers("query par", "[parts pareto]");
    expect_offers("db m", "[merge]");
    expect_offers("db merge mi", "[mine.lwm]");
    expect_offers("query --last 3 par", "[parts pareto]");
}

Test(help, zsh_reads_its_completion)
{
    if (shell_run("command -v zsh") != 0)
        cr_skip_test("zsh is not installed");
    shell_expect("\"$LUTWIDGE\" help --completion zsh > $T/_lutwidge && zsh -n $T/_lutwidge", 0,
                 "");
}

/* Words that verbs take are explained where the verb is. */
Test(help, words_of_query_and_db_are_explained)
{
    static const char *const words[] = {"pareto", "diff", "syntheses", "merge", "export"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        char line[256];
        const char *verb = i < 3 ? "query" : "db";
        snprintf(line, sizeof line,
                 "\"$LUTWIDGE\" help %s | sed -n '/^Words:/,/^Usage:/p' | grep -c '^  %s  *[a-z]'",
                 verb, words[i]);
        shell_expect(line, 0, "1");
        snprintf(line, sizeof line,
                 "\"$LUTWIDGE\" help --man %s | grep -A1 -Fx '\\fB%s\\fR' | grep -c '^[a-z]'", verb,
                 words[i]);
        shell_expect(line, 0, "1");
    }
    shell_expect("\"$LUTWIDGE\" query paretto", LW_USAGE, "did you mean 'pareto'?");
    shell_expect("\"$LUTWIDGE\" query zzz --db $T/absent.db", LW_FAILED, "make it, with --db");
}

/* What examples and documents show can be typed. */
Test(help, options_in_examples_and_documents_exist)
{
    list_options();
    shell_expect("for v in $VERBS; do \"$LUTWIDGE\" $v --help; done > $T/all && "
                 "cat README.md docs/*.md models/*/README.md >> $T/all && "
                 "sed -i -e ':a' -e '/\\\\$/{N;s/\\\\\\n *//;ta' -e '}' $T/all",
                 0, "");
    shell_expect("for v in $VERBS; do grep -o \"lutwidge $v [^|\\`#;&<>]*\" $T/all | "
                 "grep -o -e ' --[a-z][a-z-]*' | tr -d ' ' | sort -u > $T/used; "
                 "comm -23 $T/used $T/$v.help | sed \"s/^/$v /\"; done",
                 0, "");
    cr_expect_str_empty(shell_output);
    shell_expect("grep -c . $T/used", 0, "");
}

Test(help, wrong_names_are_answered_by_near_ones)
{
    shell_expect("\"$LUTWIDGE\" --halp", LW_USAGE,
                 "there is no option '--halp'; did you mean '--help'");
    shell_expect("\"$LUTWIDGE\" hlep", LW_USAGE, "did you mean 'help'?");
    shell_expect("\"$LUTWIDGE\" help doctr", LW_USAGE, "did you mean 'doctor'?");
    shell_expect("\"$LUTWIDGE\" help --man quantise", LW_USAGE, "did you mean 'quantize'?");
    shell_expect("\"$LUTWIDGE\" help --completion fish", LW_USAGE, "there are bash and zsh");
    shell_expect("\"$LUTWIDGE\" help help", LW_OK, "\nVerbs:\n");
    shell_expect("\"$LUTWIDGE\" help doctor", LW_OK, "The exit code is\n0 where quantize,");
}

Test(help, exit_codes_are_those_of_the_statuses)
{
    static const char codes[] =
        "\nExit codes: 0 done, 1 failed, 2 wrong usage, 3 constraints cannot be met,\n"
        "4 a verification found a difference, 5 corrupt input.\n";
    shell_expect("\"$LUTWIDGE\" help", LW_OK, codes);
    shell_expect("\"$LUTWIDGE\" score --help", LW_OK, codes);
    for (int code = LW_OK; code <= LW_CORRUPT; code++)
        cr_expect_not_null(strstr(codes, lw_status_text((enum lw_status)code)));
}
