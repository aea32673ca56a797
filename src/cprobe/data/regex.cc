#include "cprobe/data/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "cprobe/core/error.h"
#include "cprobe/data/regex_dialect.h"
#include "cprobe/data/utf8.h"

namespace cprobe {
namespace {

constexpr uint32_t kStepLimit = 10'000'000;
constexpr size_t kStepsPerByte = 16;    ///< Long texts take more steps without any fault of the pattern.
constexpr uint32_t kHeapLimit = 65536;  ///< In KiB.
constexpr size_t kLongestPattern = 65536;
constexpr size_t kShownPattern = 200;

struct Free {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
  void operator()(pcre2_compile_context* context) const { pcre2_compile_context_free(context); }
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

/// What PCRE2 made; it returns a null pointer only when memory is short.
template <typename T>
std::unique_ptr<T, Free> owned(T* made) {
  if (made == nullptr) throw failure("out of memory in a regular expression");
  return std::unique_ptr<T, Free>(made);
}

std::string message_of(int code) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return {text.begin(), std::find(text.begin(), text.end(), PCRE2_UCHAR{0})};
}

std::string shown(const std::string& pattern) {
  if (pattern.size() <= kShownPattern) return pattern;
  size_t end = kShownPattern;
  while ((static_cast<unsigned char>(pattern[end]) & 0xC0U) == 0x80U) --end;
  return pattern.substr(0, end) + "...";
}

PCRE2_SPTR units(std::string_view text) {
  return reinterpret_cast<PCRE2_SPTR>(text.data());
}

}  // namespace

struct Regex::Compiled {
  std::string pattern;
  std::string where;
  std::unique_ptr<pcre2_code, Free> code;

  static Regex make(std::string_view pattern, const std::string& where, const TranslatedPattern& translated,
                    uint32_t options);
  /// The first match at or after `offset`.
  std::optional<TextRange> next(std::string_view text, size_t offset, pcre2_match_data* data,
                                pcre2_match_context* limits) const;
};

Regex Regex::Compiled::make(std::string_view pattern, const std::string& where, const TranslatedPattern& translated,
                            uint32_t options) {
  auto result = std::make_shared<Compiled>();
  result->pattern = pattern;
  result->where = where;
  const auto context = owned(pcre2_compile_context_create(nullptr));
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  pcre2_set_max_pattern_length(context.get(), kLongestPattern);
  int error = 0;
  size_t offset = 0;
  result->code.reset(pcre2_compile(units(translated.pattern), translated.pattern.size(), options | PCRE2_UTF, &error,
                                   &offset, context.get()));
  if (!result->code) {
    const size_t at = offset < translated.origin.size() ? translated.origin[offset] : pattern.size();
    throw input_error("{}: the pattern '{}' does not compile: {} (at byte {} of it)", where, shown(result->pattern),
                      message_of(error), at);
  }
  // Where there is no JIT compiler, matching is slower and gives the same.
  pcre2_jit_compile(result->code.get(), PCRE2_JIT_COMPLETE);
  return Regex(std::move(result));
}

std::optional<TextRange> Regex::Compiled::next(std::string_view text, size_t offset, pcre2_match_data* data,
                                               pcre2_match_context* limits) const {
  int found = pcre2_match(code.get(), units(text), text.size(), offset, PCRE2_NO_UTF_CHECK, data, limits);
  if (found == PCRE2_ERROR_JIT_STACKLIMIT) {  // The interpreter takes its memory from the heap, up to the limit.
    found = pcre2_match(code.get(), units(text), text.size(), offset, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data, limits);
  }
  if (found == PCRE2_ERROR_NOMATCH) return std::nullopt;
  if (found < 0) {
    throw input_error(
        "{}: the pattern '{}' cannot be matched against a text of {} bytes: {}. A pattern that repeats what is "
        "repeated already, such as (a+)+, may backtrack without end",
        where, shown(pattern), text.size(), message_of(found));
  }
  const size_t* ends = pcre2_get_ovector_pointer(data);
  return TextRange{.begin = ends[0], .end = ends[1]};
}

Regex Regex::compile(std::string_view pattern, const std::string& where) {
  return Compiled::make(pattern, where, to_pcre2(pattern, where), PCRE2_UCP | PCRE2_MULTILINE);
}

Regex Regex::literal(std::string_view text, const std::string& where) {
  return Compiled::make(text, where, {.pattern = std::string(text), .origin = {}}, PCRE2_LITERAL);
}

std::vector<TextRange> Regex::matches(std::string_view text) const {
  const auto data = owned(pcre2_match_data_create(1, nullptr));
  const auto limits = owned(pcre2_match_context_create(nullptr));
  const size_t steps = std::min<size_t>(kStepLimit + kStepsPerByte * text.size(), UINT32_MAX);
  pcre2_set_match_limit(limits.get(), static_cast<uint32_t>(steps));
  pcre2_set_depth_limit(limits.get(), static_cast<uint32_t>(steps));
  pcre2_set_heap_limit(limits.get(), kHeapLimit);

  std::vector<TextRange> result;
  for (size_t offset = 0; offset <= text.size();) {
    const std::optional<TextRange> match = compiled_->next(text, offset, data.get(), limits.get());
    if (!match) break;
    const bool empty = match->begin == match->end;
    if (empty && !result.empty() && result.back().end == match->end) {
      if (offset == text.size()) break;
      next_code_point(text, offset);
      continue;
    }
    result.push_back(*match);
    offset = match->end;
  }
  return result;
}

const std::string& Regex::pattern() const {
  return compiled_->pattern;
}

}  // namespace cprobe
