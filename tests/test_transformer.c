#include "models/transformer.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct lw_model small(void)
{
    struct lw_model model = {.config = {.d_model = 6,
                                        .encoder_layers = 2,
                                        .encoder_heads = 3,
                                        .encoder_ffn = 5,
                                        .decoder_layers = 1,
                                        .decoder_heads = 2,
                                        .decoder_ffn = 7,
                                        .source_words = 11,
                                        .target_words = 11,
                                        .positions = 4,
                                        .shared_embedding = true,
                                        .tied_output = true}};
    return model;
}

/* Vectors lie one after another: biases in the order of the matrices, then norms. */
Test(transformer, lays_out_vectors)
{
    struct lw_model model = small();
    cr_assert_eq(lw_model_layout(&model, NULL), LW_OK);
    cr_assert_eq(model.matrix_count, 1 + 2 * 6 + 10);
    cr_assert_null(model.vectors);
    size_t biases = 11 + 2 * (4 * 6 + 5 + 6) + (8 * 6 + 7 + 6);
    cr_assert_eq(model.vector_count, biases + (2 * 2 + 3) * 2 * 6);
    float *vectors = calloc(model.vector_count, sizeof *vectors);
    lw_model_set_vectors(&model, vectors);
    const float *at = vectors;
    for (size_t i = 0; i < model.matrix_count; i++) {
        cr_assert_eq(model.matrices[i].bias, at, "%s", model.matrices[i].name);
        at += model.matrices[i].rows;
    }
    const struct lw_norm *norms[] = {&model.encoder[0].self.norm, &model.encoder[0].norm,
                                     &model.encoder[1].self.norm, &model.encoder[1].norm,
                                     &model.decoder[0].self.norm, &model.decoder[0].cross.norm,
                                     &model.decoder[0].norm};
    for (size_t i = 0; i < 7; i++, at += 12) {
        cr_assert_eq(norms[i]->gain, at);
        cr_assert_eq(norms[i]->bias, at + 6);
    }
    lw_model_free(&model);
    cr_assert_null(model.matrices);
    lw_model_free(&model); /* safe on a zeroed model */
    free(vectors);
}

Test(transformer, names_matrices)
{
    static const char *const names[] = {"embedding.source",
                                        "embedding.target",
                                        "encoder.0.self.q",
                                        "encoder.0.self.k",
                                        "encoder.0.self.v",
                                        "encoder.0.self.o",
                                        "encoder.0.ffn.fc1",
                                        "encoder.0.ffn.fc2",
                                        "encoder.1.self.q",
                                        "encoder.1.self.k",
                                        "encoder.1.self.v",
                                        "encoder.1.self.o",
                                        "encoder.1.ffn.fc1",
                                        "encoder.1.ffn.fc2",
                                        "decoder.0.self.q",
                                        "decoder.0.self.k",
                                        "decoder.0.self.v",
                                        "decoder.0.self.o",
                                        "decoder.0.cross.q",
                                        "decoder.0.cross.k",
                                        "decoder.0.cross.v",
                                        "decoder.0.cross.o",
                                        "decoder.0.ffn.fc1",
                                        "decoder.0.ffn.fc2",
                                        "output"};
    struct lw_model model = small();
    model.config.shared_embedding = model.config.tied_output = false;
    model.config.target_words = 9;
    cr_assert_eq(lw_model_layout(&model, NULL), LW_OK);
    cr_assert_eq(model.matrix_count, sizeof names / sizeof *names);
    for (size_t i = 0; i < model.matrix_count; i++)
        cr_assert_str_eq(model.matrices[i].name, names[i]);
    cr_assert_eq(model.output, 24);
    cr_assert_eq(model.matrices[24].rows, 9);
    cr_assert_eq(model.matrices[22].rows, 7);
    cr_assert_eq(model.matrices[23].columns, 7);
    cr_assert_eq(model.matrices[21].sublayer, LW_SUBLAYER_CROSS);
    lw_model_free(&model);
}

Test(transformer, refuses_sizes)
{
    static const size_t huge = (size_t)1 << 62;
    struct lw_error error = {0};
    struct lw_model model = small();
    model.config.d_model = 0;
    cr_assert_eq(lw_model_layout(&model, &error), LW_CORRUPT);
    model = small();
    model.config.encoder_heads = 4;
    cr_assert_eq(lw_model_layout(&model, &error), LW_CORRUPT);
    model = small();
    model.config.decoder_layers = huge;
    cr_assert_eq(lw_model_layout(&model, &error), LW_CORRUPT);
    model = small();
    model.config.source_words = model.config.target_words = huge;
    cr_assert_eq(lw_model_layout(&model, &error), LW_CORRUPT);
    cr_assert_str_eq(error.text, "the model's sizes overflow");
    cr_assert_null(model.matrices);
    model = small();
    model.config.target_words = 12; /* while shared */
    cr_assert_eq(lw_model_layout(&model, &error), LW_CORRUPT);
}

Test(transformer, decodes_rows)
{
    /* Two rows, nine columns (one more than a byte), two planes. */
    static const uint8_t planes[] = {0x01, 0x01, 0xff, 0x00, 0x80, 0x00, 0x00, 0x01};
    static const int16_t scales[] = {100, 7, -32767, 32767};
    struct lw_matrix matrix = {.rows = 2,
                               .columns = 9,
                               .code_count = 1,
                               .codes = {{.rows = 2,
                                          .bits = 2,
                                          .group = 9,
                                          .groups = 1,
                                          .plane_bytes = 2,
                                          .planes = planes,
                                          .scales = scales,
                                          .exponent = -3}}};
    static const int32_t expected[2][9] = {{107, -93, -93, -93, -93, -93, -93, -93, 93},
                                           {0, 0, 0, 0, 0, 0, 0, -65534, 65534}};
    for (size_t r = 0; r < 2; r++) {
        float row[9];
        lw_matrix_row(&matrix, r, row);
        for (size_t c = 0; c < 9; c++)
            cr_assert_eq(row[c], (float)expected[r][c] / 8.0f, "%zu %zu", r, c);
    }
    float row[9];
    matrix.codes[0].exponent = -150; /* 2^-150 is no float; its multiples may be */
    lw_matrix_row(&matrix, 1, row);
    cr_assert_eq(row[8], 65534 * 0x1p-150);
}

/* Rows of 1, 2, 1 and 2 planes: those of 2 are stored first. Groups of 32 of 40 columns; one scale
 * a group. */
Test(transformer, decodes_mixed_rows_groups_and_uniform_scales)
{
    static const uint8_t bits[] = {1, 2, 1, 2};
    uint32_t order[4], place[4];
    struct lw_matrix matrix = {.rows = 4, .columns = 40};
    lw_matrix_set_rows(&matrix, bits, order, place);
    cr_assert_eq(matrix.code_count, 2);
    cr_assert(order[0] == 1 && order[1] == 3 && order[2] == 0 && order[3] == 2);
    cr_assert(place[0] == 2 && place[1] == 0 && place[2] == 3 && place[3] == 1);
    lw_matrix_set_scales(&matrix, 32, true, 0);
    cr_assert_eq(matrix.codes[0].groups, 2);
    static const uint8_t two[2][2][5] = {{{0xff, 0xff, 0xff, 0xff, 0xff}, {0}}, {{0}, {0}}};
    static const uint8_t one[2][5] = {{0}, {0xff, 0xff, 0xff, 0xff, 0x0f}};
    static const int16_t two_scales[] = {3, 5, 7, 11}, one_scales[] = {13, 17, 19, 23};
    matrix.codes[0].planes = two[0][0];
    matrix.codes[0].scales = two_scales;
    matrix.codes[1].planes = one[0];
    matrix.codes[1].scales = one_scales;
    static const float first[] = {-13, -3, 19, -21}, last[] = {-17, -5, -23, -33};
    for (size_t r = 0; r < 4; r++) {
        float row[40];
        lw_matrix_row(&matrix, r, row);
        cr_assert_eq(lw_matrix_row_bits(&matrix, r), bits[r]);
        cr_assert_eq(row[0], first[r]);
        cr_assert_eq(row[31], first[r]);
        cr_assert_eq(row[39], last[r]);
    }
    cr_assert_eq(lw_matrix_bits(&matrix), 1.5);
}

Test(transformer, names_arithmetic)
{
    enum lw_arith arith;
    for (int i = LW_ARITH_F32; i <= LW_ARITH_T8; i++) {
        cr_assert(lw_arith_parse(lw_arith_name((enum lw_arith)i), &arith));
        cr_assert_eq(arith, (enum lw_arith)i);
    }
    cr_assert(!lw_arith_parse("f64", &arith));
}

Test(transformer, names_the_classes_of_a_model)
{
    float bias = 0;
    struct lw_matrix matrices[3] = {
        {.arith = LW_ARITH_T8, .bias = &bias}, {.arith = LW_ARITH_A8}, {.arith = LW_ARITH_F32}};
    struct lw_model model = {.matrix_count = 3, .matrices = matrices};
    char name[LW_ARITH_NAME_BYTES];
    lw_model_arith_name(&model, name);
    cr_assert_str_eq(name, "t8", "matrices that are only looked up have no products");
    matrices[1].bias = matrices[2].bias = &bias;
    lw_model_arith_name(&model, name);
    cr_assert_str_eq(name, "f32+a8+t8");
    cr_assert(lw_model_has_quantised_products(&model));
    cr_assert(!lw_matrix_has_quantised_product(&matrices[2]));
    matrices[0].arith = matrices[1].arith = LW_ARITH_F32;
    lw_model_arith_name(&model, name);
    cr_assert_str_eq(name, "f32");
    cr_assert(!lw_model_has_quantised_products(&model));
}
