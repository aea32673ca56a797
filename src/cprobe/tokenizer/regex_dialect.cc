#include "cprobe/tokenizer/regex_dialect.h"

#include <algorithm>
#include <array>

#include "cprobe/core/error.h"
#include "cprobe/core/utf8.h"

namespace cprobe {
namespace {

constexpr std::string_view kSpace =
    R"(\t-\r\x20\x85\xA0\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";
constexpr std::string_view kNoSpace =
    R"(\x00-\x08\x0E-\x1F\x21-\x84\x86-\x9F\xA1-\x{167F}\x{1681}-\x{1FFF}\x{200B}-\x{2027}\x{202A}-\x{202E})"
    R"(\x{2030}-\x{205E}\x{2060}-\x{2FFF}\x{3001}-\x{10FFFF})";
/// Oniguruma's word characters outside classes, superscripts and fractions of Latin-1 included.
constexpr std::string_view kOnigurumaWord = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\xB2\xB3\xB9\xBC-\xBE)";

constexpr std::array<std::string_view, 36> kCategories = {
    "L",  "Lu", "Ll", "Lt", "Lm", "Lo", "M",  "Mn", "Mc", "Me", "N",  "Nd", "Nl", "No", "P",  "Pc", "Pd", "Ps",
    "Pe", "Pi", "Pf", "Po", "S",  "Sm", "Sc", "Sk", "So", "Z",  "Zs", "Zl", "Zp", "C",  "Cc", "Cf", "Cn", "Co"};
constexpr std::array<std::string_view, 12> kScripts = {"Han",    "Hiragana", "Katakana", "Hangul",
                                                       "Latin",  "Greek",    "Cyrillic", "Arabic",
                                                       "Hebrew", "Thai",     "Armenian", "Devanagari"};

/// Pairs of letters that Oniguruma also finds as one character (such as ß) when it ignores case.
constexpr std::array<std::string_view, 5> kFoldedPairs = {"ss", "ff", "fi", "fl", "st"};

template <size_t n>
bool contains(const std::array<std::string_view, n>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_letter(char32_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_digit(char32_t c) {
  return c >= '0' && c <= '9';
}

class Translator {
 public:
  Translator(std::string_view given, const std::string& where) : given_(given), where_(where) {}

  TranslatedPattern run() {
    while (at_ < given_.size()) item();
    if (!groups_.empty()) refuse(groups_.back().begin, "a group that is never closed");
    return std::move(result_);
  }

 private:
  struct OpenGroup {
    size_t begin = 0;
    bool ignores_case = false;
    bool looks_around = false;
  };

  /// An escape: one character, or a set or anchor in PCRE2's syntax.
  struct Escape {
    std::optional<char32_t> character;
    std::string inside;   ///< The text inside a class; empty if the escape cannot stand there.
    std::string outside;  ///< The text outside classes.
    bool is_anchor = false;
  };

  [[noreturn]] void refuse(size_t at, std::string_view what) const {
    throw input_error(
        "{}: the pattern '{}' has {} (at byte {} of it): not supported, as Oniguruma and PCRE2 may read it differently",
        where_, shown_pattern(given_), what, at);
  }

  bool ignores_case() const { return !groups_.empty() && groups_.back().ignores_case; }
  bool next_is(std::string_view text) const { return given_.substr(at_).starts_with(text); }

  void emit(std::string_view text) {
    result_.pattern += text;
    result_.origin.resize(result_.pattern.size(), begin_);
  }

  void emit_character(char32_t c) {
    if (is_letter(c) || is_digit(c)) {
      emit(std::string(1, static_cast<char>(c)));
    } else {
      emit(fmt::format("\\x{{{:X}}}", static_cast<uint32_t>(c)));
    }
  }

  void item() {
    begin_ = at_;
    switch (given_[at_]) {
      case '(':
        return open_group();
      case ')':
        return close_group();
      case '[':
        return character_class();
      case '\\':
        return escaped_item();
      case '*':
      case '+':
      case '?':
      case '{':
        return quantifier();
      case '|':
      case '^':
      case '$':
      case '.':
        emit(given_.substr(at_, 1));
        repeatable_ = given_[at_++] == '.';
        last_folded_ = 0;
        return;
      default:
        return literal(next_code_point(given_, at_));
    }
  }

  void literal(char32_t c) {
    if (ignores_case()) {
      if (c >= 0x80) refuse(begin_, "a character outside ASCII where case is ignored");
      const char letter = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
      const std::array<char, 2> pair = {last_folded_, letter};
      if (contains(kFoldedPairs, std::string_view(pair.data(), pair.size()))) {
        refuse(begin_, "one of ss, ff, fi, fl and st where case is ignored");
      }
      last_folded_ = letter;
    } else {
      last_folded_ = 0;
    }
    emit_character(c);
    repeatable_ = true;
  }

  void open_group() {
    constexpr std::array<std::pair<std::string_view, bool>, 7> kOpenings = {{{"(?:", false},
                                                                             {"(?i:", false},
                                                                             {"(?>", false},
                                                                             {"(?<=", true},
                                                                             {"(?<!", true},
                                                                             {"(?=", true},
                                                                             {"(?!", true}}};
    OpenGroup group{.begin = begin_, .ignores_case = ignores_case()};
    std::string_view opening = "(";
    if (next_is("(?")) {
      const auto known =
          std::find_if(kOpenings.begin(), kOpenings.end(), [this](const auto& o) { return next_is(o.first); });
      if (known == kOpenings.end())
        refuse(begin_, "a group that begins with '(?' and is none of (?: (?i: (?> (?= (?! (?<= (?<!");
      opening = known->first;
      group.looks_around = known->second;
      group.ignores_case = group.ignores_case || opening == "(?i:";
    }
    emit(opening == "(" ? "(?:" : opening);  // No pattern refers back to a group.
    at_ += opening.size();
    groups_.push_back(group);
    repeatable_ = false;
  }

  void close_group() {
    if (groups_.empty()) refuse(begin_, "a ')' without its '('");
    emit(")");
    ++at_;
    repeatable_ = !groups_.back().looks_around;
    groups_.pop_back();
  }

  void quantifier() {
    if (!repeatable_) refuse(begin_, fmt::format("a '{}' with nothing before it to repeat", given_[at_]));
    repeatable_ = false;
    last_folded_ = 0;
    const bool braces = given_[at_] == '{';
    bool exact = false;
    if (braces) {
      const size_t close = given_.find('}', at_);
      const std::string_view bounds = given_.substr(at_ + 1, std::min(close, given_.size()) - at_ - 1);
      const size_t comma = bounds.find(',');
      const std::string_view least = bounds.substr(0, comma);
      exact = comma == std::string_view::npos;
      const std::string_view most = exact ? std::string_view() : bounds.substr(comma + 1);
      const auto is_number = [](std::string_view text) { return std::all_of(text.begin(), text.end(), is_digit); };
      if (close == std::string_view::npos || least.empty() || !is_number(least) || !is_number(most)) {
        refuse(begin_, "a '{' that is not {n}, {n,} or {n,m}");
      }
      if (ignores_case()) refuse(begin_, "a counted repetition where case is ignored");
      at_ = close;
    }
    ++at_;
    if (braces && next_is("+")) refuse(at_, "a '+' after braces");
    if (exact && next_is("?")) refuse(at_, "a '?' after {n}");
    if (next_is("?") || next_is("+")) ++at_;
    emit(given_.substr(begin_, at_ - begin_));
  }

  void escaped_item() {
    const Escape escape = take_escape();
    if (escape.character) return literal(*escape.character);
    emit(escape.outside);
    last_folded_ = 0;
    repeatable_ = !escape.is_anchor;
  }

  void character_class() {
    emit("[");
    ++at_;
    if (next_is("^")) {
      emit("^");
      ++at_;
    }
    if (next_is("]")) refuse(at_, "an empty class");
    const size_t first = at_;
    while (!next_is("]")) {
      if (at_ >= given_.size()) refuse(begin_, "a class that is never closed");
      if (next_is("[")) refuse(at_, "a '[' inside a class");
      if (next_is("&&")) refuse(at_, "a '&&' inside a class");
      if (next_is("-") && at_ != first && !next_is("-]")) refuse(at_, "a '-' amidst a class that is no range");
      class_member();
    }
    ++at_;
    emit("]");
    repeatable_ = true;
    last_folded_ = 0;
  }

  /// Translates a character, a range or a set of a class.
  void class_member() {
    const size_t begin = at_;
    const std::optional<char32_t> low = class_atom();
    if (!low || !next_is("-") || next_is("-]")) return;
    ++at_;
    if (at_ >= given_.size() || next_is("[")) refuse(begin, "a range without an end");
    emit("-");
    const std::optional<char32_t> high = class_atom();
    if (!high || *high < *low) refuse(begin, "a range without an end, or that ends before it begins");
  }

  /// Translates a character or a set of a class. @return the character; nothing for a set.
  std::optional<char32_t> class_atom() {
    const size_t begin = at_;
    Escape atom;
    if (next_is("\\")) {
      atom = take_escape();
    } else {
      atom.character = next_code_point(given_, at_);
    }
    if (atom.character) {
      if (ignores_case() && *atom.character >= 0x80) refuse(begin, "a character outside ASCII where case is ignored");
      emit_character(*atom.character);
    } else if (atom.inside.empty()) {
      refuse(begin, fmt::format("'{}' inside a class", given_.substr(begin, at_ - begin)));
    } else {
      emit(atom.inside);
    }
    return atom.character;
  }

  /// Reads the escape that begins at `at_`, and moves behind it.
  Escape take_escape() {
    const size_t begin = at_++;
    if (at_ == given_.size()) refuse(begin, "a backslash at its end");
    const char32_t c = next_code_point(given_, at_);
    constexpr std::u32string_view kLetters = U"rntfvae", kControls = U"\r\n\t\f\v\a\x1B";
    const size_t control = kLetters.find(c);
    if (control != std::u32string_view::npos) return {.character = kControls[control]};
    switch (c) {
      case 's':
        return {.inside = std::string(kSpace), .outside = fmt::format("[{}]", kSpace)};
      case 'S':
        return {.inside = std::string(kNoSpace), .outside = fmt::format("[^{}]", kSpace)};
      case 'd':
        return {.inside = R"(\p{Nd})", .outside = R"(\p{Nd})"};
      case 'D':
        return {.inside = R"(\P{Nd})", .outside = R"(\P{Nd})"};
      case 'w':
      case 'W':
        if (ignores_case()) refuse(begin, "a set of letters where case is ignored");
        return {.outside = fmt::format("[{}{}]", c == 'W' ? "^" : "", kOnigurumaWord)};
      case 'p':
      case 'P':
        return property(begin, c == 'P');
      case 'x':
        if (!next_is("{")) break;
        return {.character = hexadecimal(begin, at_ + 1, given_.find('}', at_), 1)};
      case 'u':
        return {.character = hexadecimal(begin, at_, at_ + 4, 0)};
      case 'A':
        return {.outside = R"(\A)", .is_anchor = true};
      case 'z':
        return {.outside = R"(\z)", .is_anchor = true};
      default:
        if (!is_letter(c) && !is_digit(c)) return {.character = c};
    }
    refuse(begin, fmt::format("the escape '{}'", given_.substr(begin, at_ - begin)));
  }

  Escape property(size_t begin, bool negated) {
    const size_t close = given_.find('}', at_);
    if (!next_is("{") || close == std::string_view::npos) refuse(begin, "a \\p without {..}");
    const std::string_view name = given_.substr(at_ + 1, close - at_ - 1);
    at_ = close + 1;
    if (ignores_case()) refuse(begin, "a set of letters where case is ignored");
    const bool script = contains(kScripts, name);
    if (!script && !contains(kCategories, name)) {
      refuse(begin, fmt::format("the property '{}', which is neither a general category of one or two letters (L, Lu, "
                                "Nd) nor one of the scripts {}",
                                name, fmt::join(kScripts, ", ")));
    }
    const std::string set = fmt::format("\\{}{{{}{}}}", negated ? 'P' : 'p', script ? "sc:" : "", name);
    return {.inside = set, .outside = set};
  }

  /// The value of the one to six digits in [first, last). Moves behind the digits and `n_behind`
  /// bytes more. @param begin of the escape, for messages.
  char32_t hexadecimal(size_t begin, size_t first, size_t last, size_t n_behind) {
    constexpr size_t kMostDigits = 6;
    if (last > given_.size() || last == first || last - first > kMostDigits) refuse(begin, "a bad hexadecimal escape");
    char32_t value = 0;
    for (const char c : given_.substr(first, last - first)) {
      const size_t digit =
          std::string_view("0123456789abcdef").find(is_letter(static_cast<unsigned char>(c)) ? c | 0x20 : c);
      if (digit == std::string_view::npos) refuse(begin, "a bad hexadecimal escape");
      value = value * 16 + static_cast<char32_t>(digit);
    }
    if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000))
      refuse(begin, "an escape that is no Unicode character");
    at_ = last + n_behind;
    return value;
  }

  std::string_view given_;
  const std::string& where_;
  TranslatedPattern result_;
  std::vector<OpenGroup> groups_;
  size_t at_ = 0;
  size_t begin_ = 0;         ///< Where the present item begins.
  bool repeatable_ = false;  ///< Whether a quantifier may follow.
  char last_folded_ = 0;     ///< The previous letter if case is ignored; else 0.
};

}  // namespace

TranslatedPattern to_pcre2(std::string_view oniguruma, const std::string& where) {
  return Translator(oniguruma, where).run();
}

std::string shown_pattern(std::string_view pattern) {
  constexpr size_t kMostBytes = 200;
  if (pattern.size() <= kMostBytes) return std::string(pattern);
  return std::string(pattern.substr(0, utf8_prefix(pattern.substr(0, kMostBytes)))) + "...";
}

}  // namespace cprobe
