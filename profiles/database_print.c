#include "profiles/database_print.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static json_t *json_value(sqlite3_stmt *statement, int column)
{
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_NULL:
        return json_null();
    case SQLITE_INTEGER:
        return json_integer(sqlite3_column_int64(statement, column));
    case SQLITE_FLOAT:
        return json_real(sqlite3_column_double(statement, column));
    case SQLITE_TEXT: {
        const char *text = (const char *)sqlite3_column_text(statement, column);
        return text ? json_stringn(text, (size_t)sqlite3_column_bytes(statement, column)) : NULL;
    }
    default:
        return NULL;
    }
}

/* One object; written by hand because two columns may have one name. */
static bool print_json_row(sqlite3_stmt *statement, FILE *stream)
{
    int columns = sqlite3_column_count(statement);
    for (int i = 0; i < columns; i++) {
        json_t *name = json_string(sqlite3_column_name(statement, i));
        json_t *value = json_value(statement, i);
        if (name && value) {
            fputs(i ? ", " : "{", stream);
            json_dumpf(name, stream, JSON_ENCODE_ANY);
            fputs(": ", stream);
            json_dumpf(value, stream, JSON_ENCODE_ANY);
        }
        bool known = name && value;
        json_decref(name);
        json_decref(value);
        if (!known)
            return false;
    }
    fputc('}', stream);
    return true;
}

/* An array, or lines that stand alone. */
static enum lw_status print_json(sqlite3_stmt *statement, bool lines, FILE *stream, size_t *count,
                                 int *code, struct lw_error *error)
{
    size_t rows = 0;
    fputs(lines ? "" : "[", stream);
    while ((*code = sqlite3_step(statement)) == SQLITE_ROW) {
        fputs(rows++ == 0 ? "" : lines ? "\n" : ",\n ", stream);
        if (!print_json_row(statement, stream))
            return lw_fail(
                error, LW_FAILED,
                "row %zu holds a value that JSON cannot: a blob, an infinity or text that "
                "is not UTF-8",
                rows);
    }
    fputs(!lines ? "]\n" : rows ? "\n" : "", stream);
    *count = rows;
    return LW_OK;
}

static void print_csv_cell(const char *text, FILE *stream)
{
    if (text[strcspn(text, ",\"\r\n")] == 0) {
        fputs(text, stream);
        return;
    }
    fputc('"', stream);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', stream);
        fputc(*text, stream);
    }
    fputc('"', stream);
}

/* The shortest of 15 to 17 digits that is the same number again. */
static void print_csv_real(double value, const char *text, FILE *stream)
{
    char digits[40];
    if (strtod(text, NULL) == value) {
        fputs(text, stream);
        return;
    }
    snprintf(digits, sizeof digits, "%.16g", value);
    if (strtod(digits, NULL) != value)
        snprintf(digits, sizeof digits, "%.17g", value);
    fputs(digits, stream);
}

static void print_csv(sqlite3_stmt *statement, FILE *stream, size_t *rows, int *code)
{
    int columns = sqlite3_column_count(statement);
    for (int i = 0; i < columns; i++) {
        fputs(i ? "," : "", stream);
        print_csv_cell(sqlite3_column_name(statement, i), stream);
    }
    fputc('\n', stream);
    for (*rows = 0; (*code = sqlite3_step(statement)) == SQLITE_ROW; (*rows)++) {
        for (int i = 0; i < columns; i++) {
            const char *text = (const char *)sqlite3_column_text(statement, i);
            fputs(i ? "," : "", stream);
            if (text && sqlite3_column_type(statement, i) == SQLITE_FLOAT)
                print_csv_real(sqlite3_column_double(statement, i), text, stream);
            else
                print_csv_cell(text ? text : "", stream);
        }
        fputc('\n', stream);
    }
}

/* A table is kept whole before it is printed: the widths of its columns depend on every row. */
struct table {
    char **cells; /* row by row, the names first; malloc'ed strings */
    size_t count, capacity;
    int *widths;   /* characters */
    bool *numbers; /* columns that hold nothing else: aligned to the right */
};

static int width(const char *text)
{
    int characters = 0;
    for (; *text; text++)
        characters += ((unsigned char)*text & 0xc0) != 0x80;
    return characters;
}

static bool add_cell(struct table *table, int column, const char *text)
{
    if (table->count == table->capacity) {
        size_t capacity = table->capacity ? 2 * table->capacity : 64;
        char **cells = realloc(table->cells, capacity * sizeof *cells);
        if (!cells)
            return false;
        table->cells = cells;
        table->capacity = capacity;
    }
    char *cell = strdup(text ? text : "");
    if (!cell)
        return false;
    /* A newline would break the table, an escape sequence the terminal. */
    for (char *c = cell; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    table->cells[table->count++] = cell;
    if (width(cell) > table->widths[column])
        table->widths[column] = width(cell);
    return true;
}

static bool add_value(struct table *table, sqlite3_stmt *statement, int column)
{
    char text[64];
    int type = sqlite3_column_type(statement, column);
    if (type != SQLITE_NULL && type != SQLITE_INTEGER && type != SQLITE_FLOAT)
        table->numbers[column] = false;
    if (type != SQLITE_FLOAT)
        return add_cell(table, column, (const char *)sqlite3_column_text(statement, column));
    /* Hundredths are what BLEU is quoted in; small figures keep their leading digits. */
    double value = sqlite3_column_double(statement, column);
    bool small = value > -0.095 && value < 0.095 && value != 0;
    snprintf(text, sizeof text, small || value >= 1e12 || value <= -1e12 ? "%.3g" : "%.2f", value);
    return add_cell(table, column, text);
}

static void print_table(const struct table *table, int columns, FILE *stream)
{
    for (size_t i = 0; i < table->count; i++) {
        int column = (int)(i % (size_t)columns);
        int padding = table->widths[column] - width(table->cells[i]);
        bool last = column == columns - 1;
        if (table->numbers[column])
            fprintf(stream, "%*s%s", padding, "", table->cells[i]);
        else
            fprintf(stream, "%s%*s", table->cells[i], last ? 0 : padding, "");
        fputs(last ? "\n" : "  ", stream);
    }
}

static bool fill_table(struct table *table, sqlite3_stmt *statement, int *code)
{
    int columns = sqlite3_column_count(statement);
    for (int i = 0; i < columns; i++) {
        table->numbers[i] = true;
        if (!add_cell(table, i, sqlite3_column_name(statement, i)))
            return false;
    }
    while ((*code = sqlite3_step(statement)) == SQLITE_ROW)
        for (int i = 0; i < columns; i++)
            if (!add_value(table, statement, i))
                return false;
    return true;
}

enum lw_status lw_print_rows(sqlite3_stmt *statement, enum lw_output output, FILE *stream,
                             size_t *rows, int *code, struct lw_error *error)
{
    *rows = 0;
    if (output == LW_OUTPUT_JSON || output == LW_OUTPUT_LINES)
        return print_json(statement, output == LW_OUTPUT_LINES, stream, rows, code, error);
    if (output == LW_OUTPUT_CSV) {
        print_csv(statement, stream, rows, code);
        return LW_OK;
    }
    int columns = sqlite3_column_count(statement);
    struct table table = {0};
    table.widths = calloc((size_t)columns + 1, sizeof *table.widths);
    table.numbers = calloc((size_t)columns + 1, sizeof *table.numbers);
    bool done = table.widths && table.numbers && fill_table(&table, statement, code);
    if (done && columns)
        *rows = table.count / (size_t)columns - 1;
    if (done && *code == SQLITE_DONE)
        print_table(&table, columns, stream);
    for (size_t i = 0; i < table.count; i++)
        free(table.cells[i]);
    free(table.cells);
    free(table.widths);
    free(table.numbers);
    return done ? LW_OK : lw_fail(error, LW_FAILED, "no memory for the table");
}
