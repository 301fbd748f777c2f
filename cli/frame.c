/* What every verb says and how: errors, suggestions, the command line, the end of standard output.
 */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int cli_report(const char *verb, enum lw_status status, const struct lw_error *error)
{
    const char *text = error && error->text[0] ? error->text : "failed for an unknown reason";
    /* One reason a line: those after the first are indented. */
    fprintf(stderr, "lutwidge %s: ", verb);
    for (const char *c = text; *c; c++)
        fputs(*c == '\n' ? "\n  " : (const char[]){*c, 0}, stderr);
    fputc('\n', stderr);
    if (status == LW_USAGE)
        fprintf(stderr, "'lutwidge %s --help' describes the options\n", verb);
    return (int)status;
}

int cli_finish(const char *verb, int code)
{
    errno = 0;
    bool failed = ferror(stdout) != 0;
    if (fclose(stdout) == 0 && !failed)
        return code;
    /* errno is unset where an earlier write failed and fclose had nothing left to do. */
    fprintf(stderr, "lutwidge%s%s: standard output cannot be written%s%s\n", verb ? " " : "",
            verb ? verb : "", errno ? ": " : "", errno ? strerror(errno) : "");
    return code ? code : LW_FAILED;
}

enum { LONGEST_NAME = 32 };

/* Edits (insert, delete, replace, swap of neighbours), letters compared without case. */
static size_t distance(const char *a, const char *b)
{
    size_t length = strlen(b);
    size_t rows[3][LONGEST_NAME + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= length; j++)
        last[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        row[0] = i;
        for (size_t j = 1; j <= length; j++) {
            size_t best = last[j - 1] + (strncasecmp(a + i - 1, b + j - 1, 1) != 0);
            if (last[j] + 1 < best)
                best = last[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            row[j] = best;
        }
        size_t *spare = before;
        before = last;
        last = row;
        row = spare;
    }
    return last[length];
}

const char *cli_nearest(const char *word, const char *const *names, size_t count)
{
    size_t length = strlen(word);
    const char *nearest = NULL;
    size_t least = SIZE_MAX;
    if (length > LONGEST_NAME)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        if (strlen(names[i]) > LONGEST_NAME)
            continue;
        bool begins = length >= 2 && strncasecmp(word, names[i], length) == 0;
        size_t edits = begins ? 1 : distance(word, names[i]);
        /* A third of the letters may differ: more would suggest names at random. */
        if (edits < least && edits <= (length + 2) / 3) {
            least = edits;
            nearest = names[i];
        }
    }
    return nearest;
}

static bool is_plain(const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_@%+=:,./-";
    return *word && word[strspn(word, plain)] == 0;
}

char *cli_command_line(int argc, const char **argv)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        return NULL;
    fputs("lutwidge", stream);
    for (int i = 0; i < argc; i++) {
        if (is_plain(argv[i])) {
            fprintf(stream, " %s", argv[i]);
            continue;
        }
        fputs(" '", stream);
        for (const char *c = argv[i]; *c; c++)
            fputs(*c == '\'' ? "'\\''" : (const char[]){*c, 0}, stream);
        fputc('\'', stream);
    }
    if (fclose(stream) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
