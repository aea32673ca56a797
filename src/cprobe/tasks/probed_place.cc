#include "cprobe/tasks/probed_place.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "cprobe/core/error.h"
#include "cprobe/core/text.h"
#include "cprobe/core/utf8.h"
#include "cprobe/data/placed_words.h"

namespace cprobe {
namespace {

bool is_space(std::string_view text) {
  return text.find_first_not_of(" \t\n\r\v\f") == std::string_view::npos;
}

/// The bytes of characters [begin, end) of a text, without white space around them; none if the
/// text is shorter.
std::optional<TextRange> bytes_of(std::string_view text, int64_t begin, int64_t end) {
  TextRange range{};
  size_t offset = 0;
  for (int64_t character = 0; character < end; ++character) {
    if (offset >= text.size()) return std::nullopt;
    if (character == begin) range.begin = offset;
    next_code_point(text, offset);
  }
  range.end = offset;
  while (range.begin < range.end && is_space(text.substr(range.begin, 1))) ++range.begin;
  while (range.begin < range.end && is_space(text.substr(range.end - 1, 1))) --range.end;
  return range;
}

/// Finds the place in one row.
class Finder {
 public:
  Finder(const ProbedPlace& place, const CsvTable& table, size_t row, std::string_view sentence,
         const PlacedSentence& placed)
      : place_(place), table_(table), row_(row), sentence_(sentence), placed_(placed) {}

  /// The place of a word. @param n_found  is raised if the sentence has the word several times.
  int64_t of_word(const std::string& field, int64_t& n_several) const {
    const std::string_view word = trimmed(field);
    if (word.empty()) throw error("empty, but it names the word whose last token is probed");
    const std::vector<TextRange> ranges = places_of(word, sentence_);
    if (ranges.empty()) {
      const bool has_other_case = !places_of(lowercase(word), lowercase(sentence_)).empty();
      throw error(fmt::format("the sentence '{}' has no word '{}'{}", sentence_, word,
                              has_other_case ? ", but one in other letters' case; write it as in the sentence" : ""));
    }
    if (ranges.size() > 1) ++n_several;
    return last_token(place_.last_occurrence ? ranges.back() : ranges.front());
  }

  int64_t of_characters(int64_t begin, int64_t end) const {
    const std::string what = fmt::format("characters {} to {}", begin, end);
    if (begin < 0 || end <= begin) throw error(what + ": expected a start from 0 and an end behind it");
    const std::optional<TextRange> range = bytes_of(sentence_, begin, end);
    if (!range) throw error(fmt::format("{}: the sentence '{}' is shorter", what, sentence_));
    if (range->begin == range->end) throw error(fmt::format("{} of '{}' are white space", what, sentence_));
    return last_token(*range);
  }

  int64_t of_token(int64_t number) const {
    const auto& end = placed_.encoding.end;
    const auto first = std::ranges::find_if(end, [&](size_t one) { return one > placed_.begin; }) - end.begin();
    const int64_t token = number < 0 ? placed_.n_tokens + number : first + number;
    if (token >= first && token < placed_.n_tokens) return token;
    throw error(fmt::format("no token {}: the sentence '{}' has {} to probe", number, sentence_,
                            std::max<int64_t>(placed_.n_tokens - first, 0)));
  }

 private:
  Error error(const std::string& what) const {
    return input_error("{}:{}: column '{}': {}", table_.source(), table_.line(row_), place_.column, what);
  }

  /// The last token of a part of the sentence. White space beside the part may be in its tokens.
  int64_t last_token(const TextRange& range) const {
    const Encoding& encoding = placed_.encoding;
    const size_t begin = placed_.begin + range.begin, end = placed_.begin + range.end;
    const std::string_view part = sentence_.substr(range.begin, range.end - range.begin);
    const TokenSpan span = tokens_covering(encoding, begin, end);
    if (span.first >= span.last) throw error(fmt::format("no token has '{}' of '{}'", part, sentence_));
    const auto has_letters = [&](size_t from, size_t to) {
      return from < to && !is_space(std::string_view(placed_.text).substr(from, to - from));
    };
    if (has_letters(encoding.begin[span.first], begin) || has_letters(end, encoding.end[span.last - 1])) {
      throw error(
          fmt::format("'{}' of '{}' shares a token with what is beside it, so no token is its own", part, sentence_));
    }
    const auto token = static_cast<int64_t>(span.last) - 1;
    if (token < placed_.n_tokens) return token;
    throw error(fmt::format("'{}' of '{}' is the answer, which the model does not see", part, sentence_));
  }

  const ProbedPlace& place_;
  const CsvTable& table_;
  size_t row_;
  std::string_view sentence_;
  const PlacedSentence& placed_;
};

}  // namespace

Position ProbedPlace::position() const {
  switch (kind) {
    case Kind::kWord:
      return Position((last_occurrence ? "last word " : "word ") + column);
    case Kind::kCharacters:
      return Position(fmt::format("characters {} to {}", column, end_column));
    case Kind::kToken:
      return Position("token " + column);
  }
  throw failure("a kind of place without a name");
}

std::vector<int64_t> find_places(const ProbedPlace& place, const CsvTable& table,
                                 const std::vector<std::string>& sentences, const std::vector<PlacedSentence>& rows,
                                 std::vector<std::string>& notes) {
  std::vector<std::string> words;
  std::vector<int64_t> numbers, ends;
  if (place.kind == ProbedPlace::Kind::kWord) {
    words = table.text(place.column);
  } else {
    numbers = table.integers(place.column);
    if (place.kind == ProbedPlace::Kind::kCharacters) ends = table.integers(place.end_column);
  }
  std::vector<int64_t> places;
  places.reserve(rows.size());
  int64_t n_several = 0;
  for (size_t row = 0; row < rows.size(); ++row) {
    const Finder finder(place, table, row, sentences[row], rows[row]);
    if (!words.empty()) {
      places.push_back(finder.of_word(words[row], n_several));
    } else if (!ends.empty()) {
      places.push_back(finder.of_characters(numbers[row], ends[row]));
    } else {
      places.push_back(finder.of_token(numbers[row]));
    }
  }
  if (n_several > 0) {
    notes.push_back(fmt::format("{}: {} of {} rows have the word of column '{}' several times; the {} is probed",
                                table.source(), n_several, rows.size(), place.column,
                                place.last_occurrence ? "last" : "first"));
  }
  return places;
}

}  // namespace cprobe
