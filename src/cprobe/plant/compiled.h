#pragma once

#include <cstdint>
#include <optional>

#include "cprobe/core/seed.h"
#include "cprobe/model/address.h"
#include "cprobe/plant/planted.h"
#include "cprobe/plant/planted_rows.h"

namespace cprobe {

/// The knobs of a compiled model. V is the variable that is looked for; U_1, U_2, ... are computed
/// by the same component.
struct CompiledOptions {
  /// Values of each of the two operands, 4 to 50. 0: 11, or 17 if functions are of one operand.
  int64_t n_operands = 0;
  int64_t n_classes = 7;  ///< Values of V and of each U, from 2; of one operand alone, at most half its values.
  int64_t n_layers = 2;   ///< From 1.
  /// The component that computes V and all U. An MLP computes functions of both operands, attention
  /// functions of one operand. Not set: drawn.
  std::optional<ComponentRef> component;
  bool one_operand = false;    ///< An MLP computes functions of one operand, too.
  double gain = 1;             ///< Length of V's code in relation to an operand's, > 0.
  int64_t n_distractors = 2;   ///< Number of U.
  double distractor_gain = 1;  ///< As `gain`, of each U.
  double overlap = 0;          ///< Share of V's hidden units that write U_1 as well, in [0, 1]. MLP only.
  int64_t redundancy = 1;      ///< Copies of V's hidden units, from 1. MLP only.
  double rotation = 0;         ///< How far the head's values are rotated, from 0: not at all. Attention only.
  double noise = 0.02;         ///< On every weight, in relation to its unit's that are not 0.
  /// Share of the hidden units, and of the head's values, that serve nothing, in [0, 0.9].
  double dead = 0.25;
  /// Tokens before the operands, drawn for each row. With 0, a hidden unit of a pair that is only
  /// in the test set is of no use in training, and no method that is trained can find it.
  int64_t context = 1;
  PlantedAnswer answer = PlantedAnswer::kDirect;
};

/// Compiles a model that computes chosen variables, without training, and knows of each unit what
/// it is for: a GPT-2 with ReLU, over rows `a b =` of two operands.
///
/// *Codes.* Value i of a feature is +1 at coordinate 2i of the feature's block of the stream, and
/// -1 at coordinate 2i + 1. All values then have mean 0 and one length, so that layer norm divides
/// by a number that is known: the mean over all rows, measured as the model is built.
///
/// *Components.*
///   - Attention of layer 0: two heads bring the operands to `=`.
///   - The component of V, attention: one head brings an operand, and its values add up the tokens
///     of each class of V, and of each U.
///   - The component of V, MLP: one hidden unit per pair of operands,
///     relu(a is i + b is j - 3/2), which writes the code of f(i, j). So for each U.
///   - All others: random, with updates as long as V's in coordinates that no code has.
///
/// Rows and hypotheses: `planted_rows`.
/// @throws Error (kInput) naming the knob
///   - if a knob is out of range, or does not fit the component;
///   - if the answer needs what the model lacks: U_1, or an MLP behind V's component.
Planted compile_model(const CompiledOptions& options, Seed seed);

}  // namespace cprobe
