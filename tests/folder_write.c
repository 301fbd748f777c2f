#include "tests/folder.h"

#include "models/file.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void folder_write_bytes(const char *path, const char *name, const void *data, size_t bytes)
{
    char *file = lw_path_join(path, name);
    FILE *stream = fopen(file, "wb");
    cr_assert(stream, "cannot write %s", file);
    cr_assert_eq(fwrite(data, 1, bytes, stream), bytes);
    cr_assert_eq(fclose(stream), 0);
    free(file);
}

static void write_json(const struct folder *folder, const char *name, const json_t *json)
{
    if (!json)
        return;
    char *text = json_dumps(json, JSON_INDENT(2));
    folder_write_bytes(folder->path, name, text, strlen(text));
    free(text);
}

static size_t encode(enum lw_dtype dtype, float value, uint8_t *out)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (dtype == LW_DTYPE_F32) {
        memcpy(out, &bits, 4);
        return 4;
    }
    uint16_t half = (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16); /* ties to even */
    if (dtype == LW_DTYPE_F16) {
        _Float16 rounded = (_Float16)value;
        memcpy(&half, &rounded, sizeof half);
    }
    memcpy(out, &half, 2);
    return 2;
}

static size_t elements_of(const struct folder_tensor *tensor)
{
    return tensor->rank == 1 ? tensor->shape[0] : tensor->shape[0] * tensor->shape[1];
}

static void write_tensors(const struct folder *folder)
{
    static const char *const names[] = {"F32", "F16", "BF16", "I8"};
    static const size_t sizes[] = {4, 2, 2, 1};
    json_t *header = json_object();
    size_t end = 0;
    for (size_t i = 0; i < folder->count; i++) {
        const struct folder_tensor *t = &folder->tensors[i];
        size_t begin = end;
        end += elements_of(t) * sizes[t->dtype];
        json_t *shape = t->rank == 1
                            ? json_pack("[I]", (json_int_t)t->shape[0])
                            : json_pack("[I, I]", (json_int_t)t->shape[0], (json_int_t)t->shape[1]);
        json_object_set_new(header, t->name,
                            json_pack("{s:s, s:o, s:[I, I]}", "dtype", names[t->dtype], "shape",
                                      shape, "data_offsets", (json_int_t)begin, (json_int_t)end));
    }
    char *text = json_dumps(header, JSON_COMPACT);
    uint64_t length = strlen(text);
    uint8_t *bytes = calloc(1, sizeof length + length + end + 4);
    cr_assert(bytes);
    memcpy(bytes, &length, sizeof length);
    memcpy(bytes + sizeof length, text, length);
    uint8_t *at = bytes + sizeof length + length;
    for (size_t i = 0; i < folder->count; i++)
        for (size_t j = 0; j < elements_of(&folder->tensors[i]); j++)
            at += folder->tensors[i].dtype == LW_DTYPE_OTHER
                      ? 1
                      : encode(folder->tensors[i].dtype, folder->tensors[i].values[j], at);
    folder_write_bytes(folder->path, "model.safetensors", bytes, sizeof length + length + end);
    free(bytes);
    free(text);
    json_decref(header);
}

static void link_spm(const struct folder *folder, const char *name)
{
    char *path = lw_path_join("models/open-en-de", name);
    char *original = realpath(path, NULL), *link = lw_path_join(folder->path, name);
    cr_assert(original, "cannot find %s", path);
    unlink(link);
    cr_assert_eq(symlink(original, link), 0);
    free(path);
    free(original);
    free(link);
}

void folder_write(const struct folder *folder)
{
    write_json(folder, "config.json", folder->config);
    write_json(folder, "generation_config.json", folder->generation);
    write_json(folder, "vocab.json", folder->words);
    write_json(folder, "target_vocab.json", folder->target_words);
    link_spm(folder, "source.spm");
    link_spm(folder, "target.spm");
    write_tensors(folder);
}

static void remove_files(const char *path)
{
    DIR *directory = opendir(path);
    for (const struct dirent *entry; directory && (entry = readdir(directory));)
        unlinkat(dirfd(directory), entry->d_name, 0);
    if (directory)
        closedir(directory);
    rmdir(path);
}

void folder_free(struct folder *folder)
{
    remove_files(folder->path);
    for (size_t i = 0; i < folder->count; i++)
        free(folder->tensors[i].values);
    json_decref(folder->config);
    json_decref(folder->generation);
    json_decref(folder->words);
    json_decref(folder->target_words);
    free(folder);
}
