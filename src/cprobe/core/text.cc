#include "cprobe/core/text.h"

#include <algorithm>
#include <numeric>

namespace cprobe {
namespace {

size_t edit_distance(std::string_view a, std::string_view b) {
  // row[j]: distance between the prefix of `a` seen so far and b[0, j).
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string nearest(std::string_view word, std::span<const std::string> candidates) {
  if (candidates.empty()) return {};
  return *std::ranges::min_element(candidates, {}, [&](const std::string& c) { return edit_distance(word, c); });
}

std::optional<std::string> similar(std::string_view word, std::span<const std::string> candidates) {
  const std::string candidate = nearest(word, candidates);
  const bool is_far = 2 * edit_distance(word, candidate) > std::max(word.size(), candidate.size());
  return candidate.empty() || is_far ? std::nullopt : std::optional(candidate);
}

std::string escaped(std::string_view text, std::initializer_list<std::pair<char, std::string_view>> replacements) {
  std::string result;
  result.reserve(text.size());
  for (const char c : text) {
    const auto* found = std::ranges::find(replacements, c, &std::pair<char, std::string_view>::first);
    if (found == replacements.end()) {
      result += c;
    } else {
      result += found->second;
    }
  }
  return result;
}

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::string lowercase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

TextPlace place_of(std::string_view text, size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const size_t line_begin = before.rfind('\n') + 1;  // npos + 1 is 0: the first line
  return {.line = 1 + static_cast<size_t>(std::count(before.begin(), before.end(), '\n')),
          .column = 1 + before.size() - line_begin};
}

}  // namespace cprobe
