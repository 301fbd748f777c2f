/* A quantised model in a file of its own folder, for tests of the .lwm file. */
#ifndef LW_TESTS_LWM_BENCH_H
#define LW_TESTS_LWM_BENCH_H

#include "models/transformer.h"

#include <stddef.h>
#include <stdint.h>

/* A folder of one test, with a coded model and where its file goes. */
struct lwm_bench {
    char folder[32], path[64];
    struct lw_model dense, coded;
    uint8_t *bytes; /* of the file as written */
    size_t size;
};

/* Everything that test_small_config leaves at its simplest. */
struct lw_config lwm_separate_config(void);
uint8_t *lwm_slurp(const char *path, size_t *size);
void lwm_spill(const char *path, const void *bytes, size_t size);
void lwm_write_model(const char *path, const struct lw_model *model);
void lwm_bench_open(struct lwm_bench *bench, const struct lw_config *config);
size_t lwm_entries(const char *folder);
void lwm_bench_close(struct lwm_bench *bench);
/* The file must be refused with this status, and with these words in one line that names it. */
void lwm_expect(const struct lwm_bench *bench, enum lw_status status, const char *words);

/* Replaces text in the meta section by text of the same length, with the checksums put right. */
void lwm_with_meta(const struct lwm_bench *bench, const char *from, const char *to);

#endif
