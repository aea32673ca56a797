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

/// What formulas of a task may name: its symbols, in order, then `p`.
std::vector<std::string> formula_symbols(const ArithmeticTask& task);

/// Names of the variables, then of the auxiliaries: the order of RowValues::variables.
std::vector<std::string> variable_names(const ArithmeticTask& task);

/// The number that a constant token stands for; empty where the text is no whole number from 0 on (a symbol's name).
std::optional<int64_t> constant_token(std::string_view token);

/// What a task's formulas say about one row.
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

  /// @param symbols values of the task's symbols, in its order.
  /// @throws Error (kInput) naming the formula and the symbols' values if the result is not a whole number below 2^53.
  RowValues evaluate(std::span<const int64_t> symbols);

  /// One label for each of the task's counterfactuals, in [0, modulus), for a row and its paired row.
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
  std::vector<std::string> symbols_;  ///< With `p` at the end, as formulas see them.
  std::vector<std::string> names_;
  std::vector<Token> tokens_;
  Formula answer_;
  std::vector<Formula> variables_;
  std::vector<Counterfactual> counterfactuals_;
};

}  // namespace cprobe
