/* Files: read-only mappings and atomic writes. */
#ifndef LW_MODELS_FILE_H
#define LW_MODELS_FILE_H

#include "models/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A file mapped read-only, or a part of the program that holds what a file would. An empty file has
 * data == NULL and size == 0. */
struct lw_mapping {
    const uint8_t *data;
    size_t size;   /* bytes */
    bool borrowed; /* nothing to unmap */
};

/* Fails with LW_FAILED (cannot be opened or mapped; the text names the path and the reason). */
enum lw_status lw_map_file(const char *path, struct lw_mapping *mapping, struct lw_error *error);
void lw_unmap_file(struct lw_mapping *mapping);
/* Reads mapped bytes in at once. False where they cannot be read (errno says why). */
bool lw_fetch_bytes(const uint8_t *data, size_t bytes);
/* Asks for a mapped file that is still to be read to be kept in large pages, which are mapped and
 * let go at once. */
void lw_want_large_pages(const struct lw_mapping *mapping);
/* Lets go of the pages of mapped bytes, so that they do not count as this program's memory; they
 * come back when they are read again. */
void lw_forget_bytes(const uint8_t *data, size_t bytes);
void lw_forget_mapped(const struct lw_mapping *mapping);

/* A file being written beside its final place; it appears there whole, or not at all. */
struct lw_writer {
    FILE *stream;    /* write here; errors are found by lw_writer_commit */
    char *path;      /* final path */
    char *temporary; /* path while writing */
};

enum lw_status lw_writer_open(const char *path, struct lw_writer *writer, struct lw_error *error);
/* Flushes to disk and renames. On failure (a full disk, say) removes the temporary file and leaves
 * whatever was at `path` untouched. Frees the writer in either case. */
enum lw_status lw_writer_commit(struct lw_writer *writer, struct lw_error *error);
/* Removes the temporary file. Does nothing on a zeroed or committed writer. */
void lw_writer_abort(struct lw_writer *writer);

/* Where getline gives nothing more: whether that is the end of the file. False where it cannot be
 * read, or there was no memory for a line, of which ferror says nothing. */
bool lw_stream_ended(FILE *stream);

/* "a/b" from "a" and "b"; malloc'ed, NULL when out of memory. */
char *lw_path_join(const char *folder, const char *name);

#endif
