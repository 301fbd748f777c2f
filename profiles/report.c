/* The page is profiles/report/page.html with the style sheet, the library of charts, the data and
 * the script in the places that it names. The data is one JSON object, a member a section. */
#include "profiles/report.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ROWS = 1500, MOST_DATA_BYTES = 2400000 };

static const char page_html[] = {
#include "profiles/report/page.html.inc"
};
static const char page_css[] = {
#include "profiles/report/page.css.inc"
};
static const char page_charts[] = {
#include "profiles/report/charts.js.inc"
};
static const char page_plans[] = {
#include "profiles/report/plans.js.inc"
};
static const char page_js[] = {
#include "profiles/report/page.js.inc"
};
static const char d3_js[] = {
#include "profiles/report/d3.js.inc"
};
static const char deployments[] = {
#include "profiles/report/deployments.sql.inc"
};
static const char parts[] = {
#include "profiles/report/parts.sql.inc"
};
static const char codes[] = {
#include "profiles/report/codes.sql.inc"
};
static const char choices[] = {
#include "profiles/report/choices.sql.inc"
};
static const char modes[] = {
#include "profiles/report/modes.sql.inc"
};
static const char predictions[] = {
#include "profiles/report/predictions.sql.inc"
};
static const char stalls[] = {
#include "profiles/report/stalls.sql.inc"
};
static const char kernels[] = {
#include "profiles/report/kernels.sql.inc"
};
static const char engines[] = {
#include "profiles/report/engines.sql.inc"
};
static const char machines[] = {
#include "profiles/report/machines.sql.inc"
};

static const struct section {
    const char *name, *sql;
    const char *fills; /* the verb and arguments that make rows */
} sections[] = {
#define PROFILE "profile MODEL_DIR --device host,lut-mobile --source SRC --ref REF"
    {"deployments", deployments, PROFILE},
    {"parts", parts, PROFILE},
    {"codes", codes, PROFILE},
    {"choices", choices, PROFILE},
    {"modes", modes, PROFILE},
    {"predictions", predictions, PROFILE},
    {"stalls", stalls, "simulate M.lwm --step"},
    {"kernels", kernels, "bench"},
    {"engines", engines, "simulate M.lwm --step"},
    {"machines", machines, "bench"},
};
enum { SECTIONS = sizeof sections / sizeof *sections };

void lw_report_escape(const char *json, FILE *stream)
{
    for (; *json; json++)
        if (*json == '<')
            fputs("\\u003c", stream);
        else
            fputc(*json, stream);
}

static enum lw_status write_section(struct lw_database *database, const struct section *section,
                                    const char *path, int64_t rows, FILE *stream,
                                    struct lw_error *error)
{
    struct lw_question question = LW_QUESTION(NULL, section->sql);
    struct lw_answer answer;
    question.last = rows;
    char *fills = NULL;
    if (asprintf(&fills, "lutwidge %s --db %s", section->fills, path) < 0)
        return lw_fail(error, LW_FAILED, "out of memory for the report");
    json_t *text = json_string(fills);
    free(fills);
    if (!text)
        return lw_fail(error, LW_FAILED, "the name of the database is not UTF-8");
    fprintf(stream, ",\n\"%s\": {\"fills\": ", section->name);
    json_dumpf(text, stream, JSON_ENCODE_ANY);
    json_decref(text);
    fputs(", \"rows\": ", stream);
    enum lw_status status =
        lw_database_ask(database, &question, LW_OUTPUT_JSON, stream, &answer, error);
    fputc('}', stream);
    return status;
}

/* All sections with at most so many single rows in each; malloc'ed. */
static enum lw_status make_data(struct lw_database *database, const char *path, int64_t rows,
                                char **data, size_t *bytes, struct lw_error *error)
{
    FILE *stream = open_memstream(data, bytes);
    if (!stream)
        return lw_fail(error, LW_FAILED, "out of memory for the report");
    json_t *name = json_pack("{s:s, s:s, s:I}", "database", path, "version", LW_VERSION,
                             "most_rows", (json_int_t)rows);
    enum lw_status status =
        name ? LW_OK : lw_fail(error, LW_FAILED, "the name of the database is not UTF-8");
    if (name) {
        fputs("{\"about\": ", stream);
        json_dumpf(name, stream, 0);
        json_decref(name);
    }
    for (size_t i = 0; i < SECTIONS && status == LW_OK; i++)
        status = write_section(database, &sections[i], path, rows, stream, error);
    fputs("}", stream);
    if (fclose(stream) != 0 && status == LW_OK)
        status = lw_fail(error, LW_FAILED, "out of memory for the report");
    return status;
}

/* Each piece stands once in the page as @NAME@. */
static void write_page(const char *data, FILE *stream)
{
    const struct {
        const char *name, *text;
    } pieces[] = {{"@CSS@", page_css},       {"@D3@", d3_js},         {"@DATA@", data},
                  {"@CHARTS@", page_charts}, {"@PLANS@", page_plans}, {"@JS@", page_js}};
    const char *at = page_html;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        const char *place = strstr(at, pieces[i].name);
        fwrite(at, 1, (size_t)(place - at), stream);
        if (pieces[i].text == data)
            lw_report_escape(data, stream);
        else
            fputs(pieces[i].text, stream);
        at = place + strlen(pieces[i].name);
    }
    fputs(at, stream);
}

enum lw_status lw_report_write(struct lw_database *database, const char *path, FILE *stream,
                               struct lw_error *error)
{
    char *data = NULL;
    size_t bytes = 0;
    enum lw_status status = LW_OK;
    for (int64_t rows = MOST_ROWS; rows > 0; rows /= 2) {
        free(data);
        data = NULL;
        status = make_data(database, path, rows, &data, &bytes, error);
        if (status != LW_OK || bytes <= MOST_DATA_BYTES)
            break;
    }
    if (status == LW_OK && bytes > MOST_DATA_BYTES)
        status = lw_fail(error, LW_FAILED, "%s: names or commands too long for a page", path);
    if (status == LW_OK)
        write_page(data, stream);
    free(data);
    return status;
}
