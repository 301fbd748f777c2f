/* The machine that a measurement was taken on. */
#ifndef LW_PROFILES_MACHINE_H
#define LW_PROFILES_MACHINE_H

struct lw_machine {
    char cpu[128];   /* "model name" of /proc/cpuinfo; "unknown" where the kernel gives none */
    char arch[66];   /* "x86_64" */
    char kernel[66]; /* release, "6.1.0-21-amd64" */
    int cores;       /* logical processors online, at least 1 */
};

void lw_machine_detect(struct lw_machine *machine);

#endif
