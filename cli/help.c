/* What is said of the program as a whole: its help, names that there are not, and 'lutwidge help'.
 */
#include "cli/cli.h"
#include "cli/manual.h"

#include <stdio.h>
#include <string.h>

static void print_help(void)
{
    puts("Lutwidge: extremely-low-bit Transformers for translation.\n\n"
         "Examples:\n"
         "  lutwidge quantize models/open-en-de --bits 3 -o open3.lwm\n"
         "  lutwidge translate open3.lwm < test.en > out.de\n\n"
         "Usage: lutwidge VERB [OPTION...] [ARGUMENT...]\n\n"
         "Verbs:");
    for (size_t i = 0; i < cli_verb_count; i++)
        printf("  %-11s %s\n", cli_verbs[i].name, cli_verbs[i].purpose);
    puts("\n'lutwidge VERB --help' describes one verb, 'lutwidge --version' prints the version.\n");
    cli_print_codes();
}

void cli_print_codes(void)
{
    size_t column = (size_t)printf("Exit codes:");
    for (int code = LW_OK; code <= LW_CORRUPT; code++) {
        const char *text = lw_status_text((enum lw_status)code);
        size_t length = strlen(text) + 4;
        bool fits = column + length < 80;
        printf("%s%d %s%c", fits ? " " : "\n", code, text, code < LW_CORRUPT ? ',' : '.');
        column = fits ? column + length : length - 1;
    }
    putchar('\n');
}

static int unknown_verb(const char *word)
{
    enum { MOST_NAMES = 32 };
    const char *names[MOST_NAMES] = {"help", "--help", "--version"};
    size_t count = 3;
    for (size_t i = 0; i < cli_verb_count && count < MOST_NAMES; i++)
        names[count++] = cli_verbs[i].name;
    const char *near = cli_nearest(word, names, count);
    fprintf(stderr, "lutwidge: there is no %s '%s'", *word == '-' ? "option" : "verb", word);
    if (near)
        fprintf(stderr, "; did you mean '%s'?\n", near);
    else
        fputs("; 'lutwidge --help' lists them\n", stderr);
    return LW_USAGE;
}

/* What `make install` asks for; words[0] is "help". */
static int help(int count, const char **words)
{
    const char *what = count > 1 ? words[1] : "--help";
    if (strcmp(what, "help") == 0)
        what = "--help";
    if (strcmp(what, "--man") == 0 && count <= 3) {
        const struct cli_verb *verb = count == 3 ? cli_verb_named(words[2]) : NULL;
        if (count == 3 && !verb)
            return unknown_verb(words[2]);
        if (verb)
            cli_print_verb_manual(verb);
        else
            cli_print_manual();
        return LW_OK;
    }
    if (strcmp(what, "--completion") == 0 && count == 3) {
        if (cli_print_completion(words[2]))
            return LW_OK;
        fprintf(stderr, "lutwidge: there is no completion for '%s'; there are bash and zsh\n",
                words[2]);
        return LW_USAGE;
    }
    if (strcmp(what, "--verbs") == 0 && count == 2) {
        for (size_t i = 0; i < cli_verb_count; i++)
            puts(cli_verbs[i].name);
        return LW_OK;
    }
    return cli_dispatch(*what == '-' ? 1 : 2, (const char *[]){what, "--help", NULL});
}

int cli_dispatch(int count, const char **words)
{
    const char *word = count ? words[0] : "--help";
    if (strcmp(word, "help") == 0)
        return help(count, words);
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        print_help();
        return LW_OK;
    }
    if (strcmp(word, "--version") == 0) {
        puts("lutwidge " LW_VERSION);
        return LW_OK;
    }
    const struct cli_verb *verb = cli_verb_named(word);
    return verb ? verb->run(count, words) : unknown_verb(word);
}
