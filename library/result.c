#include "library/parts.h"

#include <math.h>
#include <stdlib.h>

struct lutwidge_result *new_result(size_t most)
{
    struct lutwidge_result *result = calloc(1, sizeof *result + most * sizeof *result->list);
    if (result)
        result->status = LUTWIDGE_CANCELLED;
    return result;
}

enum lutwidge_status lutwidge_result_status(const struct lutwidge_result *result)
{
    return result ? result->status : LUTWIDGE_USAGE;
}

const char *lutwidge_result_error(const struct lutwidge_result *result)
{
    if (!result)
        return "there is no result";
    if (result->status == LUTWIDGE_OK)
        return "";
    return result->error ? result->error : "the translation was stopped";
}

size_t lutwidge_result_count(const struct lutwidge_result *result)
{
    return result ? result->count : 0;
}

const char *lutwidge_result_text(const struct lutwidge_result *result, size_t i)
{
    return i < lutwidge_result_count(result) ? result->list[i].text : NULL;
}

double lutwidge_result_score(const struct lutwidge_result *result, size_t i)
{
    return i < lutwidge_result_count(result) ? (double)result->list[i].score : (double)NAN;
}

void lutwidge_result_free(struct lutwidge_result *result)
{
    if (!result)
        return;
    for (size_t i = 0; i < result->count; i++)
        free(result->list[i].text);
    free(result->error);
    free(result);
}
