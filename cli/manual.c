#include "cli/manual.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* One letter as roff reads it. */
static void put(char c)
{
    if (c == '\\')
        fputs("\\e", stdout);
    else if (c == '-')
        fputs("\\-", stdout);
    else if (c == '\'')
        fputs("\\(aq", stdout);
    else
        putchar(c);
}

static void put_text(const char *text)
{
    if (*text == '.')
        fputs("\\&", stdout);
    while (*text)
        put(*text++);
}

/* A paragraph, a sentence a line. */
static void put_paragraph(const char *text)
{
    for (; *text; text++) {
        bool ends = strncmp(text, ". ", 2) == 0;
        put(*text);
        if (ends) {
            putchar('\n');
            text++;
        }
    }
    putchar('\n');
}

static void begin(const char *name, const char *purpose)
{
    printf(".\\\" Made by 'lutwidge help --man'.\n.TH ");
    for (const char *c = name; *c; c++)
        put((char)toupper((unsigned char)*c));
    fputs(" 1 2026-11-23 \"Lutwidge " LW_VERSION "\" Lutwidge\n.SH NAME\n", stdout);
    put_text(name);
    fputs(" \\- ", stdout);
    put_text(purpose);
    puts("\n.SH SYNOPSIS");
}

static void put_examples(const char *lines)
{
    puts(".SH EXAMPLES\n.nf");
    while (*lines) {
        size_t length = strcspn(lines, "\n");
        for (size_t i = 0; i < length; i++)
            put(lines[i]);
        putchar('\n');
        lines += length + (lines[length] == '\n');
    }
    puts(".fi");
}

static void put_codes(void)
{
    puts(".SH EXIT STATUS");
    for (int code = LW_OK; code <= LW_CORRUPT; code++) {
        printf(".TP 4\n%d\n", code);
        put_text(lw_status_text((enum lw_status)code));
        putchar('\n');
    }
}

static void put_page(const char *name, const char *between)
{
    fputs(".BR lutwidge", stdout);
    if (name) {
        fputs("\\-", stdout);
        printf("%s", name);
    }
    printf(" (1)%s\n", between);
}

static void put_default(const struct poptOption *option)
{
    unsigned kind = option->argInfo & POPT_ARG_MASK;
    if (!(option->argInfo & POPT_ARGFLAG_SHOW_DEFAULT) || !option->arg)
        return;
    fputs(" (default: ", stdout);
    if (kind == POPT_ARG_STRING)
        put_text(*(const char **)option->arg);
    else if (kind == POPT_ARG_INT)
        printf("%d", *(const int *)option->arg);
    else if (kind == POPT_ARG_DOUBLE)
        printf("%g", *(const double *)option->arg);
    putchar(')');
}

static void put_option(void *context, const struct poptOption *option)
{
    (void)context;
    puts(".TP");
    if (option->shortName)
        printf("\\fB\\-%c\\fR, ", option->shortName);
    fputs("\\fB\\-\\-", stdout);
    put_text(option->longName);
    fputs("\\fR", stdout);
    if (option->argDescrip) {
        fputs("=\\fI", stdout);
        put_text(option->argDescrip);
        fputs("\\fR", stdout);
    }
    putchar('\n');
    put_text(option->descrip);
    put_default(option);
    putchar('\n');
}

static void put_words(const struct cli_verb *verb)
{
    struct cli_word word;
    for (size_t i = 0; cli_word_at(verb, i, &word); i++) {
        printf(".TP 15\n\\fB%s\\fR\n", word.name);
        put_text(word.says);
        putchar('\n');
    }
}

void cli_print_verb_manual(const struct cli_verb *verb)
{
    char name[64], others[256];
    snprintf(name, sizeof name, "lutwidge-%s", verb->name);
    snprintf(others, sizeof others, "%s", verb->see);
    begin(name, verb->purpose);
    fputs(".B lutwidge ", stdout);
    put_text(verb->name);
    fputs("\n[\\fIOPTION\\fR...]", stdout);
    if (*verb->arguments) {
        putchar(' ');
        put_text(verb->arguments);
    }
    puts("\n.SH DESCRIPTION");
    put_paragraph(verb->description);
    put_words(verb);
    put_examples(verb->examples);
    puts(".SH OPTIONS");
    cli_list_options(verb, put_option, NULL);
    put_codes();
    puts(".SH SEE ALSO");
    put_page(NULL, ",");
    for (char *word = strtok(others, " "), *next; word; word = next) {
        next = strtok(NULL, " ");
        put_page(word, next ? "," : "");
    }
}

void cli_print_manual(void)
{
    static const struct {
        const char *name, *text;
    } variables[] = {
        {"XDG_CACHE_HOME", "where the folder lutwidge of the cache lies, instead of ~/.cache"},
        {"LUTWIDGE_CLANG", "the compiler of kernels instead of clang-19"},
        {"LUTWIDGE_LLVM_MCA", "the analyser of static cycles instead of llvm-mca-19"},
    };
    begin("lutwidge", "extremely-low-bit Transformers for translation");
    puts(".B lutwidge\n\\fIVERB\\fR [\\fIOPTION\\fR...] [\\fIARGUMENT\\fR...]\n.SH DESCRIPTION");
    put_paragraph(
        "A workbench for translation models of a few bits a weight. It quantises a trained "
        "model, generates and compiles the kernels that it needs, translates, simulates "
        "an accelerator, and keeps every measurement in one database, from which it "
        "chooses the bits of each part. Data goes to standard output, messages and "
        "progress to standard error.");
    put_examples("lutwidge quantize models/open-en-de --bits 3 -o open3.lwm\n"
                 "lutwidge translate open3.lwm < test.en > out.de\n");
    puts(".SH VERBS");
    for (size_t i = 0; i < cli_verb_count; i++) {
        puts(".TP 12");
        printf("\\fB%s\\fR\n", cli_verbs[i].name);
        put_text(cli_verbs[i].purpose);
        putchar('\n');
    }
    puts(".SH OPTIONS\n.TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nprint help, of a verb where it "
         "follows one\n.TP\n\\fB\\-\\-version\\fR\nprint the version");
    puts(".SH ENVIRONMENT");
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        printf(".TP\n%s\n", variables[i].name);
        put_text(variables[i].text);
        putchar('\n');
    }
    put_codes();
    puts(".SH SEE ALSO");
    for (size_t i = 0; i < cli_verb_count; i++)
        put_page(cli_verbs[i].name, ",");
    puts(".BR lutwidge (3)");
}
