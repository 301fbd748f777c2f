/* Completion of the command line: verbs, options, devices, the words of query and db, files. */
#include "cli/manual.h"

#include "gen/device.h"
#include "sim/simulator.h"

#include <stdio.h>
#include <string.h>

/* What follows an option. */
enum operand { NONE, FILES, DEVICES, WORD };

static enum operand operand_of(const struct poptOption *option)
{
    static const char *const files[] = {"FILE", ".lwm", ".yaml", "FOLDER", "TABLE", ".html"};
    const char *name = option->argDescrip;
    if (!name)
        return NONE;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (strstr(name, files[i]))
            return FILES;
    return strcmp(option->longName, "device") == 0 ? DEVICES : WORD;
}

static void print_devices(void)
{
    fputs("host", stdout);
    for (size_t i = 0; lw_device_at(i); i++)
        printf(" %s", lw_device_at(i)->name);
    for (size_t i = 0; lw_sim_device_at(i); i++)
        printf(" %s", lw_sim_device_at(i)->name);
}

static void print_words(const struct cli_verb *verb)
{
    struct cli_word word;
    for (size_t i = 0; cli_word_at(verb, i, &word); i++)
        printf("%s%s", i ? " " : "", word.name);
}

static void bash_name(void *context, const struct poptOption *option)
{
    (void)context;
    printf(" --%s", option->longName);
    if (option->shortName)
        printf(" -%c", option->shortName);
}

/* A case of "VERB OPTION", for options that something follows. */
static void bash_operand(void *context, const struct poptOption *option)
{
    const struct cli_verb *verb = context;
    enum operand operand = operand_of(option);
    if (operand == NONE)
        return;
    printf("    '%s --%s'", verb->name, option->longName);
    if (option->shortName)
        printf("|'%s -%c'", verb->name, option->shortName);
    printf(") kind=%s ;;\n", operand == FILES ? "files" : operand == DEVICES ? "devices" : "word");
}

static void print_bash(void)
{
    fputs("# Completion of lutwidge for bash. Made by 'lutwidge help --completion bash'.\n"
          "_lutwidge()\n{\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
          "    local verb=${COMP_WORDS[1]} options= words= kind=options given\n"
          "    local devices='",
          stdout);
    print_devices();
    fputs("'\n    local verbs='", stdout);
    for (size_t i = 0; i < cli_verb_count; i++)
        printf("%s ", cli_verbs[i].name);
    puts("help'\n    COMPREPLY=()\n"
         "    # --option=value comes as three words.\n"
         "    if [ \"$word\" = = ]; then word=\n"
         "    elif [ \"$before\" = = ]; then before=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
         "    if [ \"$COMP_CWORD\" -eq 1 ] || [ \"$verb\" = help ]; then\n"
         "        COMPREPLY=($(compgen -W \"$verbs --help --version\" -- \"$word\"))\n"
         "        return\n    fi\n    case $verb in");
    for (size_t i = 0; i < cli_verb_count; i++) {
        printf("    %s) options='", cli_verbs[i].name);
        cli_list_options(&cli_verbs[i], bash_name, NULL);
        fputs(" --help -h' words='", stdout);
        print_words(&cli_verbs[i]);
        puts("' ;;");
    }
    puts("    esac\n"
         "    # Behind one of the words come files: db merge OTHER.db.\n"
         "    for given in \"${COMP_WORDS[@]:2:COMP_CWORD-2}\"; do\n"
         "        case \" $words \" in *\" $given \"*) words= ;; esac\n"
         "    done\n    case \"$verb $before\" in");
    for (size_t i = 0; i < cli_verb_count; i++)
        cli_list_options(&cli_verbs[i], bash_operand, (void *)(uintptr_t)&cli_verbs[i]);
    puts("    esac\n    case $kind:$word in\n"
         "    options:-*) COMPREPLY=($(compgen -W \"$options\" -- \"$word\")) ;;\n"
         "    devices:*)\n"
         "        # A list: what stands before the last comma stays.\n"
         "        local head=\n"
         "        case $word in *,*) head=${word%,*}, ;; esac\n"
         "        COMPREPLY=($(compgen -P \"$head\" -W \"$devices\" -- \"${word##*,}\")) ;;\n"
         "    word:*) ;;\n"
         "    *)\n"
         "        if [ \"$kind\" = options ] && [ -n \"$words\" ]; then\n"
         "            COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
         "        else\n"
         "            compopt -o filenames 2>/dev/null\n"
         "            mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
         "        fi ;;\n"
         "    esac\n}\ncomplete -F _lutwidge lutwidge");
}

/* Text inside the '...' of an option's [explanation]. */
static void put_zsh(const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", stdout);
        else if (strchr("[]:\\", *text))
            printf("\\%c", *text);
        else
            putchar(*text);
    }
}

static void zsh_option(void *context, const struct poptOption *option)
{
    (void)context;
    enum operand operand = operand_of(option);
    const char *name = option->longName, *follows = operand == NONE ? "" : "=";
    if (option->shortName)
        printf(" \\\n        '*'{-%c%s,--%s%s}'[", option->shortName, operand == NONE ? "" : "+",
               name, follows);
    else
        printf(" \\\n        '*--%s%s[", name, follows);
    put_zsh(option->descrip);
    putchar(']');
    if (operand != NONE) {
        putchar(':');
        put_zsh(option->argDescrip);
        fputs(operand == FILES     ? ":_files"
              : operand == DEVICES ? ":_sequence compadd - "
                                   : ": ",
              stdout);
    }
    if (operand == DEVICES)
        print_devices();
    putchar('\'');
}

static void print_zsh(void)
{
    puts("#compdef lutwidge\n# Made by 'lutwidge help --completion zsh'.\n"
         "local -a verbs\nverbs=(");
    for (size_t i = 0; i < cli_verb_count; i++) {
        printf("    '%s:", cli_verbs[i].name);
        put_zsh(cli_verbs[i].purpose);
        puts("'");
    }
    puts("    'help:describe a verb'\n)\n"
         "if (( CURRENT == 2 )) || [[ $words[2] == help ]]; then\n"
         "    _describe verb verbs\n    return\nfi\n"
         "local verb=$words[2]\nshift words\n(( CURRENT-- ))\ncase $verb in");
    for (size_t i = 0; i < cli_verb_count; i++) {
        struct cli_word word;
        bool words = cli_word_at(&cli_verbs[i], 0, &word);
        printf("%s)\n    _arguments -s", cli_verbs[i].name);
        cli_list_options(&cli_verbs[i], zsh_option, NULL);
        printf(" \\\n        '(- *)'{-h,--help}'[print help]' \\\n        '%s",
               words ? "1:word:((" : "*:file:_files");
        for (size_t k = 0; cli_word_at(&cli_verbs[i], k, &word); k++) {
            printf("%s\\:\"", word.name);
            put_zsh(word.says);
            fputs("\" ", stdout);
        }
        printf("%s'\n    ;;\n", words ? "))' '*:file:_files" : "");
    }
    puts("esac");
}

bool cli_print_completion(const char *shell)
{
    if (strcmp(shell, "bash") == 0)
        print_bash();
    else if (strcmp(shell, "zsh") == 0)
        print_zsh();
    else
        return false;
    return true;
}
