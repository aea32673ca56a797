#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cprobe/core/progress.h"
#include "cprobe/data/null_variables.h"
#include "cprobe/probe/probe_component.h"
#include "cprobe/probe/run_data.h"
#include "cprobe/probe/streams.h"

namespace cprobe {

/// The types of a variable in `data_sets`, the types held out, and its null variables. Each has, in
/// the rows trained on, as many values as the variable, and two rows of each value, and may hold
/// out the same types (`may_hold_out`). (A value without training rows is never decoded, so a null
/// variable that lacks one would be the weaker for it.)
/// @param n_wanted  null variables; fewer come back if the types allow no more.
/// @param share_held_out  of the types, as ProbeSpec::held_out_types.
/// @throws Error (kInput) as find_types and held_out_types.
NullHypothesis null_hypothesis(const RunData& data, const std::string& variable, const TypeOptions& options,
                               int64_t n_wanted, double share_held_out = 0);

/// The data sets of question 1, with the label of each: the test data, then the evaluation sets
/// that have the variable.
std::vector<std::pair<std::string, const Dataset*>> judged_sets(const RunData& data, const Types& types);

/// The training rows whose types are not held out, as FindOptions::train_rows; undefined if nothing
/// is held out.
at::Tensor rows_to_train_on(const RunData& data, const NullHypothesis& null);

/// The types of these rows (of all, if nothing is held out), as FindOptions::train_types.
at::Tensor types_to_train_on(const RunData& data, const NullHypothesis& null);

/// Finds the circuit of each null variable, with the options, batches and exemplars of the cell's
/// own circuit, in one loop (`fit_together`). Labels are those of the rows trained on.
/// @param options  of the cell's own circuit. With several L0 weights, `train_types` are defined.
/// @param streams  of `model`.
/// @throws Error as probe_component; (kFailed) if `train_types` are missing.
std::vector<Circuit> find_null_circuits(const Model& model, const RunData& data, const NullHypothesis& null,
                                        const ComponentRef& component, const FindOptions& options, Streams& streams,
                                        const OnProgress& on_progress = {});

/// Question 1 (docs/statistics.md) on the test data and on every evaluation set that has
/// the variable: is the variable in what the circuit writes, and was it made in this component? If
/// types are held out, only rows of types that no training row has are judged.
/// @param circuit   of the variable.
/// @param nulls     circuits of the null variables, in order. May be empty.
/// @param options   with `train_rows` of the same null hypothesis.
std::vector<Findings::Presence> presence(const Model& model, const RunData& data, const std::string& variable,
                                         const Circuit& circuit, const std::vector<Circuit>& nulls,
                                         const NullHypothesis& null, const FindOptions& options, Streams& streams);

}  // namespace cprobe
