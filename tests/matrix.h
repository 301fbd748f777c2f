/* Translations that must be the same to the byte: texts together and alone, in any order, on any
 * number of threads, by the kernels of every instruction set. */
#ifndef LW_TESTS_MATRIX_H
#define LW_TESTS_MATRIX_H

#include <stddef.h>

/* How many texts together, on how many threads; the texts are shuffled by the number of the cell.
 */
struct matrix_cell {
    size_t batch, threads;
};

/* The first `lines` of models/open-en-de/test.en with a model file: the kernels of `device`, for
 * each of the cells, against those of `portable`, each text alone. Skips a device that this CPU
 * cannot run. Within shell_setup. */
void matrix_check(const char *model, const char *device, size_t beams, size_t lines,
                  const struct matrix_cell *cells, size_t count);

/* The same by the program of one file for a device of aarch64, under qemu-aarch64, in batches of
 * `batch`; and for `portable` under qemu-x86_64 as CPU without AVX. */
void matrix_check_qemu(const char *model, size_t beams, size_t lines, size_t batch);

/* Makes a file of class a8 from models/open-en-de as $T/a8.lwm. */
void matrix_make_a8(void);

#endif
