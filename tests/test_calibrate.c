/* Teacher forcing, taps and moments against their definitions, on small random models. */
#include "runtime/calibrate.h"
#include "tests/oracle.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PAIRS = 12, LONG = 19, WORDS = 37, MATRICES = 64 };

struct fixture {
    struct lw_model model;
    struct lw_backend backend;
    struct lw_pair list[PAIRS];
    struct lw_pairs pairs;
    int32_t ids[2 * PAIRS * LONG];
};

static void open_fixture(struct fixture *f, struct lw_config config)
{
    uint64_t seed = 21;
    test_random_model(&config, 11, &f->model);
    cr_assert_eq(lw_backend_f32(&f->model, &f->backend, NULL), LW_OK);
    for (size_t i = 0; i < 2 * PAIRS * LONG; i++)
        f->ids[i] = (int32_t)(test_uniform(&seed) * 37);
    for (size_t i = 0; i < PAIRS; i++)
        f->list[i] = (struct lw_pair){f->ids + 2 * i * LONG, f->ids + (2 * i + 1) * LONG, 3 + i,
                                      LONG - i, 0};
    f->pairs = (struct lw_pairs){.count = PAIRS, .pairs = f->list};
}

static void close_fixture(struct fixture *f)
{
    lw_backend_close(&f->backend);
    lw_model_free(&f->model);
}

static struct lw_translator *open_translator(const struct lw_model *model,
                                             const struct lw_backend *backend, size_t beams,
                                             size_t steps)
{
    struct lw_search search = {beams, steps + 1, 1.0f, false};
    struct lw_translator *translator;
    cr_assert_eq(lw_translator_open(model, backend, &search, &translator, NULL), LW_OK);
    return translator;
}

/* -log p in double, from the logits of lw_decode_step. */
static double loss_of(const struct fixture *f, struct lw_translator *t, const struct lw_pair *pair)
{
    const float *logits;
    double nats = 0;
    cr_assert_eq(lw_encode(t, pair->source, pair->source_count, &logits, NULL), LW_OK);
    int32_t word = f->model.config.decoder_start;
    for (size_t i = 0; i < pair->target_count; i++) {
        double sum = 0;
        cr_assert_eq(lw_decode_step(t, &word, 1, i, &logits, NULL), LW_OK);
        word = pair->target[i];
        for (size_t w = 0; w < WORDS; w++)
            sum += exp((double)logits[w] - (double)logits[word]);
        nats += log(sum);
    }
    return nats;
}

Test(calibrate, loss_is_that_of_the_logits)
{
    struct fixture f;
    open_fixture(&f, oracle_config());
    for (size_t beams = 1; beams <= 4; beams += 3) {
        struct lw_translator *t = open_translator(&f.model, &f.backend, beams, LONG);
        for (size_t i = 0; i < PAIRS; i++) {
            double nats, want = loss_of(&f, t, &f.list[i]);
            cr_assert_eq(lw_force(t, &f.list[i], &nats, NULL), LW_OK);
            cr_assert_float_eq(nats, want, 1e-5 * want);
        }
        lw_translator_close(t);
    }
    close_fixture(&f);
}

static void expect(struct lw_translator *t, struct lw_pair pair, enum lw_status status,
                   const char *text)
{
    struct lw_error error = {0};
    double nats;
    cr_assert_eq(lw_force(t, &pair, &nats, &error), status);
    cr_assert_not_null(strstr(error.text, text), "%s", error.text);
}

Test(calibrate, loss_refuses)
{
    struct fixture f;
    open_fixture(&f, oracle_config());
    struct lw_translator *t = open_translator(&f.model, &f.backend, 1, 5);
    int32_t strange[] = {3, WORDS};
    expect(t, (struct lw_pair){f.ids, f.ids, 3, 6, 0}, LW_USAGE, "step 5");
    expect(t, (struct lw_pair){f.ids, f.ids, 21, 5, 0}, LW_USAGE, "21 source words");
    expect(t, (struct lw_pair){f.ids, strange, 3, 2, 0}, LW_USAGE, "word 37");
    expect(t, (struct lw_pair){strange, f.ids, 2, 2, 0}, LW_USAGE, "word 37");
    ((float *)(uintptr_t)f.model.vectors)[0] = NAN; /* bias of the embedding's first word */
    expect(t, (struct lw_pair){f.ids, f.ids, 3, 3, 0}, LW_FAILED, "step 0 are not finite");
    lw_translator_close(t);
    close_fixture(&f);
}

/* Sums as lw_calibrate defines them, product by product. */
struct plain {
    const struct lw_model *model;
    size_t count[MATRICES];
    double *gram[MATRICES];
};

static void see(void *context, const struct lw_product *products, size_t count, size_t columns,
                const float *x)
{
    struct plain *p = context;
    for (size_t i = 0; i < count; i++) {
        unsigned m = products[i].matrix;
        size_t k = p->model->matrices[m].columns;
        if (!p->gram[m])
            p->gram[m] = calloc(k * k, sizeof(double));
        p->count[m] += columns;
        for (size_t n = 0; n < columns; n++)
            for (size_t r = 0; r < k; r++)
                for (size_t c = 0; c < k; c++)
                    p->gram[m][r * k + c] += (double)x[n * k + r] * (double)x[n * k + c];
    }
}

static void check_moments(struct plain *p, const struct lw_calibration *calibration)
{
    for (size_t m = 0; m < p->model->matrix_count; m++) {
        const struct lw_moments *got = &calibration->moments[m];
        size_t k = p->model->matrices[m].columns;
        double count = (double)p->count[m];
        cr_assert_eq(got->columns, k);
        cr_assert_eq(got->count, p->count[m]);
        cr_assert_eq(!got->gram, !p->count[m]);
        for (size_t i = 0; got->count && i < k * k; i++)
            cr_assert_eq(got->gram[i], (float)(p->gram[m][i] / count));
        free(p->gram[m]);
    }
}

/* The tap changes no product, and every moment is that of the inputs that it shows, to the bit. */
static void check_calibration(struct lw_config config)
{
    struct fixture f;
    open_fixture(&f, config);
    struct plain plain = {.model = &f.model};
    struct lw_tap tap = {&f.backend, see, &plain};
    struct lw_backend tapped;
    lw_backend_tap(&tap, &tapped);
    struct lw_translator *straight = open_translator(&f.model, &f.backend, 1, LONG);
    struct lw_translator *seen = open_translator(&f.model, &tapped, 1, LONG);
    double sum = 0, words = 0;
    for (size_t i = 0; i < PAIRS; i++) {
        double a, b;
        cr_assert_eq(lw_force(straight, &f.list[i], &a, NULL), LW_OK);
        cr_assert_eq(lw_force(seen, &f.list[i], &b, NULL), LW_OK);
        cr_assert_eq(a, b);
        sum += a;
        words += (double)f.list[i].target_count;
    }
    struct lw_calibration calibration;
    struct lw_error error = {0};
    cr_assert_eq(lw_calibrate(&f.model, &f.backend, &f.pairs, NULL, NULL, &calibration, &error),
                 LW_OK, "%s", error.text);
    cr_assert_eq(calibration.matrix_count, f.model.matrix_count);
    cr_assert_eq(calibration.nats_a_word, sum / words);
    check_moments(&plain, &calibration);
    const struct lw_layer *last = &f.model.decoder[f.model.config.decoder_layers - 1];
    const struct lw_layer *first = &f.model.decoder[0];
    cr_assert_eq(calibration.moments[first->self.q].gram, calibration.moments[first->self.v].gram);
    cr_assert_eq(calibration.moments[first->cross.k].gram, calibration.moments[last->cross.v].gram);
    cr_assert_neq(calibration.moments[first->fc1].gram, calibration.moments[last->fc1].gram);
    cr_assert_eq(calibration.moments[f.model.output].count, (size_t)words);
    lw_calibration_free(&calibration);
    lw_translator_close(straight);
    lw_translator_close(seen);
    close_fixture(&f);
}

Test(calibrate, moments_are_those_of_the_inputs)
{
    check_calibration(oracle_config());
}

Test(calibrate, embeddings_that_are_looked_up_alone_have_none)
{
    struct lw_config config = oracle_config();
    config.shared_embedding = config.tied_output = false;
    check_calibration(config);
}

static bool stop_at_third(void *context, size_t done, size_t all)
{
    cr_assert_eq(all, PAIRS);
    *(size_t *)context = done;
    return done < 3;
}

Test(calibrate, can_be_stopped)
{
    struct fixture f;
    struct lw_calibration calibration;
    struct lw_error error = {0};
    size_t done = 0;
    open_fixture(&f, oracle_config());
    cr_assert_eq(
        lw_calibrate(&f.model, &f.backend, &f.pairs, stop_at_third, &done, &calibration, &error),
        LW_FAILED);
    cr_assert_eq(done, 3);
    cr_assert_not_null(strstr(error.text, "stopped"));
    cr_assert_null(calibration.moments);
    close_fixture(&f);
}
