/* The guards around the operands of compiled kernels notice what they are there for. */
#include "tests/guards.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

Test(guards, a_copy_to_read_and_write)
{
    static const char text[] = "operand";
    struct guarded g = guarded_make(text, sizeof text);
    cr_expect_str_eq((char *)g.data, text);
    g.data[0] = 'O';
    g.data[sizeof text - 1] = '!';
    cr_expect(guarded_untouched(&g));
    g.data[-1] = 0;
    cr_expect_not(guarded_untouched(&g));
    guarded_read_only(&g);
    cr_expect_eq(g.data[0], 'O');
    guarded_free(&g);
    struct guarded none = guarded_make(NULL, 0);
    guarded_read_only(&none);
    cr_expect(guarded_untouched(&none));
    guarded_free(&none);
}

Test(guards, reading_behind, .signal = SIGSEGV)
{
    struct guarded g = guarded_make(NULL, 100);
    volatile uint8_t byte = ((volatile uint8_t *)g.data)[100];
    (void)byte;
}

Test(guards, reading_before, .signal = SIGSEGV)
{
    struct guarded g = guarded_make(NULL, 4096);
    volatile uint8_t byte = ((volatile uint8_t *)g.data)[-1];
    (void)byte;
}

Test(guards, writing_what_is_read_only, .signal = SIGSEGV)
{
    struct guarded g = guarded_make(NULL, 10);
    guarded_read_only(&g);
    ((volatile uint8_t *)g.data)[5] = 1;
}
