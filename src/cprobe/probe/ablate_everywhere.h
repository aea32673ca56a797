#pragma once

#include <vector>

#include "cprobe/core/progress.h"
#include "cprobe/probe/findings.h"
#include "cprobe/probe/null_circuits.h"
#include "cprobe/probe/run_data.h"
#include "cprobe/probe/streams.h"

namespace cprobe {

/// All ablations of a circuit on one evaluation set.
/// @param label    of the evaluation set. Seeds, with `seed`, the donors, and random sets of
///                 RandomSets::kComplement; uniform sets are the same on all evaluation sets.
/// @param train    gives fills their means and donors.
/// @param streams  of `model`.
/// @param on_progress  told of each ablation, and before the untouched model runs.
/// @param context  as for `ablate`.
/// @throws Error (kInterrupted) between two ablations once a stop is requested; as `embed`.
Findings::OnEvaluationSet ablate_on(const Model& model, const Circuit& circuit, const std::string& label,
                                    const Dataset& data, const Dataset& train, const AblationOptions& options,
                                    Seed seed, Streams& streams, const OnProgress& on_progress = {},
                                    const AblationContext* context = nullptr);

/// All ablations of a circuit on every evaluation set of a run. Fills take their means and donors
/// from the run's training data.
/// @param model    the model that is ablated. With a negative control, this is not the run's model.
/// @param streams  of `model`.
/// @param seed     of a cell. Each evaluation set derives its own seed by its label, so that its
///                 figures do not depend on which other sets there are.
/// @param on_progress  as ablate_on, counting the ablations on all sets.
/// @param null     types of the rows; may be null. @param null_circuits  of its variables.
/// @throws Error as ablate_on.
std::vector<Findings::OnEvaluationSet> ablate_everywhere(const Model& model, const Circuit& circuit,
                                                         const RunData& data, const AblationOptions& options, Seed seed,
                                                         Streams& streams, const OnProgress& on_progress = {},
                                                         const NullHypothesis* null = nullptr,
                                                         std::span<const Circuit> null_circuits = {});

}  // namespace cprobe
