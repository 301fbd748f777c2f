#include "runtime/rounding.h"

void lw_rounding_begin(fenv_t *callers)
{
    fegetenv(callers);
    fesetenv(FE_DFL_ENV);
}

void lw_rounding_end(const fenv_t *callers)
{
    fesetenv(callers);
}
