#include "tests/profiled.h"

#include "tests/folder.h"
#include "tests/shell.h"

#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

static struct folder *folder;

void profiled_setup(void)
{
    struct folder_spec spec = folder_defaults();
    shell_setup();
    spec.config.d_model = 32;
    spec.config.encoder_ffn = spec.config.decoder_ffn = 64;
    folder = folder_new(&spec);
    folder_write(folder);
    setenv("M", folder->path, 1);
    setenv("PROFILE",
           "$LUTWIDGE profile $M --device ${D:-lut-mobile} --plans 0 --no-bleu ${E:---no-energy} "
           "--source $T/source --ref $T/reference -t 1 --db $T/x.db",
           1);
    setenv("ALLOCATE", "$LUTWIDGE allocate $M --db $T/x.db -o $T/p.yaml", 1);
    shell_expect("for i in 1 2 3 4; do echo 'the in a is and the to'; echo 'to be of'; done "
                 "> $T/source; for i in 1 2 3 4; do echo 'die der Sie und'; echo 'nicht zu'; done "
                 "> $T/reference",
                 0, "");
}

void profiled_teardown(void)
{
    folder_free(folder);
    shell_teardown();
}

void profiled_raw(const char *sql)
{
    char path[512];
    sqlite3 *handle;
    snprintf(path, sizeof path, "%s/x.db", shell_folder);
    cr_assert_eq(sqlite3_open(path, &handle), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(handle, sql, NULL, NULL, NULL), SQLITE_OK, "%s",
                 sqlite3_errmsg(handle));
    sqlite3_close(handle);
}
