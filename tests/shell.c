#include "tests/shell.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

char shell_output[65536];
char shell_folder[] = "/tmp/lutwidge-cli-XXXXXX";

void shell_setup(void)
{
    cr_assert_not_null(getenv("LUTWIDGE"), "LUTWIDGE in the environment must name the program");
    cr_assert_not_null(mkdtemp(shell_folder));
    cr_assert_eq(setenv("T", shell_folder, 1), 0);
}

void shell_teardown(void)
{
    char command[64];
    snprintf(command, sizeof command, "rm -rf '%s'", shell_folder);
    cr_expect_eq(system(command), 0);
}

int shell_run(const char *line)
{
    char command[1024];
    cr_assert_lt(snprintf(command, sizeof command, "exec 2>&1; %s", line), (int)sizeof command);
    FILE *stream = popen(command, "r");
    cr_assert_not_null(stream);
    shell_output[fread(shell_output, 1, sizeof shell_output - 1, stream)] = 0;
    int status = pclose(stream);
    cr_assert(WIFEXITED(status), "%s: %s", line, shell_output);
    return WEXITSTATUS(status);
}

void shell_expect(const char *line, int code, const char *part)
{
    int got = shell_run(line);
    cr_expect_eq(got, code, "%s: code %d, not %d: %s", line, got, code, shell_output);
    cr_expect_not_null(strstr(shell_output, part), "%s does not print '%s' but\n%s", line, part,
                       shell_output);
}

void shell_hold_compiler(void)
{
    shell_expect("printf '#!/bin/sh\\nwhile test \"$1\" != --version -a -e %s/hold; do sleep 0.05; "
                 "done\\nexec clang-19 \"$@\"\\n' $T > $T/held; chmod +x $T/held; touch $T/hold",
                 0, "");
}
