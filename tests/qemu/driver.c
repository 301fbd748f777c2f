/* Runs kernels of an aarch64 device on operands from standard input and writes what they give to
 * standard output. Built by tests/qemu.c without headers of an aarch64 C library, linked to a
 * kernels.so and to that library.
 *
 *   in   struct request, x[N][K], packed weights; again and again
 *   out  refused (64 bits: 0 or 1), y[N][M] unless refused
 *
 * Every operand ends where a page without access begins. */
#include <stddef.h>
#include <stdint.h>

struct request {              /* as in tests/qemu.c */
    uint64_t tables, product; /* entries of kernels.so */
    uint64_t rows, columns, batch;
    uint64_t table_bytes; /* of one column */
    uint64_t packed_bytes, scales, bias;
    uint64_t unit; /* bits of a float */
};

struct entry { /* as in gen/registry.h */
    const char *spec;
    int (*tables)(const uint8_t *, uint8_t *, uint8_t *);
    void (*product)(const uint8_t *, const uint8_t *, const uint8_t *, const uint8_t *,
                    const uint8_t *, const uint8_t *, uint8_t *);
};
extern const struct entry lw_kernel_entries[];

long read(int, void *, size_t);
long write(int, const void *, size_t);
void *mmap(void *, size_t, int, int, int, long);
int mprotect(void *, size_t, int);
int munmap(void *, size_t);
_Noreturn void _exit(int);
void _start(void);

enum { PAGE = 65536, READ_WRITE = 3, PRIVATE_ANONYMOUS = 0x22 };

struct operand {
    uint8_t *pages, *data;
    size_t bytes, mapped;
};

static struct operand operand_of(size_t bytes)
{
    struct operand o = {.bytes = bytes, .mapped = (bytes + PAGE - 1) / PAGE * PAGE + PAGE};
    o.pages = mmap(NULL, o.mapped, READ_WRITE, PRIVATE_ANONYMOUS, -1, 0);
    if (o.pages == (uint8_t *)-1 || mprotect(o.pages + o.mapped - PAGE, PAGE, 0))
        _exit(2);
    o.data = o.pages + o.mapped - PAGE - bytes;
    return o;
}

/* False at the end of the input; half an operand is an error. */
static int read_all(void *to, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        long got = read(0, (uint8_t *)to + done, bytes - done);
        if (got == 0 && done == 0)
            return 0;
        if (got <= 0)
            _exit(3);
        done += (size_t)got;
    }
    return 1;
}

static void write_all(const void *from, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        long put = write(1, (const uint8_t *)from + done, bytes - done);
        if (put <= 0)
            _exit(4);
        done += (size_t)put;
    }
}

static void answer(const struct request *r)
{
    struct operand x = operand_of(r->batch * r->columns * 4), packed = operand_of(r->packed_bytes);
    struct operand tables = operand_of(r->batch * r->table_bytes), steps = operand_of(r->batch * 4);
    struct operand unit = operand_of(4), y = operand_of(r->batch * r->rows * 4);
    struct operand *all[] = {&x, &packed, &tables, &steps, &unit, &y};
    *(uint32_t *)unit.data = (uint32_t)r->unit;
    read_all(x.data, x.bytes);
    read_all(packed.data, packed.bytes);
    uint64_t refused = 0;
    for (size_t n = 0; n < r->batch && !refused; n++)
        refused = (uint64_t)lw_kernel_entries[r->tables].tables(
            x.data + n * r->columns * 4, tables.data + n * r->table_bytes, steps.data + n * 4);
    write_all(&refused, sizeof refused);
    if (!refused) {
        lw_kernel_entries[r->product].product(packed.data, packed.data + r->scales,
                                              packed.data + r->bias, tables.data, steps.data,
                                              unit.data, y.data);
        write_all(y.data, y.bytes);
    }
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        munmap(all[i]->pages, all[i]->mapped);
}

void _start(void)
{
    struct request r;
    while (read_all(&r, sizeof r))
        answer(&r);
    _exit(0);
}
