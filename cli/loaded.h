/* What the verbs translate with: a Hugging Face folder, an .lwm file or a bundle, opened with its
 * products. */
#ifndef LW_CLI_LOADED_H
#define LW_CLI_LOADED_H

#include "gen/device.h"
#include "gen/picks.h"
#include "gen/registry.h"
#include "models/transformer.h"
#include "runtime/backend.h"
#include "sim/backend.h"

#include <stdbool.h>

/* How the user asks for the products; NULL where not asked. */
struct cli_request {
    const char *arith;  /* f32, a8, t8 or blas */
    const char *engine; /* kernels, reference, model or rtl */
    const char *device; /* host or a name of gen/device.h or sim/simulator.h */
    const char *size;   /* most bytes of the model, as cli_parse_bytes reads them */
    bool quiet;         /* no progress, no remarks */
    /* of a simulated engine; else those of the device */
    const char *parameters; /* as lw_engine_parse reads them */
    const char *memory;
    int seed;
};

struct cli_loaded {
    struct lw_model model;
    struct lw_bundle bundle;
    const struct lw_sim_device *device; /* that is simulated, or NULL; with it */
    struct lw_simulator simulator;
    struct lw_tally work;
    struct lw_backend backend;
    char arith[LW_ARITH_NAME_BYTES]; /* class of the products, or "blas" */
    char kernels[24];  /* instruction set of the kernels, "lut-mobile/rtl", or the backend's name */
    double bits;       /* average bits a weight without scales; 32 when not quantised */
    double real_bits;  /* with scales and padding */
    double size_bytes; /* the model without its tokeniser */
    char hash[33];     /* of the model file */
    size_t chunks, all_chunks; /* of nested planes: in use, and in the file; 0: an ordinary model */
};

/* Opens a model with its products; of nested planes the prefix that fits request->size. For an .lwm
 * file the bundle of kernels is taken from the cache or made there, with progress on stderr. */
enum lw_status cli_load(const char *path, const struct cli_request *request,
                        struct cli_loaded *loaded, struct lw_error *error);
void cli_unload(struct cli_loaded *loaded);

/* The engine that a request with --engine model or rtl, or with a device of such, asks for.
 * lw_simulator_close. */
enum lw_status cli_open_simulator(const struct cli_request *request,
                                  const struct lw_sim_device **device,
                                  struct lw_simulator *simulator, struct lw_error *error);

bool cli_is_folder(const char *path);

/* Makes a bundle with progress on stderr; Ctrl-C leaves nothing behind. Without picks (NULL) by
 * estimate. */
enum lw_status cli_make_bundle(const struct lw_model *model, const struct lw_device *device,
                               const struct lw_picks *picks, const char *folder, bool quiet,
                               struct lw_error *error);
/* NULL or "host": the widest of this CPU. LW_USAGE for unknown names. */
enum lw_status cli_parse_device(const char *name, const struct lw_device **device,
                                struct lw_error *error);

#endif
