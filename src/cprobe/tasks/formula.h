#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace cprobe {

/// A whole-number formula such as `(a^2 - b^2) % p`, written as a muParser expression.
///
/// Operators bind as in Python: first `^` (power), then the sign, so that `-b^2` is `-(b^2)`; then
/// `*`, `/` and `%`, from the left; then `+` and `-`. `%` is the Euclidean remainder, never
/// negative: `-1 % 113` is 112. Assignment and `?:` are refused.
///
/// Evaluation is in double precision. A formula has no value if
///   - a sum, difference, product or power of whole numbers is too large to be exact (beyond 2^53),
///   - an operand of `%` is not whole, or
///   - the result is not whole.
class Formula {
 public:
  /// @param symbols  names that the formula may use.
  /// @param where    begins the error messages, such as "task.yaml:7:10".
  /// @throws Error (kInput) naming the character of a syntax error or an unknown symbol (suggests
  ///         the nearest).
  Formula(std::string text, std::span<const std::string> symbols, const std::string& where);
  ~Formula();
  Formula(Formula&&) noexcept;
  Formula& operator=(Formula&&) noexcept;

  const std::string& text() const;

  /// The value for some values of the symbols; empty if the value is no whole number below 2^53 in
  /// size. Not thread-safe on one object.
  /// @param values  one per symbol, in the constructor's order.
  std::optional<int64_t> evaluate(std::span<const int64_t> values);

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace cprobe
