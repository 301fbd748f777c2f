/* generate --standalone: a program of one file that translates as `translate` does. */
#include "tests/bundles.h"
#include "tests/shell.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#if __has_feature(address_sanitizer)
#define SKIP_SANITIZED() cr_skip_test("programs are not built under AddressSanitizer")
#else
#define SKIP_SANITIZED() (void)0
#endif

TestSuite(standalone, .init = shell_setup, .fini = shell_teardown, .timeout = 120);

static void make_program(void)
{
    SKIP_SANITIZED();
    cr_assert_eq(setenv("M", bundle_file(0), 1), 0);
    cr_assert_eq(setenv("B", bundle_path(0), 1), 0);
    shell_expect("$LUTWIDGE generate $M --standalone -o $T/p", 0, "kernels of class t8");
    shell_expect("head -n 40 models/open-en-de/test.en | cut -c 1-30 > $T/in; echo >> $T/in", 0,
                 "");
}

Test(standalone, same_bytes_as_translate)
{
    make_program();
    shell_expect("ls $T | tr '\\n' ' '", 0, "in p ");
    shell_expect("mkdir $T/away && mv $T/p $T/away/p && cd $T/away && ! readelf -d p | grep NEEDED",
                 0, "");
    static const char *const options[] = {"", "-b 1", "-s -b 3 --batch 5", "--max-length 4 -b 2",
                                          "--length-penalty 0.1 -b 4 -s"};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        cr_assert_eq(setenv("O", options[i], 1), 0);
        shell_expect("$LUTWIDGE translate -q $B $T/in $O > $T/want && $T/away/p $O < $T/in | cmp - "
                     "$T/want",
                     0, "");
    }
    shell_expect("$T/away/p --version", 0, "generate");
    shell_expect("$T/away/p --help", 0, "--beam");
    shell_expect("$T/away/p -n 2 -b 2 < $T/in | wc -l", 0, "81\n"); /* a blank line has one */
}

Test(standalone, refuses)
{
    make_program();
    shell_expect("printf 'gut\\n\\377\\nso\\n' | $T/p | wc -l", 0, "line 2: invalid UTF-8");
    shell_expect("printf 'gut\\n\\377\\nso\\n' | $T/p > /dev/null", 5, "standard input, line 2");
    shell_expect("$T/p -b 0 < $T/in", 2, "an option has a value");
    shell_expect("$T/p $T/in", 2, "takes no file");
    shell_expect("$T/p --max-memory 1000 < $T/in", 3, "max_memory_bytes");
    shell_expect("$T/p < $T/in > /dev/full", 1, "cannot be written");
    shell_expect("printf 'gut\\n' > $T/long; truncate -s 1G $T/long; "
                 "sh -c 'ulimit -v 300000; $T/p < $T/long > $T/few'; c=$?; wc -l < $T/few; "
                 "rm $T/long $T/few; exit $c",
                 1, "standard input, line 2 cannot be read, or is too long\n1\n");
    shell_expect("$LUTWIDGE generate $M --standalone -o $T", 2, "is a folder");
    /* A program without the object beside it: said before kernels are made. */
    shell_expect("cp $LUTWIDGE $T/alone; $T/alone generate $M --standalone -o $T/q; c=$?; "
                 "rm $T/alone; exit $c",
                 1, "lutwidge generate: standalone-");
    cr_expect_null(strstr(shell_output, "kernels"), "%s", shell_output);
    shell_expect("LUTWIDGE_CLANG=false $LUTWIDGE generate $M --standalone -o $T/q", 1, "false");
    /* A linker that dies where the disk is full leaves a file of its own beside what it links. */
    shell_expect(
        "printf '#!/bin/sh\\ncase \"$*\" in *-static*) while test $1 != -o; do shift; done; "
        ": > $2.tmp; exit 1; esac; exec clang-19 \"$@\"\\n' > $T/dies; chmod +x $T/dies; "
        "LUTWIDGE_CLANG=$T/dies $LUTWIDGE generate $M --standalone -o $T/q; c=$?; rm $T/dies; exit "
        "$c",
        1, "linking a static program");
    shell_expect("ls $T | tr '\\n' ' '", 0, "in p ");
}

/* Stopped while kernels are compiled: gone without a trace once the compiler is done. */
Test(standalone, interrupt_leaves_nothing)
{
    SKIP_SANITIZED();
    cr_assert_eq(setenv("M", bundle_file(0), 1), 0);
    shell_hold_compiler();
    shell_expect("export LUTWIDGE_CLANG=$T/held XDG_CACHE_HOME=$T/cache TMPDIR=$T; "
                 "$LUTWIDGE generate $M --standalone -o $T/out 2>/dev/null & P=$!; "
                 "until ls $T/*standalone* | grep -q partial; do sleep 0.02; done; kill -TERM $P; "
                 "rm $T/hold; wait $P; test $? -gt 128 && ! ls $T | grep -w -e out -e standalone",
                 0, "");
}

/* Its parts are checked as the files of a bundle are: one byte of the model. */
Test(standalone, finds_damage)
{
    make_program();
    shell_expect(
        "cd $T; "
        "python3 - $B/model.lwm p <<'E'\n"
        "import sys\n"
        "model, p = open(sys.argv[1], 'rb').read(), bytearray(open(sys.argv[2], 'rb').read())\n"
        "at = p.index(model[:64])\n"
        "p[at + len(model) // 2] ^= 1\n"
        "open(sys.argv[2], 'wb').write(p)\n"
        "E\n"
        "./p < in",
        5, "damaged");
}
