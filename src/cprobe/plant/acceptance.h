#pragma once

#include <string>
#include <vector>

#include "cprobe/core/seed.h"
#include "cprobe/data/dataset.h"
#include "cprobe/model/model.h"
#include "cprobe/plant/truth.h"

namespace cprobe {

/// What a model must do for its truth to be accepted.
inline constexpr double kLeastPlantedAccuracy = 0.99;  ///< Of the model's answers, but for implants.
inline constexpr double kMostChangedAccuracy = 0.02;   ///< By an implant, either way.
inline constexpr double kLeastMovedByUnits = 0.99;     ///< Share of pairs, units of V exchanged.
inline constexpr double kMostMovedByOthers = 0.01;     ///< Share of pairs, all other units exchanged.
inline constexpr double kLeastAnswersByUnits = 0.95;   ///< As above, for a variable without a code.
inline constexpr double kMostAnswersByOthers = 0.05;

/// How well a truth holds for one variable that the model computes. A pair is a row and a donor
/// with another value of the variable.
///   - The variable has a code: the share of pairs in which an exchange makes the component write
///     the donor's value, as the code says.
///   - It has none, as in a trained model: shares of pairs by the model's answers
///     (`exchanged_answers`), every token exchanged or the last one only, whichever is worse.
struct PlantedExchange {
  std::string variable;
  bool is_by_answers = false;  ///< The variable has no code.
  /// Units of the variable, shared ones included, see the donor. Without a code: share with the
  /// counterfactual answer, the interchange accuracy.
  double by_units = 0;
  /// All other units see the donor. Without a code: share that lost its own answer, 1 - the strict
  /// accuracy.
  double by_others = 0;
};

/// Share of the rows that a model answers right.
double task_accuracy(const Model& model, const Dataset& data);

/// Tests the truth of a model on its data. Of an implant,
///   - the model's accuracy is what it is, and must have stayed (`check_behaviour`);
///   - the variable is read in what the implanted units alone write, which are the last of the
///     hidden layer: beside a weak implant, what the other units happen to write along its code is
///     large. So a truth that takes other units for the implanted ones is refused.
/// The probed token is the last, or that of the knob `position`.
/// @param data  all rows. For variables without a code, rows are paired with sources.
/// @return      a figure for each variable that is used or idle.
/// @throws Error (kInput) naming the variable and the figure if the model answers too few rows
///         right, a variable's own units move too few pairs, or other units move too many.
std::vector<PlantedExchange> check_truth(const Model& model, const Truth& truth, const Dataset& data, Seed seed);

/// The first part of `check_truth`: the model's answers.
/// @return  share of the rows that the model answers right.
/// @throws Error (kInput)
///   - tier implant: the accuracy differs by more than kMostChangedAccuracy from the knob
///     `accuracy_before`;
///   - other tiers: the accuracy is below kLeastPlantedAccuracy.
double check_behaviour(const Model& model, const Truth& truth, const Dataset& data);

/// The second part of `check_truth`: the units.
std::vector<PlantedExchange> check_units(const Model& model, const Truth& truth, const Dataset& data, Seed seed);

/// Measures the importance of each unit of the components that compute variables, and writes it
/// into the truth: the mean over pairs of
///
///     |R (update with the unit's output from the donor - update)| / |R (donor's update - update)|
///
/// R projects on the span of the variable's code. A unit of an input matrix acts through all units
/// of the last matrix, as a unit of the last matrix acts for all units of the others.
///
/// Of a variable without a code: `measure_importance_by_answers`.
void measure_importance(Truth& truth, const Model& model, const Dataset& data, Seed seed);

}  // namespace cprobe
