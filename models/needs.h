/* What Lutwidge runs, opens and is built with that is not its own, by the names of Debian 12: the
 * one list, of which error texts and `lutwidge doctor` speak. `bootstrap` installs it, which a test
 * compares. */
#ifndef LW_MODELS_NEEDS_H
#define LW_MODELS_NEEDS_H

#include <stddef.h>

enum lw_need_kind {
    LW_NEED_PROGRAM, /* found on PATH */
    LW_NEED_LIBRARY, /* opened by dlopen */
    LW_NEED_PACKAGE, /* headers and the like: only the package manager knows whether it is there */
};

enum lw_need_use {
    LW_NEED_FOR_ALL,   /* generate and translate do not run without it */
    LW_NEED_FOR_SOME,  /* some verbs or options do not */
    LW_NEED_FOR_MORE,  /* comparisons and tests that are left out without it; not in `bootstrap` */
    LW_NEED_FOR_TESTS, /* make test */
    LW_NEED_FOR_BUILD, /* make */
};

struct lw_need {
    const char *name; /* of the program or library; of a package its own */
    const char *package;
    enum lw_need_kind kind;
    enum lw_need_use use;
    const char *serves;   /* the verbs that need it, or what of building and testing */
    const char *variable; /* of the environment: names another program; or NULL */
    const char *flag;     /* with which a program prints its version; NULL: --version */
    const char *with;     /* package of `bootstrap` that brings this one along; or NULL */
};

/* The rows that are referred to; others follow them. */
enum lw_need_row {
    LW_NEED_CLANG,
    LW_NEED_LLD,
    LW_NEED_MCA,
    LW_NEED_VERILATOR,
    LW_NEED_YOSYS,
    LW_NEED_NEXTPNR,
    LW_NEED_CELLS, /* the cell library of synthesis */
    LW_NEED_CBC,
    LW_NEED_OPENBLAS,
    LW_NEED_ONEDNN,
    LW_NEED_REFERRED
};

extern const struct lw_need lw_needs[];
extern const size_t lw_need_count;

#endif
