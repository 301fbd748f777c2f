/* A handful of generated kernels, whole: tests/golden/SPEC.txt. Renewed by `make goldens`, read in
 * the diff. */
#include "gen/program.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *text_of(const char *name)
{
    struct lw_spec spec;
    struct lw_schedule schedule;
    struct lw_program program;
    struct lw_error error = {0};
    char *text = NULL;
    size_t size = 0;
    cr_assert_eq(lw_spec_parse(name, &spec, &error), LW_OK, "%s", error.text);
    lw_schedule_build(&spec, &schedule);
    cr_assert_eq(lw_program_build(&schedule, &program, &error), LW_OK, "%s", error.text);
    FILE *stream = open_memstream(&text, &size);
    lw_program_print_c(&program, stream);
    fclose(stream);
    lw_program_free(&program);
    return text;
}

Test(kernel_texts, are_as_committed)
{
    size_t found = 0;
    DIR *folder = opendir("tests/golden");
    cr_assert_not_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        char name[256], path[300], committed[65536];
        snprintf(name, sizeof name, "%s", entry->d_name);
        char *ending = strstr(name, ".txt");
        if (!ending)
            continue;
        *ending = 0;
        snprintf(path, sizeof path, "tests/golden/%s.txt", name);
        FILE *stream = fopen(path, "r");
        cr_assert_not_null(stream);
        committed[fread(committed, 1, sizeof committed - 1, stream)] = 0;
        fclose(stream);
        char *text = text_of(name);
        cr_expect_str_eq(text, committed,
                         "%s differs; if that is meant, run `make goldens` and read the diff",
                         path);
        free(text);
        found++;
    }
    closedir(folder);
    cr_assert_geq(found, 5);
}
