/* What generated C needs before its function: types of registers, and what the spellings of an
 * instruction set (gen/ops.def) use beyond intrinsics. */
#ifndef LW_GEN_PROLOGUE_H
#define LW_GEN_PROLOGUE_H

#include "gen/program.h"

/* The C type of a register. */
const char *lw_type_name(enum lw_type type, enum lw_isa isa);
/* For every kernel, with its includes. */
const char *lw_prologue(enum lw_isa isa);
/* What the family dot needs, in products or in what prepares their inputs; may be empty. */
const char *lw_dot_prologue(enum lw_isa isa, bool product);
/* What kernels with tiles need beyond that. */
const char *lw_tile_prologue(void);
/* For kernels that build tables, after the other. */
const char *lw_table_prologue(enum lw_isa isa);

#endif
