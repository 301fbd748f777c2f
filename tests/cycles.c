#include "tests/cycles.h"

#include "library/lutwidge.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <malloc.h>
#include <stdio.h>

enum { CYCLES_UNDER_ASAN = 50 }; /* its allocator keeps what is freed */

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

void check_cycles(const char *path, size_t cycles)
{
#if __has_feature(address_sanitizer)
    cycles = cycles < CYCLES_UNDER_ASAN ? cycles : CYCLES_UNDER_ASAN;
#endif
    for (size_t i = 0; i < 10; i++)
        cycle(path);
    size_t files = count_descriptors(), maps = count_mappings();
    struct mallinfo2 before = mallinfo2();
    for (size_t i = 0; i < cycles; i++)
        cycle(path);
    struct mallinfo2 after = mallinfo2();
    cr_expect_eq(count_descriptors(), files);
    cr_expect_leq(count_mappings(), maps + 2); /* the allocator's own */
    /* Of a thousand cycles less than a block each, of which the least takes 32 bytes. What the
     * allocator keeps for a thread to use again counts as in use: 3 to 7 kB, however many cycles.
     */
    cr_expect_leq(after.uordblks, before.uordblks + 8192 + 8 * cycles, "%zu bytes in use, then %zu",
                  before.uordblks, after.uordblks);
    cr_expect_leq(after.arena, before.arena + (1 << 20), "%zu bytes of heap, then %zu",
                  before.arena, after.arena);
}
