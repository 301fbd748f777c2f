/* The program: its streams, its signals, the way in and out. */
#include "cli/cli.h"

#include "models/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A descriptor that the caller closed would be given to the next file opened, and text meant for
 * the terminal would land in it. What is put in its place fails on use: 0 cannot be read, 1 and 2
 * cannot be written. */
static void hold_standard_streams(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
            open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            abort();
}

/* The signal raised again ends the process in the way that its parent expects to see. Flags like
 * SA_RESETHAND would not do: CBC puts our handler back without them. */
static void stop(int number)
{
    lw_temporary_remove_all();
    signal(number, SIG_DFL);
    raise(number);
}

static void catch_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction now, action = {.sa_handler = stop};
        sigemptyset(&action.sa_mask);
        /* A signal that nohup or a shell had us ignore stays ignored, but a closed pipe always ends
         * us. */
        if (numbers[i] != SIGPIPE && sigaction(numbers[i], NULL, &now) == 0 &&
            now.sa_handler == SIG_IGN)
            continue;
        sigaction(numbers[i], &action, NULL);
    }
}

int main(int argc, char **argv)
{
    hold_standard_streams();
    catch_signals();
    int code = cli_dispatch(argc > 1 ? argc - 1 : 0, (const char **)argv + 1);
    return cli_finish(argc > 1 && argv[1][0] != '-' ? argv[1] : NULL, code);
}
