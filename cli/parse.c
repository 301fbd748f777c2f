/* The options of one verb, by popt. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_OPTIONS = 64 };

/* What popt hands out lives as long as its context, and the strings that options give as long as
 * somebody keeps them: verbs use both until they return, so both stay here until the program ends.
 */
static poptContext context;
static char *kept[MOST_OPTIONS];                       /* by the place of the option in its table */
static const char **volatile kept_lists[MOST_OPTIONS]; /* never read: they are only held */

/* Verbs have their tables inside their functions: whoever wants to see one runs the verb, which
 * gets no further than cli_parse. */
static struct {
    void (*list)(void *context, const struct poptOption *option);
    void *context;
} listing;

void cli_list_options(const struct cli_verb *verb,
                      void (*list)(void *context, const struct poptOption *option), void *context_)
{
    listing.list = list;
    listing.context = context_;
    verb->run(1, (const char *[]){verb->name, NULL});
    listing.list = NULL;
}

/* Words in lines of at most 79 columns. */
static void print_wrapped(const char *text)
{
    size_t column = 0;
    while (*text) {
        size_t length = strcspn(text, " ");
        bool fits = column && column + 1 + length < 80;
        printf("%s%.*s", fits ? " " : column ? "\n" : "", (int)length, text);
        column = fits ? column + 1 + length : length;
        text += length + (text[length] == ' ');
    }
    putchar('\n');
}

static void print_words(const struct cli_verb *verb)
{
    struct cli_word word;
    if (!cli_word_at(verb, 0, &word))
        return;
    puts("Words:");
    for (size_t i = 0; cli_word_at(verb, i, &word); i++)
        printf("  %-13s %s\n", word.name, word.says);
    putchar('\n');
}

static void print_help(const struct cli_verb *verb)
{
    printf("lutwidge %s: %s\n\nExamples:\n", verb->name, verb->purpose);
    for (const char *line = verb->examples; *line;) {
        size_t length = strcspn(line, "\n");
        printf("  %.*s\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
    putchar('\n');
    print_wrapped(verb->description);
    putchar('\n');
    print_words(verb);
    poptPrintHelp(context, stdout, 0);
    putchar('\n');
    cli_print_codes();
}

static bool is_end(const struct poptOption *option)
{
    return !option->longName && !option->shortName && !option->arg;
}

/* Makes popt tell of each option that gives a string: by its place in the table, from 1. */
static void number_strings(struct poptOption *options)
{
    for (int i = 0; i < MOST_OPTIONS && !is_end(&options[i]); i++)
        if ((options[i].argInfo & POPT_ARG_MASK) == POPT_ARG_STRING)
            options[i].val = i + 1;
}

/* The last string of an option counts: one that was given before it is freed. */
static void keep_string(const struct poptOption *options, int number)
{
    free(kept[number - 1]);
    kept[number - 1] = *(char **)options[number - 1].arg;
}

/* Lists of strings, which popt makes longer by itself. */
static void keep_lists(const struct poptOption *options)
{
    for (int i = 0; i < MOST_OPTIONS && !is_end(&options[i]); i++)
        if ((options[i].argInfo & POPT_ARG_MASK) == POPT_ARG_ARGV)
            kept_lists[i] = *(const char ***)options[i].arg;
}

static int bad_option(const struct cli_verb *verb, const struct poptOption *options, int code)
{
    struct lw_error error = {0};
    const char *word = poptBadOption(context, 0);
    const char *near = NULL;
    if (code == POPT_ERROR_BADOPT && strncmp(word, "--", 2) == 0) {
        const char *names[MOST_OPTIONS] = {"help"};
        size_t count = 1;
        for (; !is_end(options) && count < MOST_OPTIONS; options++)
            if (options->longName)
                names[count++] = options->longName;
        near = cli_nearest(word + 2, names, count);
    }
    lw_fail(&error, LW_USAGE, "%s: %s", word, poptStrerror(code));
    if (near)
        lw_fail(&error, LW_USAGE, "%s; did you mean --%s?", error.text, near);
    return cli_report(verb->name, LW_USAGE, &error);
}

enum lw_status cli_parse(const struct cli_verb *verb, int argc, const char **argv,
                         struct poptOption *options, size_t minimum, size_t maximum,
                         const char ***rest)
{
    if (listing.list) {
        for (; !is_end(options); options++)
            listing.list(listing.context, options);
        return LW_USAGE;
    }
    static const char *none[] = {NULL};
    static char title[64];
    enum { HELP = 0x4c57 }; /* a value no verb gives to an option of its own */
    /* Both tables are read by popt until the program ends. */
    static struct poptOption help[] = {
        {"help", 'h', POPT_ARG_NONE, NULL, HELP, "print this help", NULL}, POPT_TABLEEND};
    static struct poptOption table[3] = {
        {.argInfo = POPT_ARG_INCLUDE_TABLE, .descrip = "Options:"},
        {.argInfo = POPT_ARG_INCLUDE_TABLE, .arg = help, .descrip = "Help:"}};
    table[0].arg = options;
    snprintf(title, sizeof title, "lutwidge %s", verb->name);

    const char **words = calloc((size_t)argc + 1, sizeof *words);
    struct lw_error error = {0};
    if (words) {
        memcpy(words, argv, (size_t)argc * sizeof *words);
        words[0] = title;
        context = poptGetContext(NULL, argc, words, table, 0);
    }
    if (!context)
        return (enum lw_status)cli_report(verb->name, lw_fail(&error, LW_FAILED, "out of memory"),
                                          &error);
    static char usage[256];
    snprintf(usage, sizeof usage, "[OPTION...]%s%s", *verb->arguments ? " " : "", verb->arguments);
    poptSetOtherOptionHelp(context, usage);

    int code;
    number_strings(options);
    while ((code = poptGetNextOpt(context)) >= 0) {
        if (code == HELP) {
            print_help(verb);
            exit(cli_finish(verb->name, LW_OK));
        }
        keep_string(options, code);
    }
    keep_lists(options);
    if (code < -1)
        return (enum lw_status)bad_option(verb, options, code);

    *rest = poptGetArgs(context) ? poptGetArgs(context) : none;
    size_t count = 0;
    while ((*rest)[count])
        count++;
    if (count >= minimum && count <= maximum)
        return LW_OK;
    lw_fail(&error, LW_USAGE, "%s: lutwidge %s %s",
            count < minimum ? "an argument is missing" : "too many arguments", verb->name,
            *verb->arguments ? verb->arguments : "[OPTION...]");
    return (enum lw_status)cli_report(verb->name, LW_USAGE, &error);
}
