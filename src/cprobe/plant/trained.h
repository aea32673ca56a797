#pragma once

#include <cstdint>

#include "cprobe/core/progress.h"
#include "cprobe/core/seed.h"
#include "cprobe/model/address.h"
#include "cprobe/plant/planted.h"
#include "cprobe/plant/planted_rows.h"

namespace cprobe {

/// Steps that training may take at most.
inline constexpr int64_t kMostPlantSteps = 4000;

/// The knobs of a trained model.
struct TrainedOptions {
  int64_t n_operands = 11;  ///< Values of each of the two operands, 4 to 50.
  int64_t n_classes = 7;    ///< Values of V and of the answer, from 2.
  int64_t n_layers = 2;     ///< 1 or 2.
  /// The component that computes V: the MLP of layer 0. Others are refused:
  ///   - attention can pass on a function of one operand that the embedding holds;
  ///   - behind another MLP, nothing keeps V from being computed there and passed on.
  ComponentRef component = {0, Block::kMlp};
  double share = 0.25;  ///< Of each matrix's units, those that carry V, in [0.05, 0.5].
  int64_t context = 1;  ///< Tokens before the operands, 0 to 64.
  /// kDirect: V. kCombined: V + U_1 modulo the classes, with two layers. U_1 is a function of one
  /// operand, computed where training puts it, so that the truth says nothing about U_1.
  PlantedAnswer answer = PlantedAnswer::kDirect;
  int64_t steps = kMostPlantSteps;  ///< Steps at most, 1 to kMostPlantSteps.
  OnProgress on_progress;
};

/// Trains a model in which chosen units of one component carry a variable V, and the answer follows
/// V through these units alone (interchange intervention training, Geiger et al. 2022, made strict
/// as in InterpBench, Gupta et al. 2024; here on the level of units).
///
/// *Model.* A GPT-2 with ReLU, d_model 64, 4 heads and d_mlp 256, over the rows of `planted_rows`.
/// V is a random function of both operands. A share of the outputs of each matrix of the component
/// is marked before training: hidden units of the input matrix, and coordinates of the update.
///
/// *Loss* of a step: the sum of three mean cross-entropies over 512 pairs (row, source), drawn from
/// all rows:
///
///     of the answer
///     + of the answer with V from the source, as the marked units see the source
///     + .4 x of the answer, as a random half of all other units see the source
///
/// "Units see the source" as in ExchangedComponent: along the paths through these units. A marked
/// coordinate of the update reads the mixed hidden layer, and other coordinates read their own row.
/// In half of the pairs every token of the row is exchanged, in the others only the last token.
/// Without the first, exchanging whole rows may do anything. Without the second, V could be
/// computed at an earlier token and brought by later attention, and the last token's units would
/// not hold V.
///
/// *Optimiser.* AdamW, rate 1e-3 after 10 steps, betas .9 and .98, weight decay .01. Ends early
/// once interchange and strict accuracy reach .99, measured every 100 steps.
///
/// *What is accepted.* Tried: 30 models, seeds 1 to 3 with
///   - one layer, share .25 or .1; 7 or 17 operands or 14 classes without context, share .1; 2
///     classes, share .25;
///   - two layers, both answers, share .25 or .1.
/// All reached .99 after 200 to 2,000 steps.
///
/// *Hypotheses.* As in a compiled model (`merged`, `table_1`, `table_2`, `partition`). V's operands
/// are brought to the last token by attention of layer 0, the only component before V's.
///
/// @throws Error
///   - (kInput) naming the knob, if it is out of range;
///   - (kFailed) naming the figures, if the model is not accepted after the last step;
///   - (kInterrupted) once a stop is requested.
Planted train_planted(const TrainedOptions& options, Seed seed);

}  // namespace cprobe
