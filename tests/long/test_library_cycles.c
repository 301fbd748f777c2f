/* liblutwidge, opened and closed a thousand times. */
#include "tests/bundles.h"
#include "tests/cycles.h"

#include <criterion/criterion.h>

Test(library_cycles, a_thousand_leave_nothing, .timeout = 300)
{
    check_cycles(bundle_path(0), 1000);
}
