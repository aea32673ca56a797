#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cprobe {

/// Begins the name of a column with a variable's value in each row's source.
inline constexpr std::string_view kSourcePrefix = "counter_";

/// A counterfactual answer in reverse Polish notation, as in the paper's CF_FN columns: `var_0 counter_var_1 +` is the
/// answer with variable 1 taken from the paired row. Operands are variables' names, with `counter_` in front for the
/// paired row's value; operators are `+`, `-` and `*`.
class Counterfactual {
 public:
  /// @param names variables that may be named. @param where what to put in front of messages, such as "task.yaml:9:5".
  /// @throws Error (kInput) for a name that is no variable (with the nearest), or operands and operators that do not
  /// match up.
  Counterfactual(const std::string& text, std::span<const std::string> names, const std::string& where);

  /// The answer modulo `modulus` (from 1 to 2^31), in [0, modulus).
  /// @param own, paired the variables' values in the row and in its paired row, in the order of the constructor's
  /// names.
  int64_t evaluate(std::span<const int64_t> own, std::span<const int64_t> paired, int64_t modulus) const;

 private:
  enum class Kind { kOwn, kPaired, kAdd, kSubtract, kMultiply };
  struct Step {
    Kind kind;
    size_t variable = 0;  ///< kOwn and kPaired: place among the names.
  };
  std::vector<Step> steps_;
};

}  // namespace cprobe
