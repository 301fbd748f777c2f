/* Manual pages and completion, made from the table of verbs and their tables of options. */
#ifndef LW_CLI_MANUAL_H
#define LW_CLI_MANUAL_H

#include "cli/cli.h"

/* The pages lutwidge(1) and lutwidge-VERB(1), for man and mandoc. */
void cli_print_manual(void);
void cli_print_verb_manual(const struct cli_verb *verb);

/* A script for "bash" or "zsh"; false for other shells. */
bool cli_print_completion(const char *shell);

#endif
