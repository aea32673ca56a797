#include "cprobe/data/placed_words.h"

#include <algorithm>
#include <numeric>

namespace cprobe {
namespace {

bool is_letter_or_digit(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

/// The place of one part in a sentence; none if not known.
std::optional<TextRange> place_of_part(const Dataset& data, size_t row, const WordPart& part) {
  const std::string& text = data.texts[row];
  if (!part.column.empty()) {
    const std::vector<TextRange> places = places_of(data.type_columns.at(part.column)[row], text);
    return places.size() == 1 ? std::optional(places.front()) : std::nullopt;
  }
  const std::vector<std::string_view> words = words_of(text);
  const int64_t place = part.word < 0 ? part.word + std::ssize(words) : part.word;
  const std::string_view word = words[static_cast<size_t>(place)];
  const auto begin = static_cast<size_t>(word.data() - text.data());
  return TextRange{begin, begin + word.size()};
}

bool overlap(const TextRange& a, const TextRange& b) {
  return a.begin < b.end && b.begin < a.end;
}

}  // namespace

std::vector<TextRange> places_of(std::string_view words, std::string_view text) {
  std::vector<TextRange> places;
  if (words.empty()) return places;
  for (size_t at = text.find(words); at != std::string_view::npos; at = text.find(words, at + 1)) {
    const size_t end = at + words.size();
    if ((at > 0 && is_letter_or_digit(text[at - 1])) || (end < text.size() && is_letter_or_digit(text[end]))) continue;
    places.push_back({at, end});
  }
  return places;
}

std::optional<PlacedWords> PlacedWords::find(const Dataset& data, int64_t row, const Types& types) {
  if (!data.wording || types.words.empty()) return std::nullopt;
  PlacedWords placed;
  placed.wording_ = &*data.wording;
  placed.text_ = data.texts[static_cast<size_t>(row)];
  for (const WordPart& part : types.words) {
    const std::optional<TextRange> place = place_of_part(data, static_cast<size_t>(row), part);
    if (!place) return std::nullopt;
    for (const TextRange& other : placed.ranges_) {
      if (overlap(other, *place)) return std::nullopt;
    }
    placed.ranges_.push_back(*place);
    placed.words_.push_back(placed.text_.substr(place->begin, place->end - place->begin));
  }
  const Encoding encoding = placed.wording_->encode(placed.text_);
  placed.tokens_ = encoding.ids;
  placed.is_replaced_.resize(encoding.ids.size());
  const size_t before = placed.wording_->prefix.size();
  for (const TextRange& range : placed.ranges_) {
    // Bytes that no token of the row covers are the answer's.
    if (encoding.end.empty() || before + range.end > encoding.end.back()) return std::nullopt;
    const TokenSpan span = tokens_covering(encoding, before + range.begin, before + range.end);
    for (size_t token = span.first; token < span.last; ++token) placed.is_replaced_[token] = true;
  }
  return placed;
}

std::optional<std::vector<int64_t>> PlacedWords::with(const std::vector<std::string>& words) const {
  for (const std::string& word : words) {
    for (const TextRange& place : places_of(word, text_)) {
      const auto is_replaced = [&](const TextRange& range) { return overlap(range, place); };
      if (std::ranges::none_of(ranges_, is_replaced)) return std::nullopt;
    }
  }
  std::vector<size_t> parts(ranges_.size());
  std::iota(parts.begin(), parts.end(), size_t{0});
  std::ranges::sort(parts, std::greater<>(), [&](size_t part) { return ranges_[part].begin; });
  std::string text = text_;
  // From the last part to the first, so that the places of the others stay.
  for (const size_t part : parts) {
    text.replace(ranges_[part].begin, ranges_[part].end - ranges_[part].begin, words[part]);
  }
  std::vector<int64_t> tokens = wording_->encode(text).ids;
  if (tokens.size() != tokens_.size()) return std::nullopt;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (!is_replaced_[i] && tokens[i] != tokens_[i]) return std::nullopt;
  }
  return tokens;
}

}  // namespace cprobe
