/* Times a model from nothing to the first word of a translation, and says what stays resident:
 *
 *   first_token BUNDLE "TEXT" [BEAMS] [--whole]
 *
 * Prints, in milliseconds: opening the model, opening the translator, the time until the first word
 * stands, and their sum; the CPU time of the process until then, its start included; the resident
 * peak in units of 1,024 bytes. The text ends at its first word unless --whole. Nothing is warmed
 * but what the caller's last run left in the file cache. By hand:
 *
 *   cc -O2 -I. -o first_token tests/peers/first_token.c -Lbuild/release -llutwidge
 */
#include "library/lutwidge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double clock_ms(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static double now(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

struct first {
    double at;  /* when the first word stood; 0 before */
    double cpu; /* of the process until then */
    int whole;  /* go on after it */
};

static int take(void *context, size_t text, const char *words)
{
    struct first *first = context;
    (void)text;
    (void)words;
    if (first->at == 0) {
        first->at = now();
        first->cpu = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
    }
    return !first->whole;
}

static int fail(const struct lutwidge_error *error)
{
    fprintf(stderr, "first_token: %s\n", error->text);
    return 1;
}

int main(int argc, char **argv)
{
    struct lutwidge_model *model;
    struct lutwidge_translator *translator;
    struct lutwidge_options options;
    struct lutwidge_error error = {""};
    struct lutwidge_result *result;
    struct first first = {0};
    if (argc < 3)
        return 2;
    first.whole = strcmp(argv[argc - 1], "--whole") == 0;
    lutwidge_options_init(&options, sizeof options);
    options.beams = argc > 3 ? strtoul(argv[3], NULL, 10) : 4;
    options.token = take;
    options.token_context = &first;
    double start = now();
    if (lutwidge_model_open(argv[1], &model, &error) != LUTWIDGE_OK)
        return fail(&error);
    double opened = now();
    if (lutwidge_translator_open(model, &options, &translator, &error) != LUTWIDGE_OK)
        return fail(&error);
    double ready = now();
    lutwidge_translate(translator, argv[2], LUTWIDGE_TO_NUL, &result, &error);
    printf("model %.1f translator %.1f first word %.1f sum %.1f ms; CPU since the start of the "
           "process %.1f ms; peak %zu KB\n",
           opened - start, ready - opened, first.at - ready, first.at - start, first.cpu,
           lutwidge_peak_memory() / 1024);
    lutwidge_result_free(result);
    lutwidge_translator_close(translator);
    lutwidge_model_close(model);
    return 0;
}
