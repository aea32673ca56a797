#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace cprobe {

/// A whole-number formula such as `(a^2 - b^2) % p`, written as a muParser expression.
///
/// Arithmetic operators bind as in Python, from the tightest to the loosest:
///   - `^`, from right to left: the power, Python's `**`.
///   - The sign: `-b^2` is `-(b^2)`.
///   - `*`, `/` and `%`, from left to right. `%` is the Euclidean remainder, which is never
///     negative: `-1 % 113` is 112.
///   - `+` and `-`, from left to right.
///   - Comparisons (`==`, `!=`, `<`, `<=`, `>`, `>=`), then `&&`, then `||`. The values of all
///     these are 1 (true) and 0 (false).
///
/// Assignment and `?:` are refused.
///
/// Evaluation is in double precision, which holds whole numbers up to 2^53 exactly. A formula has
/// no value if
///   - a sum, difference or product of whole numbers is rounded;
///   - a power is beyond 2^53 in size;
///   - `/` or `%` divides by 0;
///   - an operand of `%` is not a whole number below 2^53 in size;
///   - the result is not a whole number below 2^53 in size.
class Formula {
 public:
  /// @param symbols  names that the formula may use.
  /// @param where    begins the error messages: "task.yaml:7:10", for example.
  /// @throws Error (kInput) for a syntax error or an unknown symbol. The message says at which
  ///         character. For an unknown symbol, the message suggests the nearest symbol.
  Formula(std::string text, std::span<const std::string> symbols, const std::string& where);
  ~Formula();
  Formula(Formula&&) noexcept;
  Formula& operator=(Formula&&) noexcept;

  const std::string& text() const;
  const std::vector<std::string>& used_symbols() const;  ///< That occur in it, in alphabetical order.

  /// Evaluates the formula; empty if the formula has no value (see above). Two threads must not
  /// evaluate the same object at once.
  /// @param values  of the symbols, in the order of the constructor's `symbols`.
  std::optional<int64_t> evaluate(std::span<const int64_t> values);

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace cprobe
