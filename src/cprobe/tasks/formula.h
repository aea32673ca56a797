#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace cprobe {

/// A whole-number formula such as `(a^2 - b^2) % p`, written as a muParser expression.
///
/// Operators bind as in Python: `^` (power) first, then the sign, so `-b^2` is `-(b^2)`; `*`, `/` and `%` next, from
/// the left; then `+` and `-`. `%` is the Euclidean remainder: `-1 % 113` is 112, never negative. Assignment is
/// refused, and so is `?:`. Evaluation is in double precision; where a sum, difference, product or power of whole numbers
/// is too large to be exact (beyond 2^53), or an operand of `%` or the result is not whole, the formula has no value.
class Formula {
 public:
  /// @param symbols names that the formula may use. @param where what to put in front of messages, such as
  /// "task.yaml:7:10".
  /// @throws Error (kInput) naming the character of a syntax error or an unknown symbol (with the nearest known one).
  Formula(std::string text, std::span<const std::string> symbols, const std::string& where);
  ~Formula();
  Formula(Formula&&) noexcept;
  Formula& operator=(Formula&&) noexcept;

  const std::string& text() const;

  /// The value where the symbols have these values (in the constructor's order; as many).
  /// Empty where it is no whole number below 2^53 in size. Not thread-safe on one object.
  std::optional<int64_t> evaluate(std::span<const int64_t> values);

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace cprobe
