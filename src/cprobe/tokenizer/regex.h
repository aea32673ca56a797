#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cprobe {

/// Bytes [begin, end) of a text.
struct TextRange {
  size_t begin = 0;
  size_t end = 0;
};

/// A compiled regular expression that matches as Oniguruma does (Ruby's syntax, UTF-8), the engine
/// of Hugging Face's tokenizers. PCRE2 does the matching; tokenizer/regex_dialect.h lists the
/// patterns that both engines read alike. Cheap to copy, and safe to use from several threads.
class Regex {
 public:
  /// @param where  place of the pattern, for messages ("tokenizer.json:3:5: pre_tokenizer").
  /// @throws Error (kInput) naming `where`, the pattern and the byte offset in it, if the pattern
  ///         does not compile or holds a construct that PCRE2 and Oniguruma do not read alike.
  static Regex compile(std::string_view pattern, const std::string& where);

  /// A pattern that matches `text` itself. An empty text matches everywhere.
  static Regex literal(std::string_view text, const std::string& where);

  /// The matches from left to right, without overlaps. No empty match directly follows another
  /// match.
  /// @param text  well-formed UTF-8; look-around sees nothing outside.
  /// @throws Error (kInput) naming the pattern if matching takes over 10 million steps (more for
  ///         very long texts) or 128 MiB: the pattern backtracks without end.
  std::vector<TextRange> matches(std::string_view text) const;

 private:
  struct Compiled;
  class Search;
  explicit Regex(std::shared_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}

  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace cprobe
