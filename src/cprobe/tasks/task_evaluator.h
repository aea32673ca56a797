#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/data/counterfactual.h"
#include "cprobe/tasks/arithmetic_task.h"
#include "cprobe/tasks/formula.h"

namespace cprobe {

/// The names that a task's formulas may use: its symbols, in order, then `p`.
std::vector<std::string> formula_symbols(const ArithmeticTask& task);

/// Names of the variables, then of the auxiliaries: the order of RowValues::variables.
std::vector<std::string> variable_names(const ArithmeticTask& task);

/// The number that a constant token stands for; empty if the text is no whole number >= 0 (but a
/// symbol's name).
std::optional<int64_t> constant_token(std::string_view token);

/// The values of a task's formulas in one row.
struct RowValues {
  std::vector<int64_t> tokens;
  int64_t answer = 0;              ///< In [0, modulus).
  std::vector<int64_t> variables;  ///< Variables, then auxiliaries.
};

/// A task's formulas, compiled. Not thread-safe on one object.
class TaskEvaluator {
 public:
  /// @throws Error (kInput) as parse_arithmetic_task, naming the task in place of a file.
  explicit TaskEvaluator(const ArithmeticTask& task);

  /// @param symbols  values of the task's symbols, in the task's order.
  /// @throws Error (kInput) naming the formula and the symbols' values if a result is not a whole
  ///         number below 2^53 in size.
  RowValues evaluate(std::span<const int64_t> symbols);

  /// For each of `variable_names`: the positions of the tokens on which the variable depends,
  /// ascending. Empty if one of its symbols is shown by no token.
  std::vector<std::vector<int64_t>> type_positions() const;

  /// The labels, in [0, modulus), of a row and its paired row: one for each of the task's
  /// counterfactuals.
  std::vector<int64_t> counterfactual_labels(const RowValues& row, const RowValues& paired) const;

 private:
  /// A token is the value of a symbol, or a number.
  struct Token {
    std::optional<size_t> symbol;
    int64_t constant = 0;
  };

  int64_t value(Formula& formula, const std::string& name, std::span<const int64_t> symbols);

  std::string task_;
  int64_t modulus_;
  std::vector<std::string> symbols_;  ///< The task's symbols, then `p`.
  std::vector<std::string> names_;
  std::vector<Token> tokens_;
  Formula answer_;
  std::vector<Formula> variables_;
  std::vector<Counterfactual> counterfactuals_;
};

}  // namespace cprobe
