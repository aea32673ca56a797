#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cprobe/core/progress.h"
#include "cprobe/data/null_variables.h"
#include "cprobe/probe/probe_component.h"
#include "cprobe/probe/run_data.h"
#include "cprobe/probe/streams.h"

namespace cprobe {

/// The types of a variable in `data_sets`, and its null variables. Each has, in the training rows,
/// as many values as the variable, and two rows of each value. (A value without training rows is
/// never decoded, so a null variable that lacks one would be the weaker for it.)
/// @param n_wanted  null variables; fewer come back if the types allow no more.
/// @throws Error (kInput) as find_types.
NullHypothesis null_hypothesis(const RunData& data, const std::string& variable, const TypeOptions& options,
                               int64_t n_wanted);

/// Finds the circuit of each null variable, with the options, batches and exemplars of the cell's
/// own circuit, in one loop (`fit_together`). Labels are those of the training rows.
/// @param streams  of `model`.
/// @throws Error as probe_component.
std::vector<Circuit> find_null_circuits(const Model& model, const RunData& data, const NullHypothesis& null,
                                        const ComponentRef& component, const FindOptions& options, Streams& streams,
                                        const OnProgress& on_progress = {});

/// Question 1 (docs/statistics.md) on the test data and on every evaluation set that has
/// the variable: is the variable in what the circuit writes, and was it made in this component?
/// @param circuit   of the variable.
/// @param nulls     circuits of the null variables, in order. May be empty.
std::vector<Findings::Presence> presence(const Model& model, const RunData& data, const std::string& variable,
                                         const Circuit& circuit, const std::vector<Circuit>& nulls,
                                         const NullHypothesis& null, const FindOptions& options, Streams& streams);

}  // namespace cprobe
