/* What `make install` puts in place: enough to build and run a program, and no more than it says.
 */
#include "tests/bundles.h"
#include "tests/shell.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#if __has_feature(address_sanitizer)
#define SAN "SAN=1"
#define SANITIZE " -fsanitize=address,undefined "
#else
#define SAN ""
#define SANITIZE " "
#endif
/* Tests run beside each other; only one of them may build what is out of date. */
#define MAKE "flock Makefile env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s " SAN " "
#define STRICT " -pedantic -Wall -Wextra -Werror "

static void install(void)
{
    char pkg[128];
    shell_setup();
    shell_expect(MAKE "install DESTDIR=$T PREFIX=/opt/lw", 0, "");
    snprintf(pkg, sizeof pkg, "%s/opt/lw", shell_folder);
    cr_assert_eq(setenv("LW", pkg, 1), 0);
    snprintf(pkg, sizeof pkg, "%s/opt/lw/lib/pkgconfig", shell_folder);
    cr_assert_eq(setenv("PKG_CONFIG_PATH", pkg, 1), 0);
    cr_assert_eq(setenv("PKG_CONFIG_SYSROOT_DIR", shell_folder, 1), 0);
}

TestSuite(install, .init = install, .fini = shell_teardown, .timeout = 300);

Test(install, puts_files_in_place_and_removes_them)
{
    shell_expect("cd $LW && find . ! -type d ! -name 'standalone-*' ! -name 'lutwidge-*.1' | "
                 "LC_ALL=C sort | tr '\n' ' '",
                 0,
                 "./bin/lutwidge ./include/lutwidge.h ./lib/liblutwidge.a ./lib/liblutwidge.so "
                 "./lib/liblutwidge.so.0 ./lib/liblutwidge.so.0.1.0 ./lib/pkgconfig/lutwidge.pc "
                 "./share/bash-completion/completions/lutwidge "
                 "./share/lutwidge/examples/translate.c ./share/man/man1/lutwidge.1 "
                 "./share/man/man3/lutwidge.3 ./share/zsh/site-functions/_lutwidge ");
    shell_expect("$LUTWIDGE help --verbs | sed 's/.*/lutwidge-&.1/' | LC_ALL=C sort > $T/pages; "
                 "ls $LW/share/man/man1 | grep -e - | LC_ALL=C sort | cmp - $T/pages && "
                 "cmp $LW/share/man/man1/lutwidge-score.1 - <<E\n$($LUTWIDGE help --man score)\nE",
                 0, "");
    shell_expect("readelf -d $LW/lib/liblutwidge.so", 0, "soname: [liblutwidge.so.0]");
    shell_expect("pkg-config --modversion lutwidge", 0, "0.1.0\n");
    shell_expect("touch $LW/lib/other; " MAKE "uninstall DESTDIR=$T PREFIX=/opt/lw", 0, "");
    shell_expect("cd $LW && find . ! -type d", 0, "./lib/other\n");
    shell_expect("test ! -e $LW/share/lutwidge", 0, "");
}

/* The header's functions are those of the symbol list, of both libraries and of the man page. */
Test(install, exports_exactly_the_list)
{
    shell_expect(
        "sed -n 's/^    \\(lutwidge_[a-z_]*\\);$/\\1/p' library/symbols.map | sort > $T/list; "
        "wc -l < $T/list",
        0, "18\n");
    shell_expect("LC_ALL=C sort -c $T/list", 0, "");
    shell_expect("tr '\n' ' ' < $LW/include/lutwidge.h | grep -o 'LUTWIDGE_API [^(]*(' | "
                 "grep -o 'lutwidge_[a-z_]*($' | tr -d '(' | sort | cmp - $T/list",
                 0, "");
    shell_expect(
        "sed -n 's/^\\.Fn \\(lutwidge_[a-z_]*\\) [\"v].*/\\1/p' docs/man/lutwidge.3 | sort | "
        "cmp - $T/list",
        0, "");
    shell_expect("nm -D --defined-only $LW/lib/liblutwidge.so | awk '$2 != \"A\" {print $3}' | "
                 "sed 's/@@LUTWIDGE_0.1$//' | sort | cmp - $T/list",
                 0, "");
    shell_expect("nm -g --defined-only $LW/lib/liblutwidge.a | awk 'NF == 3 && !/ ___asan/ {print "
                 "$3}' | sort | "
                 "cmp - $T/list",
                 0, "");
}

/* No standard streams and no end of the process. */
Test(install, prints_nothing_and_ends_nothing)
{
    shell_expect(
        "nm -g $LW/lib/liblutwidge.a | grep -wE 'stdout|stderr|stdin|exit|_exit|abort|puts|"
        "printf|perror|signal|sigaction|system|execvp|fork'",
        1, "");
}

Test(install, the_header_stands_alone)
{
    shell_expect("cp $LW/include/lutwidge.h $T/a.c && clang-19 -std=c11" STRICT
                 "-fsyntax-only $T/a.c",
                 0, "");
    shell_expect("cp $T/a.c $T/a.cc && clang++-19 -std=c++11" STRICT "-fsyntax-only $T/a.cc", 0,
                 "");
    shell_expect("grep '#include' $T/a.c", 0, "#include <stddef.h>\n");
}

/* As a user would, from the installed files alone, in C and in C++, shared and static. */
Test(install, the_example_translates)
{
    cr_assert_eq(setenv("B", bundle_path(0), 1), 0);
    shell_expect("head -n 4 models/open-en-de/test.en | cut -c 1-40 > $T/in; echo >> $T/in; "
                 "cd $T && cp $LW/share/lutwidge/examples/translate.c . && cp translate.c cxx.cc",
                 0, "");
    shell_expect("cd $T && clang-19 -std=c11 -D_DEFAULT_SOURCE" STRICT SANITIZE
                 "-o shared translate.c $(pkg-config --cflags --libs lutwidge) && "
                 "clang++-19 -std=c++11" STRICT SANITIZE
                 "-o cxx cxx.cc $(pkg-config --cflags --libs lutwidge)",
                 0, "");
    shell_expect("cd $T && clang-19" SANITIZE "-o static translate.c -I$LW/include "
                 "$LW/lib/liblutwidge.a $(pkg-config --libs-only-l --static lutwidge | "
                 "sed s/-llutwidge//)",
                 0, "");
    shell_expect(
        "$LUTWIDGE translate -q -b 2 -s $B $T/in > $T/scored && cut -f 2 $T/scored > $T/out", 0,
        "");
    shell_expect("grep -c . $T/out", 0, "4\n");
    shell_expect("for p in shared cxx static; do LD_LIBRARY_PATH=$LW/lib $T/$p $B 2 < $T/in "
                 "2> $T/log | cmp - $T/out && cat $T/log || exit 1; done",
                 0, "peak of the process");
    shell_expect("LD_LIBRARY_PATH=$LW/lib $T/shared $B 2 2 < $T/in 2> $T/log | "
                 "awk 'NR % 2 == 1' | cmp - $T/scored",
                 0, "");
    shell_expect("LD_LIBRARY_PATH=$LW/lib $T/shared $B 2 3 < $T/in", 2, "n_best is 3");
    shell_expect("LD_LIBRARY_PATH=$LW/lib $T/shared docs < $T/in", 2, "docs is no bundle");
    shell_expect("LD_LIBRARY_PATH=$LW/lib; export LD_LIBRARY_PATH; printf 'a\\377' | $T/shared $B",
                 5, "invalid UTF-8");
    shell_expect("LD_LIBRARY_PATH=$LW/lib; export LD_LIBRARY_PATH; "
                 "printf '%20000s\\n' x | tr ' ' x | $T/shared $B 2> $T/log | wc -l; cat $T/log",
                 0, "20000 bytes of text"); /* one line, one message */
    shell_expect("ldd $T/static | grep lutwidge", 1, "");
}
