#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cprobe/tokenizer/regex.h"

namespace cprobe {

/// Part of a text and what it becomes.
struct NormalizedSegment {
  TextRange source;
  bool changed = false;
  std::string text;  ///< The normalised form where it is another; empty otherwise.
};

/// Canonical composition (Unicode Standard Annex 15, form C) of a text, segment by segment: the segments cover it in order,
/// and their forms put together are the form of the whole. What changes is in segments as small as can be told: a base
/// character with its marks. Characters later than Unicode 9 are left as they are, as Hugging Face's tokenizers do.
/// @param text well-formed UTF-8.
std::vector<NormalizedSegment> normalize_nfc(std::string_view text);

/// The form of the whole text.
std::string to_nfc(std::string_view text);

}  // namespace cprobe
