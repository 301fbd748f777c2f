/* Runs lines of shell, for tests of the program from outside. LUTWIDGE in the environment names it,
 * as `make test` does. */
#ifndef LW_TESTS_SHELL_H
#define LW_TESTS_SHELL_H

/* Makes an empty folder, which the environment variable T names, and removes it. */
extern char shell_folder[];
void shell_setup(void);
void shell_teardown(void);

/* What the last line printed: its standard output and, unless the line redirects it, standard
 * error. */
extern char shell_output[65536];
/* Returns the exit code. */
int shell_run(const char *line);
/* The line must end with `code` and print `part`. */
void shell_expect(const char *line, int code, const char *part);

/* Makes $T/held, a compiler that compiles nothing for as long as $T/hold is there, and that. */
void shell_hold_compiler(void);

#endif
