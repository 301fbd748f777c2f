/* lutwidge doctor, and the table of what Lutwidge needs beside what `bootstrap` installs. */
#include "models/needs.h"
#include "models/status.h"
#include "tests/shell.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(doctor, .init = shell_setup, .fini = shell_teardown, .timeout = 60);

/* Whether one of the words between spaces is this one. */
static bool has_word(const char *words, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = words; (at = strstr(at, word)); at++)
        if ((at == words || at[-1] == ' ') && (at[length] == ' ' || at[length] == 0))
            return true;
    return false;
}

Test(doctor, bootstrap_installs_the_table)
{
    cr_assert_eq(
        shell_run("sed -n \"/^packages='/,/^'/p\" bootstrap | grep -v \"'\" | tr -s ' \\n' "
                  "'  ' | sed 's/ $//'"),
        0);
    char *words = strdup(shell_output);
    cr_assert(has_word(words, "clang-19"), "%s", words);
    for (size_t i = 0; i < lw_need_count; i++) {
        const struct lw_need *need = &lw_needs[i];
        const char *package = need->with ? need->with : need->package;
        cr_expect_eq(has_word(words, package), need->use != LW_NEED_FOR_MORE,
                     "%s of the table and of bootstrap differ", package);
    }
    for (char *word = strtok(words, " "); word; word = strtok(NULL, " ")) {
        bool found = false;
        for (size_t i = 0; i < lw_need_count && !found; i++)
            found = strcmp(lw_needs[i].package, word) == 0;
        cr_expect(found, "bootstrap installs %s, which models/needs.c does not have", word);
    }
    free(words);
}

/* The one row of a need in the output of --json. */
static json_t *row_of(json_t *root, const char *name)
{
    json_t *needs = json_object_get(root, "needs"), *found = NULL, *row;
    size_t i;
    cr_assert_eq(json_array_size(needs), lw_need_count);
    json_array_foreach(needs, i, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "name")), name) == 0)
            found = row;
    }
    cr_assert_not_null(found);
    return found;
}

static const char *text_of(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static json_t *doctor_json(const char *line, int code)
{
    shell_expect(line, code, "");
    json_t *root = json_loads(shell_output, 0, NULL);
    cr_assert_not_null(root, "%s", shell_output);
    return root;
}

Test(doctor, what_is_here)
{
    shell_expect("\"$LUTWIDGE\" doctor", LW_OK,
                 "quantize, generate and translate can run: a kernel was compiled");
    cr_expect_not_null(strstr(shell_output, "\ninstruction sets of this CPU: c"));
    cr_expect_not_null(strstr(shell_output, "\narm-cortex-a55 "));
    json_t *root = doctor_json("\"$LUTWIDGE\" doctor --json", LW_OK);
    cr_expect(json_is_true(json_object_get(root, "works")));
    cr_expect_str_eq(text_of(row_of(root, "clang-19"), "state"), "found");
    cr_expect_eq(strncmp(text_of(row_of(root, "clang-19"), "version"), "19.", 3), 0);
    cr_expect_str_eq(text_of(row_of(root, "libopenblas.so.0"), "state"), "found");
    cr_expect_gt(strlen(text_of(row_of(root, "libopenblas.so.0"), "version")), 2);
    cr_expect_str_eq(text_of(row_of(root, "libjansson-dev"), "state"), "found");
    cr_expect_str_eq(text_of(json_object_get(root, "missing"), "verbs"), "");
    json_decref(root);
}

/* Programs of our own stand in the way: what they print and how they end is all that counts. */
Test(doctor, what_is_missing_and_what_installs_it)
{
    shell_run(
        "mkdir $T/bin && printf '#!/bin/sh\\necho tool of 7 for 8, v5.123.\\n' > "
        "$T/bin/verilator && printf '#!/bin/sh\\necho 1.2; exit 1\\n' > $T/bin/llvm-mca-19 && "
        "chmod +x $T/bin/*");
    json_t *root = doctor_json("PATH=$T/bin \"$LUTWIDGE\" doctor --json 2>$T/log", LW_FAILED);
    cr_expect(json_is_false(json_object_get(root, "works")));
    cr_expect_not_null(strstr(text_of(root, "reason"), "cannot run the compiler 'clang-19'"));
    cr_expect_str_eq(text_of(row_of(root, "verilator"), "version"), "5.123");
    cr_expect_str_eq(text_of(row_of(root, "llvm-mca-19"), "state"), "missing");
    cr_expect_str_eq(text_of(row_of(root, "z3"), "state"), "missing");
    cr_expect_str_eq(text_of(row_of(root, "libjansson-dev"), "state"), "unknown");
    cr_expect_str_eq(text_of(json_object_get(root, "missing"), "verbs"),
                     "clang-19 lld-19 llvm-19 yosys nextpnr-ice40");
    json_decref(root);
    shell_expect("cat $T/log", 0, "lutwidge doctor: generate and translate cannot run: ");
    shell_expect("PATH=$T/bin \"$LUTWIDGE\" doctor", LW_FAILED,
                 "missing for verbs:\n"
                 "  apt-get install --no-install-recommends clang-19 lld-19 llvm-19 yosys "
                 "nextpnr-ice40\n");
    shell_expect("LUTWIDGE_CLANG=$T/bin/verilator \"$LUTWIDGE\" doctor", LW_FAILED,
                 "cannot run: what is compiled cannot be loaded: ");
}

Test(doctor, a_cache_that_cannot_be_used)
{
    shell_expect("XDG_CACHE_HOME=/proc/self/fdinfo \"$LUTWIDGE\" doctor", LW_FAILED,
                 "cannot make the cache folder /proc/self/fdinfo/lutwidge: ");
    cr_expect_not_null(strstr(shell_output, "\ncache: none that can be used\n"));
    shell_expect("XDG_CACHE_HOME=$T \"$LUTWIDGE\" doctor && ls $T/lutwidge", LW_OK,
                 "/lutwidge, 0.0 MB in 1 files");
    cr_expect_null(strstr(shell_output, "doctor-"), "%s", shell_output);
}

Test(doctor, databases)
{
    shell_expect("cd $T; \"$LUTWIDGE\" doctor", LW_OK, "; there is none here\n");
    shell_expect("\"$LUTWIDGE\" doctor --db README.md", LW_OK,
                 "README.md: not a Lutwidge database");
    shell_expect("cd $T; echo a > a; \"$LUTWIDGE\" score --ref a a --db a.db >/dev/null && "
                 "\"$LUTWIDGE\" doctor --db a.db",
                 LW_OK, "; a.db\n");
}
