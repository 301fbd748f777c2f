#include "profiles/machine.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static void read_cpu_name(char *name, size_t bytes)
{
    static const char key[] = "model name";
    char line[512];
    FILE *stream = fopen("/proc/cpuinfo", "re");
    snprintf(name, bytes, "unknown");
    while (stream && fgets(line, sizeof line, stream)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, key, sizeof key - 1) != 0 || !colon)
            continue;
        colon += 1 + strspn(colon + 1, " \t");
        snprintf(name, bytes, "%.*s", (int)strcspn(colon, "\n"), colon);
        break;
    }
    if (stream)
        fclose(stream);
}

void lw_machine_detect(struct lw_machine *machine)
{
    struct utsname system;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    *machine = (struct lw_machine){.cores = cores > 0 ? (int)cores : 1};
    read_cpu_name(machine->cpu, sizeof machine->cpu);
    if (uname(&system) == 0) {
        snprintf(machine->arch, sizeof machine->arch, "%s", system.machine);
        snprintf(machine->kernel, sizeof machine->kernel, "%s", system.release);
    }
}
