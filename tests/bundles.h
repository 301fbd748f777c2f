/* Small bundles for tests of the library: random models of the same shape, made once for all tests
 * of a program. The functions make the test fail where they fail. */
#ifndef LW_TESTS_BUNDLES_H
#define LW_TESTS_BUNDLES_H

/* The folder of all; removed when the program ends. */
const char *bundles_folder(void);
/* Paths that are valid until the next call of the same function: model `which`, 0 or 1, of class t8
 * as a bundle and as the .lwm file that it was made of, and of class f32 as an .lwm file. 20 words,
 * 32 positions, 16 words at most, 2 beams. */
const char *bundle_path(int which);
const char *bundle_file(int which);
const char *bundle_f32_file(int which);
/* Opens such a path by the library. */
struct lutwidge_model *bundle_open(const char *path);

#endif
