#include "cprobe/tokenizer/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>

#include "cprobe/core/error.h"
#include "cprobe/core/utf8.h"
#include "cprobe/tokenizer/regex_dialect.h"

namespace cprobe {
namespace {

constexpr uint32_t kStepLimit = 10'000'000;
constexpr size_t kStepsPerByte = 16;            ///< Added for each byte of the text.
constexpr size_t kMemoryLimit = 128ULL << 20U;  ///< In bytes; nearly all patterns need none.
constexpr size_t kFirstStack = 1ULL << 20U;
constexpr size_t kLongestPattern = 65536;

struct FreeMatch {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
  void operator()(pcre2_compile_context* context) const { pcre2_compile_context_free(context); }
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
  void operator()(pcre2_jit_stack* stack) const { pcre2_jit_stack_free(stack); }
};

/// Owns an object that PCRE2 made. PCRE2 returns a null pointer only if memory is short.
template <typename T>
std::unique_ptr<T, FreeMatch> owned(T* made) {
  if (made == nullptr) throw failure("out of memory in a regular expression");
  return std::unique_ptr<T, FreeMatch>(made);
}

std::string message_of(int code) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return {text.begin(), std::find(text.begin(), text.end(), PCRE2_UCHAR{0})};
}

PCRE2_SPTR units(std::string_view text) {
  return reinterpret_cast<PCRE2_SPTR>(text.data());
}

}  // namespace

struct Regex::Compiled {
  std::string pattern;
  std::string where;
  std::unique_ptr<pcre2_code, FreeMatch> code;

  static Regex make(std::string_view pattern, const std::string& where, const TranslatedPattern& translated,
                    uint32_t options);
};

/// Searches one text.
class Regex::Search {
 public:
  Search(const Compiled& compiled, std::string_view text)
      : compiled_(compiled),
        text_(text),
        data_(owned(pcre2_match_data_create(1, nullptr))),
        limits_(owned(pcre2_match_context_create(nullptr))) {
    const size_t steps = std::min<size_t>(kStepLimit + kStepsPerByte * text.size(), UINT32_MAX);
    pcre2_set_match_limit(limits_.get(), static_cast<uint32_t>(steps));
    pcre2_set_depth_limit(limits_.get(), static_cast<uint32_t>(steps));
    pcre2_set_heap_limit(limits_.get(), kMemoryLimit / 1024);
  }

  /// The first match at or after `offset`.
  std::optional<TextRange> next(size_t offset) {
    int found = match(offset);
    if (found == PCRE2_ERROR_JIT_STACKLIMIT && !stack_) {
      stack_ = owned(pcre2_jit_stack_create(kFirstStack, kMemoryLimit, nullptr));
      pcre2_jit_stack_assign(limits_.get(), nullptr, stack_.get());
      found = match(offset);
    }
    if (found == PCRE2_ERROR_NOMATCH) return std::nullopt;
    if (found < 0) {
      throw input_error(
          "{}: the pattern '{}' cannot be matched against a text of {} bytes: {}. A pattern that repeats what is "
          "repeated already, such as (a+)+, may backtrack without end",
          compiled_.where, shown_pattern(compiled_.pattern), text_.size(), message_of(found));
    }
    const size_t* ends = pcre2_get_ovector_pointer(data_.get());
    return TextRange{.begin = ends[0], .end = ends[1]};
  }

 private:
  int match(size_t offset) {
    return pcre2_match(compiled_.code.get(), units(text_), text_.size(), offset, PCRE2_NO_UTF_CHECK, data_.get(),
                       limits_.get());
  }

  const Compiled& compiled_;
  std::string_view text_;
  std::unique_ptr<pcre2_match_data, FreeMatch> data_;
  std::unique_ptr<pcre2_match_context, FreeMatch> limits_;
  std::unique_ptr<pcre2_jit_stack, FreeMatch> stack_;  ///< Set if the machine's stack was too small.
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
    throw input_error("{}: the pattern '{}' does not compile: {} (at byte {} of it)", where, shown_pattern(pattern),
                      message_of(error), at);
  }
  // Without a JIT compiler, matching is slower and gives the same.
  pcre2_jit_compile(result->code.get(), PCRE2_JIT_COMPLETE);
  return Regex(std::move(result));
}

Regex Regex::compile(std::string_view pattern, const std::string& where) {
  return Compiled::make(pattern, where, to_pcre2(pattern, where), PCRE2_UCP | PCRE2_MULTILINE);
}

Regex Regex::literal(std::string_view text, const std::string& where) {
  return Compiled::make(text, where, {.pattern = std::string(text), .origin = {}}, PCRE2_LITERAL);
}

std::vector<TextRange> Regex::matches(std::string_view text) const {
  Search search(*compiled_, text);
  std::vector<TextRange> result;
  for (size_t offset = 0; offset <= text.size();) {
    const std::optional<TextRange> match = search.next(offset);
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

}  // namespace cprobe
