#include "sim/sources.h"

#include "models/file.h"

#include "models/hash.h"
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct source {
    const char *name;
    const unsigned char *data;
    size_t bytes;
} sources[] = {
#include "sim/rtl_sources.inc"
};
enum { SOURCES = sizeof sources / sizeof *sources };

void lw_sources_parameters(const struct lw_engine *engine,
                           char parameters[LW_PARAMETERS][LW_PARAMETER_BYTES])
{
    const struct {
        const char *name;
        unsigned value;
    } list[LW_PARAMETERS] = {{"Mu", engine->mu},
                             {"T", engine->tables},
                             {"R", engine->rows},
                             {"C", engine->columns},
                             {"XWidth", engine->x_bits},
                             {"Bus", engine->bus_bits},
                             {"Slots", engine->slots},
                             {"Sl", engine->scale_lanes},
                             {"XWords", engine->x_words},
                             {"KeyDepth", LW_ENGINE_KEY_DEPTH},
                             {"Weight", engine->weight_bits},
                             {"Lutram", engine->lutram}};
    memset(parameters, 0, LW_PARAMETERS * LW_PARAMETER_BYTES);
    for (size_t i = 0; i < LW_PARAMETERS; i++)
        snprintf(parameters[i], LW_PARAMETER_BYTES, "%s=%u", list[i].name, list[i].value);
}

/* Whether a build takes a source. */
static bool takes(enum lw_build build, const char *name)
{
    static const char *const only[2][5] = {
        [LW_BUILD_SIMULATOR] = {"dram.c", "dram.h", "harness.cc", "verilate"},
        [LW_BUILD_NETLIST] = {"lw_small.sv", "synthesise"}};
    enum lw_build other = build == LW_BUILD_NETLIST ? LW_BUILD_SIMULATOR : LW_BUILD_NETLIST;
    for (size_t i = 0; only[other][i]; i++)
        if (strcmp(name, only[other][i]) == 0)
            return false;
    return true;
}

enum lw_status lw_sources_hash(enum lw_build build,
                               char parameters[LW_PARAMETERS][LW_PARAMETER_BYTES], const char *more,
                               char hash[33], struct lw_error *error)
{
    XXH3_state_t *state = XXH3_createState();
    if (!state)
        return lw_fail(error, LW_FAILED, "out of memory");
    XXH3_128bits_reset(state);
    for (size_t i = 0; i < SOURCES; i++)
        if (takes(build, sources[i].name))
            XXH3_128bits_update(state, sources[i].data, sources[i].bytes);
    XXH3_128bits_update(state, parameters, LW_PARAMETERS * LW_PARAMETER_BYTES);
    XXH3_128bits_update(state, more, strlen(more));
    XXH128_hash_t digest = XXH3_128bits_digest(state);
    snprintf(hash, 33, "%016llx%016llx", (unsigned long long)digest.high64,
             (unsigned long long)digest.low64);
    XXH3_freeState(state);
    return LW_OK;
}

enum lw_status lw_sources_write(const char *folder, struct lw_error *error)
{
    for (size_t i = 0; i < SOURCES; i++) {
        char *path = lw_path_join(folder, sources[i].name);
        FILE *stream = path ? fopen(path, "wb") : NULL;
        bool written =
            stream && fwrite(sources[i].data, 1, sources[i].bytes, stream) == sources[i].bytes;
        if (stream && fclose(stream))
            written = false;
        free(path);
        if (!written)
            return lw_fail(error, LW_FAILED, "cannot write %s/%s: %s", folder, sources[i].name,
                           strerror(errno));
    }
    return LW_OK;
}
