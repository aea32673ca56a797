#include "cprobe/tokenizer/nfc.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "cprobe/core/error.h"
#include "cprobe/core/utf8.h"

namespace cprobe {
namespace {

struct FreeText {
  void operator()(utf8proc_uint8_t* text) const { std::free(text); }  // NOLINT: utf8proc allocates with malloc
};

std::string compose(std::string_view text) {
  utf8proc_uint8_t* made = nullptr;
  const auto size = static_cast<utf8proc_ssize_t>(text.size());
  const auto length = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), size, &made,
                                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, FreeText> owned(made);
  if (length < 0) throw failure("cannot normalise a text of {} bytes: {}", text.size(), utf8proc_errmsg(length));
  return {reinterpret_cast<const char*>(made), static_cast<size_t>(length)};
}

/// Ranges, first to last, of the characters that combine or are marks and came after Unicode 9, up
/// to Unicode 15.
constexpr std::array<std::pair<char32_t, char32_t>, 37> kLaterCharacters = {
    {{0x7FD, 0x7FD},     {0x898, 0x89F},     {0x8CA, 0x8D3},     {0x9FE, 0x9FE},     {0xC3C, 0xC3C},
     {0xD3B, 0xD3C},     {0xEBA, 0xEBA},     {0x1715, 0x1715},   {0x1ABF, 0x1ACE},   {0x1DF6, 0x1DFA},
     {0xA82C, 0xA82C},   {0x10D24, 0x10D27}, {0x10EAB, 0x10EAC}, {0x10EFD, 0x10EFF}, {0x10F46, 0x10F50},
     {0x10F82, 0x10F85}, {0x11070, 0x11070}, {0x1133B, 0x1133B}, {0x1145E, 0x1145E}, {0x11839, 0x1183A},
     {0x11930, 0x11930}, {0x1193D, 0x1193E}, {0x11943, 0x11943}, {0x119E0, 0x119E0}, {0x11A34, 0x11A34},
     {0x11A47, 0x11A47}, {0x11A99, 0x11A99}, {0x11D42, 0x11D42}, {0x11D44, 0x11D45}, {0x11D97, 0x11D97},
     {0x11F41, 0x11F42}, {0x16FF0, 0x16FF1}, {0x1E08F, 0x1E08F}, {0x1E130, 0x1E136}, {0x1E2AE, 0x1E2AE},
     {0x1E2EC, 0x1E2EF}, {0x1E4EC, 0x1E4EF}}};

/// Whether the character came after Unicode 9, and so is not in the tables of Hugging Face's
/// tokenizers. Such a character neither combines nor changes places.
bool is_left_alone(char32_t c) {
  const auto* range = std::partition_point(kLaterCharacters.begin(), kLaterCharacters.end(),
                                           [c](const auto& later) { return later.second < c; });
  return range != kLaterCharacters.end() && range->first <= c;
}

/// Whether no earlier character can combine or change places with this one. False if unsure.
bool surely_begins_segment(char32_t c) {
  return c < 0x300 || is_left_alone(c);
}

bool is_mark(char32_t c) {
  return !is_left_alone(c) && utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->combining_class != 0;
}

std::string_view part(std::string_view text, TextRange range) {
  return text.substr(range.begin, range.end - range.begin);
}

/// Puts segments together from runs. A run is a character with the marks behind it.
class Segments {
 public:
  explicit Segments(std::string_view text) : text_(text) {}

  void add(TextRange run, char32_t first) {
    if (segments_.empty() || last_is_left_alone_ || surely_begins_segment(first) || !joins_last(run)) {
      segments_.push_back({.source = run, .changed = false, .text = {}});
    } else {
      segments_.back().source.end = run.end;
    }
    last_is_left_alone_ = is_left_alone(first);
  }

  std::vector<NormalizedSegment> finish() {
    for (NormalizedSegment& segment : segments_) {
      std::string form = form_of(segment.source);
      segment.changed = form != part(text_, segment.source);
      if (segment.changed) segment.text = std::move(form);
    }
    return std::move(segments_);
  }

 private:
  std::string form_of(TextRange range) const {
    const std::string_view source = part(text_, range);
    size_t offset = 0;
    if (range.end - range.begin == 1 || is_left_alone(next_code_point(source, offset))) return std::string(source);
    return compose(source);
  }

  bool joins_last(TextRange run) const {
    const TextRange last = segments_.back().source;
    return form_of({.begin = last.begin, .end = run.end}) != form_of(last) + form_of(run);
  }

  std::string_view text_;
  std::vector<NormalizedSegment> segments_;
  bool last_is_left_alone_ = false;
};

}  // namespace

std::vector<NormalizedSegment> normalize_nfc(std::string_view text) {
  Segments segments(text);
  for (size_t end = 0; end < text.size();) {
    TextRange run = {.begin = end, .end = end};
    const char32_t first = next_code_point(text, end);
    run.end = end;
    while (!is_left_alone(first) && end < text.size() && is_mark(next_code_point(text, end))) run.end = end;
    end = run.end;
    segments.add(run, first);
  }
  return segments.finish();
}

std::string to_nfc(std::string_view text) {
  std::string form;
  for (const NormalizedSegment& segment : normalize_nfc(text))
    form += segment.changed ? segment.text : std::string(part(text, segment.source));
  return form;
}

}  // namespace cprobe
