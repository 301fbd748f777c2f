#include "cli/cli.h"
int cli_sweep(int argc, const char **argv)
{
    (void)argc;
    (void)argv;
    return 1;
}
