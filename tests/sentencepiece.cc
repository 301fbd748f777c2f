#include "tests/sentencepiece.h"

#include <cstring>
#include <exception>
#include <memory>
#include <sentencepiece_processor.h>
#include <string>
#include <vector>

struct sentencepiece_model {
    sentencepiece::SentencePieceProcessor processor;
};

namespace
{

/* Runs `work`, turning every exception into a failure. */
template <typename Work> enum lw_status guarded(struct lw_error *error, Work work)
{
    try {
        return work();
    } catch (const std::exception &exception) {
        return lw_fail(error, LW_FAILED, "SentencePiece: %s", exception.what());
    } catch (...) {
        return lw_fail(error, LW_FAILED, "SentencePiece failed");
    }
}

enum lw_status check(const sentencepiece::util::Status &status, enum lw_status failure,
                     struct lw_error *error)
{
    if (status.ok())
        return LW_OK;
    return lw_fail(error, failure, "SentencePiece: %s", status.ToString().c_str());
}

} // namespace

enum lw_status sentencepiece_open(const uint8_t *model, size_t bytes,
                                  struct sentencepiece_model **pieces, struct lw_error *error)
{
    return guarded(error, [&] {
        auto opened = std::make_unique<sentencepiece_model>();
        absl::string_view serialized(reinterpret_cast<const char *>(model), bytes);
        enum lw_status status =
            check(opened->processor.LoadFromSerializedProto(serialized), LW_CORRUPT, error);
        if (status == LW_OK)
            *pieces = opened.release();
        return status;
    });
}

void sentencepiece_close(struct sentencepiece_model *pieces)
{
    delete pieces;
}

enum lw_status sentencepiece_encode(const struct sentencepiece_model *pieces, const char *text,
                                    size_t bytes, sentencepiece_take *take, void *context,
                                    struct lw_error *error)
{
    return guarded(error, [&] {
        std::vector<std::string> list;
        enum lw_status status = check(
            pieces->processor.Encode(absl::string_view(text, bytes), &list), LW_FAILED, error);
        for (size_t i = 0; status == LW_OK && i < list.size(); i++)
            status = take(context, list[i].data(), list[i].size());
        return status;
    });
}

enum lw_status sentencepiece_decode(const struct sentencepiece_model *pieces,
                                    const char *const *list, size_t count, char **text,
                                    struct lw_error *error)
{
    return guarded(error, [&] {
        std::vector<absl::string_view> views(list, list + count);
        std::string joined;
        enum lw_status status = check(pieces->processor.Decode(views, &joined), LW_FAILED, error);
        if (status != LW_OK)
            return status;
        *text = strdup(joined.c_str());
        return *text ? LW_OK : lw_fail(error, LW_FAILED, "out of memory for a translated line");
    });
}
