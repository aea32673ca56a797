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

/// A compiled regular expression that matches as Oniguruma does (Ruby's syntax, UTF-8), the engine of Hugging Face's
/// tokenizers. PCRE2 does the matching; data/regex_dialect.h says which patterns mean the same to both. Cheap to copy,
/// and safe to use from several threads.
class Regex {
 public:
  /// @param where what the pattern belongs to, for messages ("tokenizer.json:3:5: pre_tokenizer.pattern.Regex").
  /// @throws Error (kInput) naming `where`, the pattern and the byte offset in it: it does not compile, or holds a
  ///         construct that PCRE2 and Oniguruma do not read alike.
  static Regex compile(std::string_view pattern, const std::string& where);

  /// Matches `text` itself; an empty text matches everywhere.
  static Regex literal(std::string_view text, const std::string& where);

  /// The matches from left to right, which do not overlap. An empty match does not follow another match directly.
  /// @param text well-formed UTF-8; nothing outside it is looked at.
  /// @throws Error (kInput) naming the pattern if matching takes over 10 million steps (more on very long texts) or
  ///         128 MiB: it backtracks without end.
  std::vector<TextRange> matches(std::string_view text) const;

 private:
  struct Compiled;
  class Search;
  explicit Regex(std::shared_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}

  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace cprobe
