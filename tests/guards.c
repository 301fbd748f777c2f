#include "tests/guards.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SLACK = 0xa5 };

struct guarded guarded_make(const void *from, size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), inner = (bytes + page - 1) / page * page;
    struct guarded g = {.bytes = bytes, .mapped = inner + 2 * page};
    g.pages = mmap(NULL, g.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert(g.pages != MAP_FAILED);
    g.data = g.pages + page + inner - bytes;
    memset(g.pages + page, SLACK, inner - bytes);
    if (from)
        memcpy(g.data, from, bytes);
    else
        memset(g.data, 0xff, bytes);
    cr_assert_eq(mprotect(g.pages, page, PROT_NONE), 0);
    cr_assert_eq(mprotect(g.pages + page + inner, page, PROT_NONE), 0);
    return g;
}

void guarded_read_only(struct guarded *g)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (g->mapped > 2 * page)
        cr_assert_eq(mprotect(g->pages + page, g->mapped - 2 * page, PROT_READ), 0);
}

bool guarded_untouched(const struct guarded *g)
{
    const uint8_t *at = g->pages + sysconf(_SC_PAGESIZE);
    while (at < g->data && *at == SLACK)
        at++;
    return at == g->data;
}

void guarded_free(struct guarded *g)
{
    cr_assert_eq(munmap(g->pages, g->mapped), 0);
}
