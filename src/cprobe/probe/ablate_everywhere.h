#pragma once

#include <vector>

#include "cprobe/probe/cell_progress.h"
#include "cprobe/probe/findings.h"
#include "cprobe/probe/run_data.h"
#include "cprobe/probe/streams.h"

namespace cprobe {

/// All ablations of a circuit on every behaviour data set of a run; fills take their means and donors from its training
/// data.
/// @param model    the one that is ablated: after a negative control, another than the run's.
/// @param streams  of `model`.
/// @param seed     of a cell; each data set derives its own by its label, so its figures do not depend on the others.
/// @param progress may be empty.
/// @throws Error (kInterrupted) between two ablations once a stop is requested; (kInput) as `embed`, and
///         for a circuit of several components.
std::vector<Findings::OnBehaviour> ablate_everywhere(const Model& model, const Circuit& circuit, const RunData& data,
                                                     const AblationOptions& options, Seed seed, Streams& streams,
                                                     const CellProgress& progress = {});

}  // namespace cprobe
