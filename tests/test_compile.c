/* Compiling: what is in the cache of objects is not compiled again, and nothing else comes from it.
 */
#include "gen/cache.h"
#include "gen/compile.h"
#include "tests/shell.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SOURCES = 4 };
static char sources[SOURCES][128];

static void set(const char *name, const char *format)
{
    char value[160];
    snprintf(value, sizeof value, format, shell_folder);
    cr_assert_eq(setenv(name, value, 1), 0);
}

/* A compiler that writes down what it is called for, and sources with and without headers. */
static void setup(void)
{
    shell_setup();
    set("XDG_CACHE_HOME", "%s/cache");
    set("LUTWIDGE_CLANG", "%s/clang");
    shell_expect(
        "printf '#!/bin/sh\\necho \"$@\" >> $T/calls\\nexec clang-19 \"$@\"\\n' > $T/clang; "
        "chmod +x $T/clang",
        0, "");
    for (int i = 0; i < SOURCES; i++) {
        snprintf(sources[i], sizeof sources[i], "%s/s%d.c", shell_folder, i);
        FILE *stream = fopen(sources[i], "w");
        cr_assert_not_null(stream);
        fprintf(stream, "%sint value_%d(void);\nint value_%d(void) { return %d; }\n",
                i ? "" : "#include <stdint.h>\n", i, i, 10 + i);
        fclose(stream);
    }
}

TestSuite(compile, .init = setup, .fini = shell_teardown);

static enum lw_status compile(const struct lw_device *device, struct lw_error *error)
{
    char library[128];
    const char *list[SOURCES];
    for (int i = 0; i < SOURCES; i++)
        list[i] = sources[i];
    snprintf(library, sizeof library, "%s/k.so", shell_folder);
    shell_expect("rm -f $T/calls", 0, "");
    return lw_compile(list, SOURCES, device, library, NULL, error);
}

/* Compiles and expects so many files to go through the compiler, and that the library works. */
static void expect_compiled(const char *count, int third)
{
    struct lw_error error = {0};
    char library[128];
    cr_assert_eq(compile(lw_device_of(LW_ISA_C), &error), LW_OK, "%s", error.text);
    shell_expect("grep -c -e ' -c ' $T/calls", count[0] == '0', count);
    snprintf(library, sizeof library, "%s/k.so", shell_folder);
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL), *found;
    cr_assert_not_null(handle, "%s", dlerror());
    int (*value)(void);
    found = dlsym(handle, "value_3");
    memcpy(&value, &found, sizeof found);
    cr_assert_eq(value(), third);
    dlclose(handle);
    shell_expect("ls $T | grep -v cache | tr '\\n' ' '", 0,
                 "calls clang k.so s0.c s1.c s2.c s3.c ");
}

Test(compile, the_same_text_is_compiled_once)
{
    expect_compiled("4\n", 13);
    shell_expect("grep -c c-header $T/calls", 0, "1\n");
    expect_compiled("0\n", 13);
    shell_expect("echo '/* more */' >> $T/s1.c; sed -i s/13/23/ $T/s3.c", 0, "");
    expect_compiled("2\n", 23);
}

Test(compile, a_damaged_object_is_compiled_again)
{
    expect_compiled("4\n", 13);
    shell_expect("for o in $T/cache/lutwidge/objects/*/*; do printf x | dd of=$o bs=1 seek=99 "
                 "conv=notrunc 2> /dev/null; : > $o.0; done; "
                 "set -- $T/cache/lutwidge/objects/*/*; printf short > $1",
                 0, "");
    expect_compiled("4\n", 13);
    expect_compiled("0\n", 13);
}

Test(compile, a_cache_that_cannot_be_written_is_no_error)
{
    set("XDG_CACHE_HOME", "%s/s0.c/no");
    expect_compiled("4\n", 13);
    expect_compiled("4\n", 13);
}

Test(compile, errors_are_those_of_the_compiler_and_are_not_kept)
{
    struct lw_error error = {0};
    shell_expect("echo 'int broken = ;' >> $T/s2.c", 0, "");
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(compile(lw_device_of(LW_ISA_C), &error), LW_FAILED);
        cr_assert(strstr(error.text, "s2.c") && strstr(error.text, "error: "), "%s", error.text);
    }
    shell_expect("ls $T | grep -v cache | tr '\\n' ' '", 0, "calls clang s0.c s1.c s2.c s3.c ");
}

Test(compile, keys_differ_in_each_part)
{
    static const char *const triples[][3] = {{"int x;", "clang 19", "-O2"},
                                             {"int y;", "clang 19", "-O2"},
                                             {"int x;", "clang 20", "-O2"},
                                             {"int x;", "clang 19", "-O1"},
                                             {"int x;", "clang", "19 -O2"}};
    enum { TRIPLES = sizeof triples / sizeof *triples };
    char keys[TRIPLES][LW_OBJECT_KEY_BYTES];
    for (int i = 0; i < TRIPLES; i++) {
        lw_object_key(triples[i][0], strlen(triples[i][0]), triples[i][1], triples[i][2], keys[i]);
        for (int j = 0; j < i; j++)
            cr_assert_str_neq(keys[i], keys[j]);
    }
}
