#include "models/words_table.h"

#include "models/file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct piece {
    const char *text;
    size_t id;
};

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct piece *)a)->text, ((const struct piece *)b)->text);
}

/* Pieces by id, views, in a new list. */
static enum lw_status list_pieces(const struct lw_word_list *pieces, size_t word_count,
                                  const char *path, struct piece **list, struct lw_error *error)
{
    size_t count = 0;
    *list = calloc(word_count + 1, sizeof **list);
    if (!*list)
        return lw_fail(error, LW_FAILED, "%s: out of memory", path);
    const char *at = (const char *)pieces->text, *end = at + pieces->bytes, *stop;
    for (; at < end && (stop = memchr(at, '\0', (size_t)(end - at))); at = stop + 1, count++)
        if (count < word_count)
            (*list)[count] = (struct piece){at, count};
    if (at == end && count == word_count)
        return LW_OK;
    free(*list);
    *list = NULL;
    return lw_fail(error, LW_CORRUPT, "%s: the vocabulary does not have %zu pieces", path,
                   word_count);
}

static enum lw_status write_lines(const char *path, const char *kind, const struct piece *pieces,
                                  size_t word_count, const uint64_t *values, FILE *stream,
                                  struct lw_error *error)
{
    fprintf(stream, "# lutwidge word %s by %s\n", kind, pieces ? "piece" : "id");
    for (size_t i = 0; i < word_count; i++) {
        if (!pieces)
            fprintf(stream, "%zu\t%" PRIu64 "\n", i, values[i]);
        else if (strchr(pieces[i].text, '\n'))
            return lw_fail(error, LW_CORRUPT, "%s: piece %zu holds a line break; write by id", path,
                           i);
        else
            fprintf(stream, "%s\t%" PRIu64 "\n", pieces[i].text, values[i]);
    }
    return LW_OK;
}

enum lw_status words_table_write(const char *path, const char *kind,
                                 const struct lw_word_list *pieces, size_t word_count,
                                 const uint64_t *values, struct lw_error *error)
{
    struct piece *list = NULL;
    struct lw_writer writer;
    enum lw_status status = pieces ? list_pieces(pieces, word_count, path, &list, error) : LW_OK;
    if (status == LW_OK)
        status = lw_writer_open(path, &writer, error);
    if (status == LW_OK) {
        status = write_lines(path, kind, list, word_count, values, writer.stream, error);
        if (status == LW_OK)
            status = lw_writer_commit(&writer, error);
        else
            lw_writer_abort(&writer);
    }
    free(list);
    return status;
}

/* A table being read. */
struct table {
    const char *path;
    const struct piece *pieces; /* sorted by text; NULL: keys are ids */
    size_t word_count;
    uint64_t least, most;
    uint64_t *values;
    bool *seen;
    size_t line;
};

/* Digits alone: no sign, no blanks, no leading zero, at most `most`. */
static bool parse_count(const char *text, size_t bytes, uint64_t most, uint64_t *number)
{
    *number = 0;
    if (bytes == 0 || (text[0] == '0' && bytes > 1))
        return false;
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] < '0' || text[i] > '9' || __builtin_mul_overflow(*number, 10u, number) ||
            __builtin_add_overflow(*number, (unsigned)(text[i] - '0'), number))
            return false;
    }
    return *number <= most;
}

static bool find_word(const struct table *table, const char *key, size_t bytes, size_t *id)
{
    uint64_t number;
    if (!table->pieces) {
        if (!parse_count(key, bytes, SIZE_MAX, &number))
            return false;
        *id = (size_t)number;
        return *id < table->word_count;
    }
    if (memchr(key, '\0', bytes))
        return false;
    char *text = strndup(key, bytes);
    struct piece wanted = {.text = text}, *found = NULL;
    if (text)
        found = bsearch(&wanted, table->pieces, table->word_count, sizeof wanted, by_text);
    free(text);
    if (found)
        *id = found->id;
    return found;
}

/* "KEY<TAB>NUMBER"; a piece may hold tabs itself, so the last one counts. */
static enum lw_status read_line(struct table *table, const char *text, size_t bytes,
                                struct lw_error *error)
{
    const char *tab = memrchr(text, '\t', bytes);
    int shown = bytes < 80 ? (int)bytes : 80;
    size_t id;
    uint64_t number;
    if (!tab)
        return lw_fail(error, LW_CORRUPT, "%s:%zu: no tab in \"%.*s\"", table->path, table->line,
                       shown, text);
    if (!find_word(table, text, (size_t)(tab - text), &id))
        return lw_fail(error, LW_CORRUPT, "%s:%zu: \"%.*s\" is no %s of the vocabulary's %zu words",
                       table->path, table->line, (int)(tab - text) < 80 ? (int)(tab - text) : 80,
                       text, table->pieces ? "piece" : "id", table->word_count);
    if (!parse_count(tab + 1, bytes - (size_t)(tab + 1 - text), table->most, &number) ||
        number < table->least)
        return lw_fail(error, LW_CORRUPT,
                       "%s:%zu: \"%.*s\" does not end with a number from %" PRIu64 " to %" PRIu64,
                       table->path, table->line, shown, text, table->least, table->most);
    if (table->seen[id])
        return lw_fail(error, LW_CORRUPT, "%s:%zu: word %zu is given twice", table->path,
                       table->line, id);
    table->seen[id] = true;
    table->values[id] = number;
    return LW_OK;
}

static enum lw_status read_lines(struct table *table, const char *at, const char *end,
                                 struct lw_error *error)
{
    for (table->line = 2; at < end; table->line++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop)
            return lw_fail(error, LW_CORRUPT, "%s:%zu: the last line does not end", table->path,
                           table->line);
        enum lw_status status = read_line(table, at, (size_t)(stop - at), error);
        if (status != LW_OK)
            return status;
        at = stop + 1;
    }
    for (size_t i = 0; i < table->word_count; i++)
        if (!table->seen[i])
            return lw_fail(error, LW_CORRUPT, "%s: word %zu is missing", table->path, i);
    return LW_OK;
}

/* Sorts the pieces for look-up; two alike could not be told apart. */
static enum lw_status sort_pieces(struct piece *pieces, size_t count, const char *path,
                                  struct lw_error *error)
{
    qsort(pieces, count, sizeof *pieces, by_text);
    for (size_t i = 1; i < count; i++)
        if (by_text(&pieces[i - 1], &pieces[i]) == 0)
            return lw_fail(error, LW_CORRUPT,
                           "%s: the vocabulary has \"%.80s\" twice; use a table by id", path,
                           pieces[i].text);
    return LW_OK;
}

/* The rest of a file after its first line, and whether it goes by piece; NULL: another first line.
 */
static const char *skip_head(const struct lw_mapping *file, const char *kind, bool *by_piece)
{
    const char *text = (const char *)file->data;
    for (int piece = 0; piece < 2; piece++) {
        char head[64];
        int bytes =
            snprintf(head, sizeof head, "# lutwidge word %s by %s\n", kind, piece ? "piece" : "id");
        *by_piece = piece;
        if (file->size >= (size_t)bytes && memcmp(text, head, (size_t)bytes) == 0)
            return text + bytes;
    }
    return NULL;
}

static enum lw_status read_mapped(const struct lw_mapping *file, const char *kind,
                                  const struct lw_word_list *pieces, struct table *table,
                                  struct lw_error *error)
{
    bool by_piece;
    const char *at = skip_head(file, kind, &by_piece);
    if (!at)
        return lw_fail(error, LW_CORRUPT, "%s:1: is not \"# lutwidge word %s by id\" or by piece",
                       table->path, kind);
    if (by_piece && !pieces)
        return lw_fail(error, LW_CORRUPT, "%s:1: goes by piece, and only ids can be used here",
                       table->path);
    struct piece *list = NULL;
    enum lw_status status = LW_OK;
    if (by_piece) {
        status = list_pieces(pieces, table->word_count, table->path, &list, error);
        if (status == LW_OK)
            status = sort_pieces(list, table->word_count, table->path, error);
    }
    table->pieces = list;
    if (status == LW_OK)
        status = read_lines(table, at, (const char *)file->data + file->size, error);
    free(list);
    return status;
}

enum lw_status words_table_read(const char *path, const char *kind,
                                const struct lw_word_list *pieces, size_t word_count,
                                uint64_t least, uint64_t most, uint64_t *values,
                                struct lw_error *error)
{
    struct lw_mapping file;
    enum lw_status status = lw_map_file(path, &file, error);
    if (status != LW_OK)
        return status;
    struct table table = {.path = path,
                          .word_count = word_count,
                          .least = least,
                          .most = most,
                          .values = values,
                          .seen = calloc(word_count + 1, sizeof(bool))};
    status = table.seen ? read_mapped(&file, kind, pieces, &table, error)
                        : lw_fail(error, LW_FAILED, "%s: out of memory", path);
    free(table.seen);
    lw_unmap_file(&file);
    return status;
}
