#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cprobe/tokenizer/regex.h"

namespace cprobe {

/// Part of a text, with its normalised form.
struct NormalizedSegment {
  TextRange source;
  bool changed = false;
  std::string text;  ///< The normalised form if `changed`; else empty.
};

/// Canonical composition (Unicode Standard Annex 15, form C) of a text, segment by segment. The
/// segments cover the text in order, and their forms put together are the form of the whole text. A
/// segment is small: usually a base character with its marks. As in Hugging Face's
/// tokenizers, characters later than Unicode 9 are left as they are.
/// @param text  well-formed UTF-8.
std::vector<NormalizedSegment> normalize_nfc(std::string_view text);

/// The normalised form of the whole text.
std::string to_nfc(std::string_view text);

}  // namespace cprobe
