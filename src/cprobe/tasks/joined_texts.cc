#include "cprobe/tasks/joined_texts.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace cprobe {
namespace {

bool is_letter_or_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// Whether a word behind this character has a space in front. Behind a hyphen, an opening bracket,
/// a quotation mark or letters outside ASCII it need not.
bool wants_space(char c) {
  constexpr std::string_view kEnds = ".,;:!?)]}";
  return is_letter_or_digit(c) || kEnds.find(c) != std::string_view::npos;
}

/// Rows of one kind of join, and the first of them.
struct Joins {
  size_t n = 0;
  std::string example;

  void add(const std::string& text, const std::string& next) {
    if (++n == 1) example = text + next;
  }
};

}  // namespace

std::vector<std::string> join_warnings(const std::string& source, const std::vector<std::string>& texts,
                                       const std::vector<std::string>& nexts, const std::string& what) {
  Joins missing, doubled, trailing;
  for (size_t row = 0; row < texts.size(); ++row) {
    const std::string &text = texts[row], &next = nexts[row];
    if (text.empty() || next.empty()) continue;
    if (text.back() == ' ' && next.front() == ' ') {
      doubled.add(text, next);
    } else if (text.back() == ' ') {
      trailing.add(text, next);
    } else if (wants_space(text.back()) && is_letter_or_digit(next.front())) {
      missing.add(text, next);
    }
  }
  std::vector<std::string> warnings;
  const auto warn = [&](const Joins& joins, const char* problem) {
    if (joins.n == 0) return;
    warnings.push_back(fmt::format("{}: in {} of {} rows {} {}, such as '{}'", source, joins.n, texts.size(), what,
                                   problem, joins.example));
  };
  warn(missing, "has no space in front and is joined to the word before it");
  warn(doubled, "has a space in front, and the text before it ends in a space as well");
  warn(trailing,
       "follows a space that the text before it ends in, where most tokenizers put a space into the next word");
  return warnings;
}

}  // namespace cprobe
