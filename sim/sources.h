/* The sources that the program carries to build simulators and netlists of an engine: rtl/, and the
 * scripts and the harness of sim/. */
#ifndef LW_SIM_SOURCES_H
#define LW_SIM_SOURCES_H

#include "gen/engine.h"
#include "models/status.h"

#include <stddef.h>

enum { LW_PARAMETERS = 12, LW_PARAMETER_BYTES = 24 };

/* "Mu=4", ...: as lw_engine has them. All bytes are set. */
void lw_sources_parameters(const struct lw_engine *engine,
                           char parameters[LW_PARAMETERS][LW_PARAMETER_BYTES]);
enum lw_build { LW_BUILD_SIMULATOR, LW_BUILD_NETLIST };
/* 32 hexadecimal digits of the sources of a build, parameters and more (versions of tools). */
enum lw_status lw_sources_hash(enum lw_build build,
                               char parameters[LW_PARAMETERS][LW_PARAMETER_BYTES], const char *more,
                               char hash[33], struct lw_error *error);
/* Writes all sources to a folder. */
enum lw_status lw_sources_write(const char *folder, struct lw_error *error);

#endif
