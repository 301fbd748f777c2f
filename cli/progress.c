/* Progress on stderr, clocks and memory of the process. */
#include "cli/cli.h"

#include "runtime/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

double cli_now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double cli_peak_memory_bytes(void)
{
    return lw_peak_memory_bytes();
}

void cli_progress_start(struct cli_progress *progress, const char *label)
{
    const char *terminal = getenv("TERM");
    *progress = (struct cli_progress){
        .label = label,
        .start_s = cli_now_s(),
        .terminal = isatty(STDERR_FILENO) && terminal && strcmp(terminal, "dumb") != 0,
    };
}

static void print_duration(double seconds, const char *after)
{
    long whole = (long)(seconds + 0.5);
    if (whole >= 3600)
        fprintf(stderr, "%ld:%02ld:%02ld%s", whole / 3600, whole / 60 % 60, whole % 60, after);
    else
        fprintf(stderr, "%ld:%02ld%s", whole / 60, whole % 60, after);
}

void cli_progress_step(struct cli_progress *progress, size_t done, size_t all)
{
    const double redraw_s = 0.1;
    double now = cli_now_s(), elapsed = now - progress->start_s;
    double part = all ? (double)done / (double)all : 1;
    int tenth = (int)(part * 10);
    bool due = progress->terminal ? done >= all || now - progress->shown_s >= redraw_s
                                  : tenth > progress->shown_tenth;
    if (!due)
        return;
    progress->shown_s = now;
    progress->shown_tenth = tenth;
    fprintf(stderr, "%s%s: %3d%%, ", progress->terminal ? "\r\033[K" : "", progress->label,
            (int)(part * 100));
    print_duration(elapsed, " elapsed");
    if (done > 0 && done < all) {
        fputs(", ", stderr);
        print_duration(elapsed * (1 - part) / part, " left");
    }
    if (!progress->terminal)
        fputc('\n', stderr);
    fflush(stderr);
}

void cli_progress_end(struct cli_progress *progress)
{
    /* The line stays, complete, for who scrolls back; off a terminal it was ended when printed. */
    if (progress->terminal && progress->shown_s > 0)
        fputc('\n', stderr);
    progress->shown_s = 0;
}
