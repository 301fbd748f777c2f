/* A program of one file: the library, and a bundle within it (gen/standalone.h). Translates the
 * lines of standard input to standard output, with the bytes of `lutwidge translate`. */
#include "library/parts.h"
#include "models/file.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const uint8_t lw_standalone_manifest[], lw_standalone_manifest_end[], lw_standalone_model[],
    lw_standalone_model_end[], lw_standalone_weights[], lw_standalone_weights_end[];
extern const char lw_standalone_about[]; /* what it was made from, ended by a NUL */
extern const struct lw_kernel_entry lw_kernel_entries[];

/* Lines are read so many times as many as are translated together, and sorted by length. */
enum { WINDOW_TIMES = 16, MOST_BATCH = 1024 };

struct window {
    size_t room, count;
    char **texts;
    size_t *bytes;
    struct lutwidge_result **results;
    bool broken; /* the next line cannot be read: nothing is, from there on */
};

struct run {
    const char *name; /* of the program */
    struct lutwidge_translator *translator;
    size_t n_best, lines;
    bool scores;
    enum lutwidge_status worst;
};

static const char help[] =
    "Translates the lines of standard input to standard output.\n\n"
    "  -b, --beam N            beams; 1 is greedy (default: the model's)\n"
    "      --batch N           translate N lines of like length together (default 1): same bytes\n"
    "      --max-length N      longest translation in words, its start word included\n"
    "      --length-penalty P  exponent of the length that scores are divided by\n"
    "      --max-memory BYTES  refuse to begin where more might be resident\n"
    "  -n, --n-best N          print the N best translations of each line, with their scores\n"
    "  -s, --scores            print each line's score and a tab before it\n"
    "  -V, --version           print what this program was made from\n"
    "  -h, --help              print this\n";

static int usage(const struct run *run, const char *reason)
{
    fprintf(stderr, "%s: %s; --help lists the options\n", run->name, reason);
    return LUTWIDGE_USAGE;
}

static bool read_size(const char *text, size_t least, size_t most, size_t *value)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno || *end || *text < '0' || *text > '9' || number < least || number > most)
        return false;
    *value = (size_t)number;
    return true;
}

static bool read_number(const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    return end != text && !*end;
}

/* False where an option has a value that it cannot have. */
static bool take_option(int option, struct lutwidge_options *options, struct run *run)
{
    switch (option) {
    case 'b':
        return read_size(optarg, 1, 64, &options->beams);
    case 'B':
        return read_size(optarg, 1, MOST_BATCH, &options->batch);
    case 'l':
        return read_size(optarg, 2, SIZE_MAX, &options->max_length);
    case 'p':
        return read_number(optarg, &options->length_penalty);
    case 'm':
        return read_size(optarg, 1, SIZE_MAX, &options->max_memory_bytes);
    case 'n':
        return read_size(optarg, 1, 64, &options->n_best);
    default:
        run->scores = true;
        return true;
    }
}

/* -1: go on; else the status to end with. */
static int read_options(int argc, char **argv, struct lutwidge_options *options, struct run *run)
{
    static const struct option longs[] = {
        {"beam", required_argument, NULL, 'b'},
        {"batch", required_argument, NULL, 'B'},
        {"max-length", required_argument, NULL, 'l'},
        {"length-penalty", required_argument, NULL, 'p'},
        {"max-memory", required_argument, NULL, 'm'},
        {"n-best", required_argument, NULL, 'n'},
        {"scores", no_argument, NULL, 's'},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    for (int option; (option = getopt_long(argc, argv, "b:n:sVh", longs, NULL)) != -1;) {
        if (option == 'h' || option == 'V') {
            if (option == 'h')
                printf("usage: %s [OPTION...] < text\n%s", run->name, help);
            else
                printf("%s\n", lw_standalone_about);
            return fflush(stdout) ? LUTWIDGE_FAILED : LUTWIDGE_OK;
        }
        if (option == '?')
            return LUTWIDGE_USAGE;
        if (!take_option(option, options, run))
            return usage(run, "an option has a value that it cannot have");
    }
    return optind < argc ? usage(run, "it reads standard input and takes no file") : -1;
}

static bool open_window(size_t batch, struct window *w)
{
    w->room = batch == 1 ? 1 : WINDOW_TIMES * batch;
    w->texts = calloc(w->room, sizeof *w->texts);
    w->bytes = calloc(w->room, sizeof *w->bytes);
    w->results = calloc(w->room, sizeof *w->results);
    return w->texts && w->bytes && w->results;
}

static void empty_window(struct window *w)
{
    for (size_t i = 0; i < w->count; i++) {
        free(w->texts[i]);
        w->texts[i] = NULL;
        lutwidge_result_free(w->results[i]);
    }
    w->count = 0;
}

/* Fills the window; false at the end of the text, or where it is broken. */
static bool read_lines(struct window *w)
{
    while (!w->broken && w->count < w->room) {
        size_t room = 0;
        ssize_t length = getline(&w->texts[w->count], &room, stdin);
        if (length < 0) {
            free(w->texts[w->count]); /* what getline took all the same */
            w->texts[w->count] = NULL;
            w->broken = !lw_stream_ended(stdin);
            break;
        }
        size_t bytes = (size_t)length;
        w->bytes[w->count] = bytes - (bytes && w->texts[w->count][bytes - 1] == '\n');
        w->count++;
    }
    return w->count > 0;
}

static void print(const struct run *run, const struct lutwidge_result *result)
{
    size_t count = lutwidge_result_count(result);
    bool scores = run->scores || run->n_best > 1;
    for (size_t i = 0; i < count; i++) {
        if (scores)
            printf("%.6f\t", lutwidge_result_score(result, i));
        puts(lutwidge_result_text(result, i));
    }
    if (count == 0)
        puts(scores ? "0.000000\t" : "");
}

static enum lutwidge_status translate_window(struct run *run, struct window *w,
                                             struct lutwidge_error *error)
{
    enum lutwidge_status status = lutwidge_translate_batch(
        run->translator, (const char *const *)w->texts, w->bytes, w->count, w->results, error);
    if (!w->results[0])
        return status;
    for (size_t i = 0; i < w->count; i++) {
        run->lines++;
        status = lutwidge_result_status(w->results[i]);
        if (status != LUTWIDGE_OK)
            fprintf(stderr, "%s: standard input, line %zu: %s\n", run->name, run->lines,
                    lutwidge_result_error(w->results[i]));
        if (status > run->worst)
            run->worst = status;
        print(run, w->results[i]);
    }
    if (fflush(stdout) == 0 && !ferror(stdout))
        return LUTWIDGE_OK;
    snprintf(error->text, sizeof error->text, "the translation cannot be written");
    return LUTWIDGE_FAILED;
}

static enum lutwidge_status translate_all(struct run *run, size_t batch,
                                          struct lutwidge_error *error)
{
    struct window w = {0};
    enum lutwidge_status status = LUTWIDGE_OK;
    if (!open_window(batch, &w)) {
        snprintf(error->text, sizeof error->text, "out of memory for lines");
        status = LUTWIDGE_FAILED;
    }
    while (status == LUTWIDGE_OK && read_lines(&w)) {
        status = translate_window(run, &w, error);
        empty_window(&w);
    }
    if (status == LUTWIDGE_OK && w.broken) {
        snprintf(error->text, sizeof error->text,
                 "standard input, line %zu cannot be read, or is too long", run->lines + 1);
        status = LUTWIDGE_FAILED;
    }
    free(w.texts);
    free(w.bytes);
    free(w.results);
    return status;
}

static struct lw_mapping part(const uint8_t *begin, const uint8_t *end)
{
    return (struct lw_mapping){begin, (size_t)(end - begin), true};
}

int main(int argc, char **argv)
{
    struct run run = {.name = argc ? argv[0] : "translate"};
    struct lutwidge_model *model = NULL;
    struct lutwidge_error error = {""};
    struct lutwidge_options options;
    lutwidge_options_init(&options, sizeof options);
    int end = read_options(argc, argv, &options, &run);
    if (end >= 0)
        return end;
    run.n_best = options.n_best;
    const struct lw_bundle_parts parts = {
        .name = run.name,
        .manifest = part(lw_standalone_manifest, lw_standalone_manifest_end),
        .model = part(lw_standalone_model, lw_standalone_model_end),
        .weights = part(lw_standalone_weights, lw_standalone_weights_end),
        .kernels = lw_kernel_entries,
    };
    enum lutwidge_status status = open_model_parts(&parts, &model, &error);
    if (status == LUTWIDGE_OK)
        status = lutwidge_translator_open(model, &options, &run.translator, &error);
    lutwidge_model_close(model);
    if (status == LUTWIDGE_OK)
        status = translate_all(&run, options.batch, &error);
    lutwidge_translator_close(run.translator);
    if (status != LUTWIDGE_OK)
        fprintf(stderr, "%s: %s\n", run.name, error.text);
    return status == LUTWIDGE_OK ? (int)run.worst : (int)status;
}
