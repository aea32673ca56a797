#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cprobe/plant/compiled.h"

namespace cprobe {

/// Kinds of token that may stand before the operands. Their ids follow that of `=`, the first id
/// that is neither an operand nor an answer.
inline constexpr int64_t kContextTokens = 8;

/// The functions and rows of a compiled model.
struct CompiledRows {
  /// A function of the operands.
  struct Function {
    std::string name;
    /// The value for each pair of operands, a * n_operands + b; or for each value of one operand.
    std::vector<int64_t> of_domain;
    bool is_of_pairs = true;
    bool is_of_copied = false;  ///< Of an operand that the model copies, and a hypothesis for that reason.
  };

  ComponentRef component;                    ///< Computes the functions.
  bool is_of_pairs = true;                   ///< The computed functions are of both operands.
  int64_t operand = 0;                       ///< Which operand functions of one operand are of: 0 or 1.
  std::vector<Function> functions;           ///< V, then each U.
  std::vector<Function> not_computed;        ///< All other hypotheses.
  std::vector<std::vector<int64_t>> tokens;  ///< All rows, training rows first.
  ArithmeticTable table;                     ///< The same rows with their variables.

  int64_t n_domain() const { return static_cast<int64_t>(functions.front().of_domain.size()); }
  /// Whether the answer depends on function `f`.
  bool is_used(size_t f, CompiledAnswer answer) const;
};

/// Draws the functions of a compiled model, and makes its rows.
/// @throws Error (kInput) if there are too few ways to group the operands.
CompiledRows compiled_rows(const CompiledOptions& options, const ComponentRef& component, Seed seed);

}  // namespace cprobe
