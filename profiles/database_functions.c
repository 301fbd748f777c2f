/* The SQL functions of the named questions. */
#include "profiles/database_questions.h"

#include "profiles/costs.h"

#include <stdlib.h>
#include <string.h>

static void device_ms(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    struct lw_cost_device device;
    const char *name = (const char *)sqlite3_value_text(values[0]);
    if (!name || sqlite3_value_type(values[1]) == SQLITE_NULL)
        return;
    if (strncmp(name, "translate, ", 11) == 0)
        sqlite3_result_double(context, sqlite3_value_double(values[1]) / 1e6);
    else if (lw_cost_device_named(name, &device, NULL) == LW_OK)
        sqlite3_result_double(context, sqlite3_value_double(values[1]) * lw_cost_ns(&device) / 1e6);
}

/* The best of the rows so far: no two of them are as quick and as good as one another. */
struct front {
    struct corner {
        double latency, bleu;
    } *corners;
    size_t count, capacity;
    int dominated; /* the last row */
};

static void front_step(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    struct front *front = sqlite3_aggregate_context(context, sizeof *front);
    if (!front) {
        sqlite3_result_error_nomem(context);
        return;
    }
    struct corner row = {sqlite3_value_double(values[0]), sqlite3_value_double(values[1])};
    size_t kept = 0;
    front->dominated = 0;
    for (size_t i = 0; i < front->count; i++)
        if (front->corners[i].latency <= row.latency && front->corners[i].bleu >= row.bleu) {
            front->dominated = 1;
            return;
        }
    for (size_t i = 0; i < front->count; i++)
        if (front->corners[i].latency < row.latency || front->corners[i].bleu > row.bleu)
            front->corners[kept++] = front->corners[i];
    front->count = kept;
    if (kept == front->capacity) {
        size_t capacity = kept ? 2 * kept : 16;
        struct corner *corners = realloc(front->corners, capacity * sizeof *corners);
        if (!corners) {
            sqlite3_result_error_nomem(context);
            return;
        }
        front->corners = corners;
        front->capacity = capacity;
    }
    front->corners[front->count++] = row;
}

static void front_value(sqlite3_context *context)
{
    const struct front *front = sqlite3_aggregate_context(context, sizeof *front);
    if (front)
        sqlite3_result_int(context, front->dominated);
}

static void front_final(sqlite3_context *context)
{
    struct front *front = sqlite3_aggregate_context(context, 0);
    front_value(context);
    if (front)
        free(front->corners);
}

/* Frames that let rows go have no front: it would have to remember them all. */
static void front_inverse(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count, (void)values;
    sqlite3_result_error(context, "dominated() needs a frame that begins with the first row", -1);
}

int lw_question_functions(sqlite3 *handle)
{
    int code = sqlite3_create_function(handle, "device_ms", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
                                       NULL, device_ms, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_create_window_function(handle, "dominated", 2, SQLITE_UTF8, NULL, front_step,
                                              front_final, front_value, front_inverse, NULL);
    return code;
}
