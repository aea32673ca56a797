#pragma once

#include <vector>

#include "cprobe/core/progress.h"
#include "cprobe/probe/findings.h"
#include "cprobe/probe/run_data.h"
#include "cprobe/probe/streams.h"

namespace cprobe {

/// All ablations of a circuit on one data set.
/// @param label   of the data set. Random controls and donors are drawn by it.
/// @param train   gives fills their means and donors.
/// @param streams of `model`.
/// @param on_progress told of each ablation, and before the untouched model runs.
/// @throws Error (kInterrupted) between two ablations once a stop is requested; as `embed`.
Findings::OnEvaluationSet ablate_on(const Model& model, const Circuit& circuit, const std::string& label,
                                    const Dataset& data, const Dataset& train, const AblationOptions& options,
                                    Seed seed, Streams& streams, const OnProgress& on_progress = {});

/// All ablations of a circuit on every behaviour data set of a run; fills take their means and donors from its training
/// data.
/// @param model    the one that is ablated: after a negative control, another than the run's.
/// @param streams  of `model`.
/// @param seed     of a cell; each data set derives its own by its label, so its figures do not depend on the others.
/// @param on_progress as ablate_on, of all data sets together.
/// @throws Error as ablate_on.
std::vector<Findings::OnEvaluationSet> ablate_everywhere(const Model& model, const Circuit& circuit,
                                                         const RunData& data, const AblationOptions& options, Seed seed,
                                                         Streams& streams, const OnProgress& on_progress = {});

}  // namespace cprobe
