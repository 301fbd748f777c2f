#include "tests/cycles.h"

#include "library/lutwidge.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>

enum { WINDOW = 20, CYCLES_UNDER_ASAN = 80 /* its allocator keeps what is freed */ };

static size_t count_descriptors(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    cr_assert_not_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static size_t count_mappings(void)
{
    size_t count = 0;
    FILE *stream = fopen("/proc/self/maps", "re");
    cr_assert_not_null(stream);
    for (int c = getc(stream); c != EOF; c = getc(stream))
        count += c == '\n';
    fclose(stream);
    return count;
}

static void cycle(const char *path)
{
    struct lutwidge_error error;
    struct lutwidge_model *model;
    struct lutwidge_translator *translator;
    struct lutwidge_result *result;
    cr_assert_eq(lutwidge_model_open(path, &model, &error), LUTWIDGE_OK, "%s", error.text);
    cr_assert_eq(lutwidge_translator_open(model, NULL, &translator, &error), LUTWIDGE_OK, "%s",
                 error.text);
    cr_assert_eq(lutwidge_translate(translator, "Open the file.", LUTWIDGE_TO_NUL, &result, &error),
                 LUTWIDGE_OK, "%s", error.text);
    lutwidge_result_free(result);
    lutwidge_translator_close(translator);
    lutwidge_model_close(model);
}

/* The least bytes in use after any of some cycles: what the allocator keeps for a thread to use
 * again counts as in use, and differs from cycle to cycle. */
static size_t least_in_use(const char *path)
{
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < WINDOW; i++) {
        cycle(path);
        size_t now = mallinfo2().uordblks;
        least = now < least ? now : least;
    }
    return least;
}

void check_cycles(const char *path, size_t cycles)
{
#if __has_feature(address_sanitizer)
    cycles = cycles < CYCLES_UNDER_ASAN ? cycles : CYCLES_UNDER_ASAN;
#endif
    size_t half = cycles / 2; /* the allocator keeps more and more for some hundred cycles */
    for (size_t i = 0; i < half; i++)
        cycle(path);
    size_t files = count_descriptors(), maps = count_mappings(), arena = mallinfo2().arena;
    size_t before = least_in_use(path);
    for (size_t i = 0; i < half - 2 * WINDOW; i++)
        cycle(path);
    size_t after = least_in_use(path);
    cr_expect_eq(count_descriptors(), files);
    cr_expect_leq(count_mappings(), maps + 2); /* the allocator's own */
    /* Of a thousand cycles less than a block each, of which the least takes 32 bytes; of few, less
     * than the allocator's own ups and downs, 3 kB at most. */
    size_t most = 24 * half > 8192 ? 24 * half : 8192;
    cr_expect_leq(after, before + most, "%zu bytes in use, then %zu", before, after);
    cr_expect_leq(mallinfo2().arena, arena + (1 << 20), "%zu bytes of heap, then %zu", arena,
                  mallinfo2().arena);
}
