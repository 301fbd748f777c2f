/* The instruction sets that kernels are generated for. */
#ifndef LW_GEN_ISA_H
#define LW_GEN_ISA_H

#include <stdbool.h>
#include <stddef.h>

enum lw_isa {
    LW_ISA_C,
    LW_ISA_AVX2,
    LW_ISA_AVXVNNI,
    LW_ISA_AVX512,
    LW_ISA_AMX,
    LW_ISA_NEON,
    LW_ISA_COUNT
};

/* Lanes of one vector register by element type; 1 everywhere in portable C. */
struct lw_lanes {
    size_t bytes, halves, words, doubles; /* 8, 16, 32 and 64 bits */
};

struct lw_isa_info {
    const char *name;  /* in spec strings: "c", "avx2", "avxvnni", "avx512", "amx", "neon" */
    const char *needs; /* what the CPU must have, for people */
    struct lw_lanes lanes;
    enum lw_isa vectors; /* whose registers it has: AMX those of AVX-512, AVX-VNNI those of AVX2,
                            others their own */
};

const struct lw_isa_info *lw_isa_info(enum lw_isa isa);
/* By spec name. */
bool lw_isa_parse(const char *name, enum lw_isa *isa);
/* Whether this CPU runs it. Asks the kernel for the use of tiles where that needs asking. */
bool lw_isa_runs_here(enum lw_isa isa);
/* The widest that this CPU runs. */
enum lw_isa lw_isa_host(void);

#endif
