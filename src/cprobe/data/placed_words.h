#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/data/types.h"

namespace cprobe {

/// Bytes [begin, end) of a text.
struct TextRange {
  size_t begin = 0;
  size_t end = 0;
};

/// The places where some words stand in a text with no letter or digit next to them: "key" stands
/// in "the key", not in "the keys". Bytes outside ASCII count as letters.
std::vector<TextRange> places_of(std::string_view words, std::string_view text);

/// A sentence in which the words of its type have known places, so that others can take these.
class PlacedWords {
 public:
  /// @return none if the parts of the types are no words, a column's text is not in the sentence
  ///         exactly once (places_of), parts overlap, or a part is the answer (Wording).
  static std::optional<PlacedWords> find(const Dataset& data, int64_t row, const Types& types);

  const std::vector<int64_t>& tokens() const { return tokens_; }    ///< Of the row.
  const std::vector<std::string>& words() const { return words_; }  ///< Text of each part.

  /// The row with other words in place of its own.
  /// @param words  text of each part.
  /// @return       its tokens; none if they are not as many in these places, the tokens around are
  ///               others, or the sentence has one of the words elsewhere.
  std::optional<std::vector<int64_t>> with(const std::vector<std::string>& words) const;

 private:
  const Wording* wording_ = nullptr;
  std::string text_;
  std::vector<TextRange> ranges_;  ///< Of the parts, in the text.
  std::vector<std::string> words_;
  std::vector<int64_t> tokens_;
  std::vector<bool> is_replaced_;  ///< Per token: whether it covers a part.
};

}  // namespace cprobe
