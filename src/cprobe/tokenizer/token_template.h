#pragma once

#include <cstdint>
#include <vector>

#include "cprobe/io/document.h"

namespace cprobe {

/// The special tokens that a tokenizer puts around a text, such as `<s>` before it.
struct TokenTemplate {
  std::vector<int64_t> before;  ///< Ids, in order.
  std::vector<int64_t> behind;
};

/// Reads `post_processor` of a tokenizer.json: TemplateProcessing, BertProcessing,
/// RobertaProcessing, ByteLevel (which adds no tokens) and sequences of these. Each member of a
/// sequence puts its tokens around those of the members before it.
/// @throws Error (kInput) naming the place: another post-processor, a template without the text or
///         with two texts, a special token that the template does not define.
TokenTemplate read_post_processor(const Document& json);

}  // namespace cprobe
