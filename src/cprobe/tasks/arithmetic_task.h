#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "cprobe/io/document.h"

namespace cprobe {

/// How an input symbol gets its value.
enum class SymbolKind {
  kOperand,    ///< Runs over all of 0..modulus-1; the rows of the task are all combinations of its operands.
  kBijection,  ///< A fixed random bijection of one operand (the paper's distractor in Experiment 2).
  kUniform,    ///< Drawn uniformly for every row (a truly random distractor).
};

struct Symbol {
  std::string name;
  SymbolKind kind = SymbolKind::kOperand;
  std::string of;  ///< kBijection: the operand it follows.
};

/// An arithmetic task given by formulas. Experiments 1-3 of the paper are four of these (examples/tasks), a user's own
/// is one more.
///
/// Formulas are muParser expressions over the symbols and `p` (the modulus), with `%` as the Euclidean remainder
/// (-1 % 113 = 112) and `^` as power; values must be whole numbers below 2^53 in size (cprobe/data/formula.h).
struct ArithmeticTask {
  using NamedFormulas = std::vector<std::pair<std::string, std::string>>;  ///< Name -> formula, in the file's order.

  std::string name;
  int64_t modulus = 113;  ///< At least 2.
  std::vector<Symbol> symbols;
  std::vector<std::string> tokens;  ///< The input: a symbol's name, or a number (a constant token such as 113 for "=").
  std::string answer;               ///< Formula of the right answer; reduced mod p.
  NamedFormulas variables;          ///< What the model may compute; not reduced unless the formula does.
  NamedFormulas auxiliaries;        ///< Likewise: variables that the model should not compute.

  /// Reverse Polish expressions over variables and auxiliaries and their counterparts (`counter_` in front) of the
  /// paired row, as in the paper's CF_FN columns ("var_0 counter_var_1 +"); their values mod p are the counterfactual
  /// labels.
  std::vector<std::string> counterfactuals;
  double train_fraction = 0.6;  ///< In (0, 1): share of all rows in the training split (rounded down).
};

/// Reads a task from YAML (docs/file_formats.md).
/// @throws Error (kInput) with file, line and column: unknown key, unknown symbol in a formula or among the tokens, a
///         formula that does not parse, a counterfactual that names no variable.
ArithmeticTask parse_arithmetic_task(const Document& yaml);

/// The task with every distractor that follows an operand drawn for every row instead.
ArithmeticTask with_uniform_distractors(ArithmeticTask task);

/// Size of the vocabulary of a model for the task: one more than its largest token (p + 1 with "=" as token p).
int64_t vocabulary(const ArithmeticTask& task);

}  // namespace cprobe
