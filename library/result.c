#include "library/parts.h"

#include <math.h>
#include <stdlib.h>

const char *lutwidge_result_error(const struct lutwidge_result *result)
{
    return result ? lw_sentence_error(&result->sentence) : "there is no result";
}

size_t lutwidge_result_count(const struct lutwidge_result *result)
{
    return result ? result->sentence.translations : 0;
}

const char *lutwidge_result_text(const struct lutwidge_result *result, size_t i)
{
    return i < lutwidge_result_count(result) ? result->sentence.list[i].text : NULL;
}

double lutwidge_result_score(const struct lutwidge_result *result, size_t i)
{
    return i < lutwidge_result_count(result) ? (double)result->sentence.list[i].score : (double)NAN;
}

void lutwidge_result_free(struct lutwidge_result *result)
{
    if (!result)
        return;
    lw_sentence_clear(&result->sentence);
    free(result);
}
