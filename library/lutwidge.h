/* liblutwidge: translation by a model and the kernels made for it.
 *
 *     struct lutwidge_error error;
 *     struct lutwidge_model *model;
 *     struct lutwidge_translator *translator;
 *     struct lutwidge_result *result;
 *     if (lutwidge_model_open("bundle", &model, &error) == LUTWIDGE_OK &&
 *         lutwidge_translator_open(model, NULL, &translator, &error) == LUTWIDGE_OK &&
 *         lutwidge_translate(translator, "Open the file.", LUTWIDGE_TO_NUL, &result, &error) ==
 *             LUTWIDGE_OK)
 *         puts(lutwidge_result_text(result, 0));
 *
 * The library prints nothing, ends no process and has no state of its own besides its handles. One
 * model serves any number of translators and threads at once; one translator does one call at a
 * time, and only lutwidge_cancel and lutwidge_resume may come from other threads meanwhile. Results
 * outlive both. Texts are UTF-8. Rounding modes, flushing of denormals and traps that the caller
 * has set change no byte, and stay set. After fork() the child may use what is open, but for
 * translators with a pool, whose threads it lacks, and those whose call was running.
 * docs/LIBRARY.md and lutwidge(3) tell more. */
#ifndef LUTWIDGE_H
#define LUTWIDGE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LUTWIDGE_VERSION_MAJOR 0
#define LUTWIDGE_VERSION_MINOR 1
#define LUTWIDGE_VERSION_PATCH 0
#define LUTWIDGE_VERSION "0.1.0"

#if defined(__GNUC__)
#define LUTWIDGE_API __attribute__((visibility("default")))
#else
#define LUTWIDGE_API
#endif

/* Of the library in use, which may be newer than this header: "0.1.0". */
LUTWIDGE_API const char *lutwidge_version(void);

/* The first six are the exit codes of the program, too. */
enum lutwidge_status {
    LUTWIDGE_OK = 0,
    LUTWIDGE_FAILED = 1,     /* could not be done: no memory, no file, a text too long */
    LUTWIDGE_USAGE = 2,      /* the call itself is wrong */
    LUTWIDGE_INFEASIBLE = 3, /* more memory would be needed than max_memory_bytes */
    LUTWIDGE_MISMATCH = 4,   /* a verification found a difference */
    LUTWIDGE_CORRUPT = 5,    /* a file or a text is damaged */
    LUTWIDGE_CANCELLED = 6,  /* stopped by lutwidge_cancel or by a callback */
};

/* What went wrong, in one or more lines without a newline at the end: the file, text or option at
 * fault, and why. Owned by the caller; each call that takes one writes it, an empty text where it
 * succeeds. NULL may be given instead. */
struct lutwidge_error {
    char text[1024];
};

/* A model with its kernels; shared by translators and threads. */
struct lutwidge_model;
/* The memory of translating: belongs to one call at a time. */
struct lutwidge_translator;
/* The translations of one text. */
struct lutwidge_result;
/* Threads, made by pthreadpool_create of <pthreadpool.h>. */
struct pthreadpool;

/* Opens a bundle (a folder that `lutwidge generate` made), or an .lwm file whose products are all
 * of class f32. An .lwm file with other products has no kernels and is refused (LUTWIDGE_USAGE):
 * the library compiles nothing. Files are mapped and must stay as they are while the model is open;
 * a new folder may take the place of the old one. Opening kernels for AMX asks Linux for its
 * registers, for all of the process: alternate signal stacks then need AT_MINSIGSTKSZ bytes, and
 * where one has fewer already the bundle is refused (LUTWIDGE_FAILED).
 * LUTWIDGE_FAILED: a file cannot be read, or this CPU cannot run the kernels; LUTWIDGE_CORRUPT: a
 * file is damaged. *model is NULL on failure. */
LUTWIDGE_API enum lutwidge_status
lutwidge_model_open(const char *path, struct lutwidge_model **model, struct lutwidge_error *error);
/* Lets go of a model, which lives on until its translators are closed. NULL is allowed. */
LUTWIDGE_API void lutwidge_model_close(struct lutwidge_model *model);

/* Called with the best translation of text `index` so far each time that it has one more word; with
 * more than one beam, words that were there may change; the last is the result. `so_far` is valid
 * during the call. From the threads of the pool, one call at a time, in the default floating-point
 * environment; it must return, and use neither the pool nor the translator but by lutwidge_cancel.
 * Anything but 0 ends the whole translating call with LUTWIDGE_CANCELLED. */
typedef int lutwidge_token_function(void *context, size_t index, const char *so_far);

/* Fill by lutwidge_options_init, then change. Later versions add fields at the end. */
struct lutwidge_options {
    size_t size;              /* of this struct, in bytes, as the caller knows it */
    size_t beams;             /* 1: greedy; to 255. Default 0: the model's own */
    size_t max_length;        /* longest translation in words of the model, its start word
                                 included. Default 0: the model's own */
    double length_penalty;    /* exponent of the length. Default NaN: the model's own */
    size_t n_best;            /* translations of a text, at most `beams`. Default 1 */
    size_t batch;             /* texts of a batch that a thread translates together, 1 to 1024:
                                 faster, more memory, the same results. Default 1 */
    struct pthreadpool *pool; /* of the caller, whose threads divide a batch among themselves;
                                 it must outlive the translator. Default NULL: no threads */
    size_t max_memory_bytes;  /* refuse to open where more may be needed. Default 0: any */
    lutwidge_token_function *token; /* Default NULL */
    void *token_context;
    const char *shortlist;     /* file of lines `target source probability` over the model's pieces,
                                  read when the translator is opened: each text is translated with the
                                  words that those of its source have there. Faster; results may
                                  differ, but not with batches and threads. Default NULL: all words */
    size_t shortlist_best;     /* so many for each word of the source. Default 0: 100 */
    size_t shortlist_frequent; /* and so many frequent ones besides. Default 0: 100 */
};

/* Sets the defaults of all fields within `size`; give sizeof(struct lutwidge_options). */
LUTWIDGE_API void lutwidge_options_init(struct lutwidge_options *options, size_t size);

/* Takes all memory that its calls will use, results and tokens aside; pages are touched as texts
 * need them. `options` may be NULL and is copied. LUTWIDGE_USAGE: an option is out of range;
 * LUTWIDGE_INFEASIBLE: lutwidge_translator_memory would be above max_memory_bytes. *translator is
 * NULL on failure. */
LUTWIDGE_API enum lutwidge_status lutwidge_translator_open(struct lutwidge_model *model,
                                                           const struct lutwidge_options *options,
                                                           struct lutwidge_translator **translator,
                                                           struct lutwidge_error *error);
/* No call of the translator may be running. NULL is allowed. */
LUTWIDGE_API void lutwidge_translator_close(struct lutwidge_translator *translator);

/* The most bytes that the model and this translator keep resident for texts of any length: mapped
 * files, tokeniser and arenas; programs, libraries and results are not counted. */
LUTWIDGE_API size_t lutwidge_translator_memory(const struct lutwidge_translator *translator);
/* The most bytes that this process has had resident (VmHWM); 0 where the system does not say. */
LUTWIDGE_API size_t lutwidge_peak_memory(void);

/* As `bytes` of a text: it ends with a NUL. */
#define LUTWIDGE_TO_NUL ((size_t)-1)

/* Translates one text (a sentence; outer white space is ignored, and a blank text gives an empty
 * translation). LUTWIDGE_FAILED: the text is too long for the model, in words or with more than 64
 * bytes, normalised or not, for each word that the model takes; LUTWIDGE_CORRUPT: it is not UTF-8;
 * LUTWIDGE_USAGE: the translator is in another call. *result is freed by lutwidge_result_free, and
 * NULL on failure. */
LUTWIDGE_API enum lutwidge_status lutwidge_translate(struct lutwidge_translator *translator,
                                                     const char *text, size_t bytes,
                                                     struct lutwidge_result **result,
                                                     struct lutwidge_error *error);

/* The same for `count` texts: the same results as one by one, whatever the number of threads.
 * bytes[count] may be NULL: all texts end with a NUL. A text that cannot be translated does not
 * stop the others: its result says why, and the call returns the status of the first of them.
 * Where the call ends early (LUTWIDGE_CANCELLED) texts that were not finished, or were translated
 * together with such, have this status. All of results[count] are to be freed; all are NULL where
 * the call could not begin. */
LUTWIDGE_API enum lutwidge_status lutwidge_translate_batch(struct lutwidge_translator *translator,
                                                           const char *const *texts,
                                                           const size_t *bytes, size_t count,
                                                           struct lutwidge_result **results,
                                                           struct lutwidge_error *error);

/* Ends the running call, within one word (of each text translated together) or one layer of the
 * encoder, and all later ones, with LUTWIDGE_CANCELLED, until lutwidge_resume. From any thread, or
 * from a signal handler. */
LUTWIDGE_API void lutwidge_cancel(struct lutwidge_translator *translator);
LUTWIDGE_API void lutwidge_resume(struct lutwidge_translator *translator);

/* LUTWIDGE_OK, or why a text of a batch has no translation, in words too ("" where it has). */
LUTWIDGE_API enum lutwidge_status lutwidge_result_status(const struct lutwidge_result *result);
LUTWIDGE_API const char *lutwidge_result_error(const struct lutwidge_result *result);
/* Translations there are, best first: 1 to n_best, or 0 without success. */
LUTWIDGE_API size_t lutwidge_result_count(const struct lutwidge_result *result);
/* Translation i, valid until the result is freed; NULL where there is none. */
LUTWIDGE_API const char *lutwidge_result_text(const struct lutwidge_result *result, size_t i);
/* Its score: the sum of the log probabilities of its words, divided with 2 or more beams by
 * length ^ length_penalty; of a blank text 0, NaN where there is none. */
LUTWIDGE_API double lutwidge_result_score(const struct lutwidge_result *result, size_t i);
/* NULL is allowed. */
LUTWIDGE_API void lutwidge_result_free(struct lutwidge_result *result);

#ifdef __cplusplus
}
#endif

#endif
