#pragma once

#include <torch/types.h>

#include <vector>

#include "cprobe/data/dataset.h"
#include "cprobe/model/model.h"
#include "cprobe/plant/exchanged_rows.h"
#include "cprobe/plant/truth.h"

namespace cprobe {

/// What a model answers if units of a component see the donor.
struct ExchangedAnswers {
  double by_units = 0;   ///< Share of rows with the counterfactual answer, if the units see the donor.
  double by_others = 0;  ///< Share of rows that no longer have their own answer, if all others do.
};

/// Measures both, with every token exchanged and with the last token only, and returns the worse
/// figures. Without gradients.
/// @param units                     as Circuit::members.
/// @param answers, counterfactuals  [n] int64: the right answer of each row, and the right one if
///                                  the variable had the donor's value.
ExchangedAnswers exchanged_answers(const ExchangedRows& rows, const std::vector<at::Tensor>& units,
                                   const at::Tensor& answers, const at::Tensor& counterfactuals);

/// The same for a variable's units, shared ones included, over all rows whose answer would be
/// another one with the variable's value of their source.
/// @param data  all rows, paired with sources.
/// @throws Error (kInput) if rows are not paired, the variable has no counterfactual answers, or
///         all of these are the rows' own answers.
ExchangedAnswers exchanged_answers(const PlantedVariable& variable, const Model& model, const Dataset& data);

/// Measures the importance of each unit of a variable's component by the model's answers, and
/// writes it into the variable: over at most 100 of the same rows, the mean |change of the
/// log-probability of the row's answer| with the unit exchanged, in relation to that with the whole
/// component exchanged. A unit of an input matrix acts through all units of the last matrix, and a
/// unit of the last matrix for all units of the others.
/// @throws Error as `exchanged_answers`.
void measure_importance_by_answers(PlantedVariable& variable, const Model& model, const Dataset& data);

}  // namespace cprobe
