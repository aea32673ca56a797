#include "cprobe/io/document.h"

#include <algorithm>
#include <charconv>

#include "cprobe/core/utf8.h"

namespace cprobe {
namespace {

constexpr size_t kShownText = 60;  ///< Bytes of a value that an error message quotes.

/// A decimal number taken apart: digits * 10^exponent, without leading zeros in `digits` (empty for
/// zero).
struct Decimal {
  bool negative = false;
  std::string digits;
  int64_t exponent = 0;
};

std::string_view take_digits(std::string_view& rest) {
  const size_t n = std::min(rest.find_first_not_of("0123456789"), rest.size());
  const std::string_view digits = rest.substr(0, n);
  rest.remove_prefix(n);
  return digits;
}

/// YAML 1.2 core schema: [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
std::optional<Decimal> parse_decimal(std::string_view rest) {
  Decimal number;
  if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) {
    number.negative = rest[0] == '-';
    rest.remove_prefix(1);
  }
  const std::string_view whole = take_digits(rest);
  std::string_view fraction;
  if (!rest.empty() && rest[0] == '.') {
    rest.remove_prefix(1);
    fraction = take_digits(rest);
  }
  if (whole.empty() && fraction.empty()) return std::nullopt;
  if (!rest.empty() && (rest[0] == 'e' || rest[0] == 'E')) {
    rest.remove_prefix(1);
    const bool negative = !rest.empty() && rest[0] == '-';
    if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) rest.remove_prefix(1);
    const std::string_view digits = take_digits(rest);
    if (digits.empty()) return std::nullopt;
    // An exponent that is too large for int64 behaves like any very large exponent.
    constexpr int64_t kHuge = 1'000'000'000;
    const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), number.exponent);
    if (code != std::errc() || number.exponent > kHuge) number.exponent = kHuge;
    if (negative) number.exponent = -number.exponent;
  }
  if (!rest.empty()) return std::nullopt;
  number.digits = std::string(whole) + std::string(fraction);
  number.digits.erase(0, std::min(number.digits.find_first_not_of('0'), number.digits.size()));
  number.exponent -= static_cast<int64_t>(fraction.size());
  return number;
}

/// The digits of a whole number without exponent; nothing if the number has a fraction or more than
/// 19 digits.
std::optional<std::string> whole_digits(Decimal number) {
  if (number.digits.empty()) return "0";
  while (number.exponent < 0 && number.digits.ends_with('0')) {
    number.digits.pop_back();
    ++number.exponent;
  }
  constexpr int64_t kMaxDigits = 19;
  const auto n_digits = static_cast<int64_t>(number.digits.size());
  if (number.exponent < 0 || n_digits + number.exponent > kMaxDigits) return std::nullopt;
  return (number.negative ? "-" : "") + number.digits + std::string(static_cast<size_t>(number.exponent), '0');
}

std::string shortened(const std::string& text) {
  if (text.size() <= kShownText) return text;
  return text.substr(0, utf8_prefix(std::string_view(text).substr(0, kShownText))) + "...";
}

}  // namespace

std::string Document::where() const {
  std::string place = fmt::format("{}:{}:{}", source_ ? *source_ : "(no file)", place_.line, place_.column);
  if (!key_path_.empty()) place += ": " + key_path_;
  return place;
}

Error Document::error(std::string_view message) const {
  return input_error("{}: {}", where(), message);
}

Error Document::expected(std::string_view what) const {
  std::string found = "no value";
  if (is_list()) found = fmt::format("a list of {}", items_.size());
  if (is_map()) found = fmt::format("a map of {} keys", entries_.size());
  if (is_scalar())
    found = quoted_ ? fmt::format("the text \"{}\"", shortened(text_)) : fmt::format("'{}'", shortened(text_));
  return error(fmt::format("expected {}, found {}", what, found));
}

const std::string& Document::number_text(std::string_view what) const {
  if (!is_scalar() || quoted_) throw expected(what);
  return text_;
}

int64_t Document::as_integer() const {
  constexpr std::string_view kWhat = "a whole number from -2^63 to 2^63 - 1";
  const std::optional<Decimal> number = parse_decimal(number_text(kWhat));
  if (!number) throw expected(kWhat);
  const std::optional<std::string> digits = whole_digits(*number);
  if (!digits) throw expected(kWhat);
  int64_t value = 0;
  const auto [end, code] = std::from_chars(digits->data(), digits->data() + digits->size(), value);
  if (code != std::errc()) throw expected(kWhat);
  return value;
}

double Document::as_number() const {
  constexpr std::string_view kWhat = "a number";
  std::string_view text = number_text(kWhat);
  if (!parse_decimal(text)) throw expected(kWhat);
  if (text.starts_with('+')) text.remove_prefix(1);  // from_chars takes no plus sign.
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc()) throw expected("a number in the range of a double (about 1e-308 to 1e308)");
  return value;
}

bool Document::as_bool() const {
  if (is_scalar() && !quoted_) {
    if (text_ == "true" || text_ == "True" || text_ == "TRUE") return true;
    if (text_ == "false" || text_ == "False" || text_ == "FALSE") return false;
  }
  throw expected("true or false");
}

std::string Document::as_text() const {
  if (!is_scalar()) throw expected("text");
  return text_;
}

const std::vector<Document>& Document::items() const {
  if (!is_list()) throw expected("a list");
  return items_;
}

std::vector<Document> Document::items_or_self() const {
  if (is_list()) return items_;
  if (is_null()) throw expected("a list or a single value");
  return {*this};
}

const std::vector<std::pair<std::string, Document>>& Document::entries() const {
  if (!is_map()) throw expected("a map of keys to values");
  return entries_;
}

const Document* Document::find(std::string_view key) const {
  for (const auto& [name, value] : entries()) {
    if (name == key) return &value;
  }
  return nullptr;
}

const Document* Document::given(std::string_view key) const {
  const Document* value = find(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

const Document& Document::at(std::string_view key) const {
  const Document* value = find(key);
  if (value == nullptr) throw error(fmt::format("the key '{}' is missing", key));
  return *value;
}

void Document::require_known_keys(std::span<const std::string_view> known) const {
  for (const auto& [name, value] : entries()) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    Document key = value;
    key.place_ = value.key_place_;
    const std::vector<std::string> candidates(known.begin(), known.end());
    const std::string hint =
        candidates.empty() ? "no key is known here" : fmt::format("did you mean '{}'?", nearest(name, candidates));
    throw key.error(fmt::format("unknown key '{}'; {}", shortened(name), hint));
  }
}

}  // namespace cprobe
