#include "tests/places.h"

#include "models/lwm.h"
#include "models/quantize.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void make_place(struct place *place, const enum lw_arith classes[4])
{
    struct lw_error error = {0};
    struct lw_model coded;
    struct lw_quantize_report report;
    struct lw_config config = test_small_config();
    config.d_model = 44; /* two groups of columns, the second one short */
    config.encoder_heads = config.decoder_heads = 2;
    strcpy(place->folder, "/tmp/lutwidge-bundle-XXXXXX");
    cr_assert(mkdtemp(place->folder) != NULL);
    snprintf(place->file, sizeof place->file, "%s/m.lwm", place->folder);
    snprintf(place->bundle, sizeof place->bundle, "%s/bundle", place->folder);
    test_random_model(&config, 3, &place->source);
    struct lw_choice choices[64];
    const uint8_t *row_bits[64] = {0};
    static const uint8_t mixed[] = {3, 1, 2, 2, 1, 3, 3, 1, 2};
    for (size_t i = 0; i < place->source.matrix_count; i++)
        choices[i] = (struct lw_choice){.bits = 2,
                                        .group = i % 3 ? 0 : 32,
                                        .alpha = i % 2 ? LW_ALPHA_FREE : LW_ALPHA_UNIFORM,
                                        .fit = i % 2 ? LW_FIT_GREEDY : LW_FIT_UNIFORM,
                                        .arith = classes[i % 4]};
    row_bits[0] = mixed; /* the tied embedding: its outputs are permuted */
    struct lw_quantize request = {.choices = choices, .row_bits = row_bits, .threads = 1};
    cr_assert_eq(lw_quantize_model(&place->source, &request, &coded, &report, &error), LW_OK, "%s",
                 error.text);
    cr_assert_eq(lw_lwm_write(place->file, &coded, "test", &error), LW_OK, "%s", error.text);
    lw_model_free(&coded);
    cr_assert_eq(lw_lwm_open(place->file, &place->model, &error), LW_OK, "%s", error.text);
}

void place_make(struct place *place, enum lw_arith arith)
{
    make_place(place, (enum lw_arith[]){arith, arith, arith, arith});
}

void place_make_mixed(struct place *place, enum lw_arith even, enum lw_arith odd)
{
    make_place(place, (enum lw_arith[]){even, odd, even, LW_ARITH_F32});
}

void place_free(struct place *place)
{
    char command[128];
    lw_model_free(&place->model);
    lw_model_free(&place->source);
    snprintf(command, sizeof command, "rm -rf %s", place->folder);
    cr_assert_eq(system(command), 0);
}
