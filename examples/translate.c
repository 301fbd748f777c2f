/* Translates lines of text with liblutwidge: translate BUNDLE [BEAMS [N_BEST]] < lines
 * Built by: cc -o translate translate.c $(pkg-config --cflags --libs lutwidge)
 *
 * With N_BEST above 1 each line gives its best translations, with their scores. Ctrl-C stops at the
 * next word. */
#include <lutwidge.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static struct lutwidge_translator *running;

static void stop(int number)
{
    (void)number;
    lutwidge_cancel(running);
}

static void print(const struct lutwidge_result *result, size_t n_best)
{
    for (size_t i = 0; i < lutwidge_result_count(result); i++) {
        if (n_best > 1)
            printf("%.6f\t", lutwidge_result_score(result, i));
        puts(lutwidge_result_text(result, i));
    }
}

/* Lines that cannot be translated give a message and an empty line. */
static enum lutwidge_status translate_lines(struct lutwidge_translator *translator, size_t n_best)
{
    char *line = NULL;
    size_t room = 0;
    enum lutwidge_status worst = LUTWIDGE_OK;
    for (ssize_t bytes; (bytes = getline(&line, &room, stdin)) >= 0;) {
        struct lutwidge_result *result;
        struct lutwidge_error error;
        enum lutwidge_status status =
            lutwidge_translate(translator, line, (size_t)bytes, &result, &error);
        if (status != LUTWIDGE_OK)
            worst = status;
        if (status == LUTWIDGE_CANCELLED)
            break;
        if (status != LUTWIDGE_OK) {
            fprintf(stderr, "translate: %s\n", error.text);
            puts("");
        }
        print(result, n_best);
        lutwidge_result_free(result);
    }
    free(line);
    return worst;
}

int main(int argc, char **argv)
{
    struct lutwidge_model *model = NULL;
    struct lutwidge_error error = {""};
    struct lutwidge_options options;
    if (argc < 2 || argc > 4) {
        fprintf(stderr, "usage: translate BUNDLE [BEAMS [N_BEST]] < lines\n");
        return LUTWIDGE_USAGE;
    }
    lutwidge_options_init(&options, sizeof options);
    if (argc > 2)
        options.beams = strtoul(argv[2], NULL, 10);
    if (argc > 3)
        options.n_best = strtoul(argv[3], NULL, 10);
    enum lutwidge_status status = lutwidge_model_open(argv[1], &model, &error);
    if (status == LUTWIDGE_OK)
        status = lutwidge_translator_open(model, &options, &running, &error);
    lutwidge_model_close(model); /* the translator keeps what it needs */
    if (status == LUTWIDGE_OK) {
        signal(SIGINT, stop);
        status = translate_lines(running, options.n_best);
        fprintf(stderr, "at most %zu bytes for model and translator; peak of the process %zu\n",
                lutwidge_translator_memory(running), lutwidge_peak_memory());
    } else {
        fprintf(stderr, "translate: %s\n", error.text);
    }
    signal(SIGINT, SIG_DFL);
    lutwidge_translator_close(running);
    return (int)status;
}
