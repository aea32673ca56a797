#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "cprobe/io/document.h"
#include "cprobe/io/document_keys.h"

namespace cprobe {

/// How an input symbol gets its value.
enum class SymbolKind {
  kOperand,    ///< Takes all values 0..modulus-1; a task's rows are all combinations of operands.
  kBijection,  ///< A fixed random bijection of one operand (the distractor of Experiment 2).
  kUniform,    ///< Drawn uniformly for every row (a truly random distractor).
};

struct Symbol {
  std::string name;
  SymbolKind kind = SymbolKind::kOperand;
  std::string of;  ///< kBijection: the operand that the bijection maps.
};

/// An arithmetic task given by formulas. examples/tasks holds the four tasks of the paper's
/// Experiments 1-3; a user's own task is one more file.
///
/// Formulas are muParser expressions over the symbols and `p` (the modulus), with `%` as the
/// Euclidean remainder (-1 % 113 = 112) and `^` as power. Values are whole numbers below 2^53 in
/// size (cprobe/tasks/formula.h).
struct ArithmeticTask {
  /// Name -> formula, in the file's order.
  using NamedFormulas = std::vector<std::pair<std::string, std::string>>;

  std::string name;
  int64_t modulus = 113;  ///< At least 2.
  std::vector<Symbol> symbols;
  /// The input: names of symbols, and numbers (constant tokens, such as 113 for "=").
  std::vector<std::string> tokens;
  std::string answer;         ///< Formula of the right answer; reduced mod p.
  NamedFormulas variables;    ///< What the model may compute; reduced mod p only by the formula.
  NamedFormulas auxiliaries;  ///< What the model should not compute; reduced as `variables`.

  /// Reverse Polish expressions, as in the paper's CF_FN columns ("var_0 counter_var_1 +"), over
  /// variables and auxiliaries of the row and, with `counter_` in front, of the paired row. Their
  /// values mod p are the counterfactual labels.
  std::vector<std::string> counterfactuals;
  /// In (0, 1): share of all rows in the training split, rounded down.
  double train_fraction = 0.6;
};

/// The keys of a task file.
inline constexpr std::array kTaskFileKeys = {
    DocumentKey{"name", "text", "name of the task", true},
    DocumentKey{"modulus", "count", "p in formulas; numbers are the tokens below it", true},
    DocumentKey{"operands", "[text]", "each runs over all numbers below the modulus", true},
    DocumentKey{"distractors", "{=uniform|@distractor}", "tokens that the answer does not depend on"},
    DocumentKey{"tokens", "[text]", "what stands in a row: operands, distractors, numbers", true},
    DocumentKey{"answer", "text", "formula of the right next token", true},
    DocumentKey{"variables", "{text}", "formulas of what the model could compute"},
    DocumentKey{"auxiliaries", "{text}", "formulas of what it could compute instead"},
    DocumentKey{"counterfactuals", "[text]", "answers in reverse Polish notation"},
    DocumentKey{"train_fraction", "number", "share of the rows to train on; default 0.6"},
};
inline constexpr std::array kDistractorKeys = {DocumentKey{"bijection_of", "text", "an operand", true}};

/// Reads a task from YAML (docs/file_formats.md).
/// @throws Error (kInput) with file, line and column: unknown key, unknown symbol in a formula or
///         among the tokens, a formula that does not parse, a counterfactual that names no
///         variable.
ArithmeticTask parse_arithmetic_task(const Document& yaml);

/// The task with every bijection drawn uniformly for every row instead.
ArithmeticTask with_uniform_distractors(ArithmeticTask task);

/// The vocabulary of a model for the task: the largest token plus 1 (p + 1 with "=" as token p).
int64_t vocabulary(const ArithmeticTask& task);

}  // namespace cprobe
