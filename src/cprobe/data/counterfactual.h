#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cprobe {

/// Begins the name of the column that holds, for each row, a variable's value in the row's source.
inline constexpr std::string_view kSourcePrefix = "counter_";

/// A counterfactual answer in reverse Polish notation, as in the paper's CF_FN columns:
/// `var_0 counter_var_1 +` is the answer with variable 1 taken from the paired row. Operands are
/// names of variables: plain for the row's own value, with `counter_` in front for the paired row's
/// value. Operators are `+`, `-` and `*`.
class Counterfactual {
 public:
  /// @param names  variables that `text` may name.
  /// @param where  begins the error messages, such as "task.yaml:9:5".
  /// @throws Error (kInput) for an unknown name (suggests the nearest), or if operands and
  ///         operators do not match up.
  Counterfactual(const std::string& text, std::span<const std::string> names, const std::string& where);

  /// The answer modulo `modulus`, in [0, modulus).
  /// @param own, paired  values of the variables in the row and in its paired row, in the order of
  ///                     the constructor's `names`.
  /// @param modulus      from 1 to 2^31.
  int64_t evaluate(std::span<const int64_t> own, std::span<const int64_t> paired, int64_t modulus) const;

 private:
  enum class Kind { kOwn, kPaired, kAdd, kSubtract, kMultiply };
  struct Step {
    Kind kind;
    size_t variable = 0;  ///< kOwn and kPaired: index in `names`.
  };
  std::vector<Step> steps_;
};

}  // namespace cprobe
