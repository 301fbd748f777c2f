/* Work that must clean up after Ctrl-C: the signal is noted, the work asks, and it is raised again
 * at the end. */
#include "cli/cli.h"

#include <signal.h>

static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
enum { SIGNALS = sizeof numbers / sizeof numbers[0] };

static volatile sig_atomic_t caught;
static struct sigaction before[SIGNALS];
static int holds;

static void note(int number)
{
    caught = number;
}

void cli_interrupt_hold(void)
{
    struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    if (holds++)
        return;
    caught = 0;
    for (int i = 0; i < SIGNALS; i++) {
        sigaction(numbers[i], NULL, &before[i]);
        if (before[i].sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
    }
}

bool cli_interrupted(void)
{
    return caught != 0;
}

void cli_interrupt_release(void)
{
    if (--holds)
        return;
    for (int i = 0; i < SIGNALS; i++)
        sigaction(numbers[i], &before[i], NULL);
    if (caught)
        raise(caught);
}
