#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cprobe {

/// Prefix of the names of columns that hold values in the sources of rows. The source of a row is
/// the row that an interchange intervention pairs with the row. Column `counter_var_1` holds the
/// value of var_1 in each row's source.
inline constexpr std::string_view kSourcePrefix = "counter_";

/// A formula for a counterfactual answer, in reverse Polish notation: the operator follows its two
/// operands. `var_0 counter_var_1 +` adds the row's own value of var_0 and the value of var_1 in
/// the paired row, which is the row's source. The columns CF_FN_0, CF_FN_1, ... of a data set hold
/// such formulas.
///   - Operands: names of variables. A plain name is the row's own value. A name with the prefix
///     `counter_` is the paired row's value.
///   - Operators: `+`, `-` and `*`.
class Counterfactual {
 public:
  /// @param text   the formula.
  /// @param names  variables that the formula may name, without prefix.
  /// @param where  begins the error messages: "task.yaml:9:5", for example.
  /// @throws Error (kInput)
  ///   - if a name is unknown; suggests the nearest name;
  ///   - if an operator has fewer than two operands before it;
  ///   - if more or less than one value is left at the end.
  Counterfactual(const std::string& text, std::span<const std::string> names, const std::string& where);

  /// The answer modulo `modulus`: a number in [0, modulus).
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
