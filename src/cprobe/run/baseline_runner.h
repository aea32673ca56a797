#pragma once

#include <span>
#include <string>
#include <vector>

#include "cprobe/baselines/baseline.h"
#include "cprobe/run/run_options.h"
#include "cprobe/spec/spec.h"

namespace cprobe {

/// Runs competing methods on a spec: every variable x layer x block (`attn`: the state after attention, "mid"; `mlp`: the
/// state after the MLP, "post") x position x seed, and methods that look at no site once per variable and seed. Figures go
/// to metrics.csv of the run folder. What is finished there is not computed again. Variables for which the data lack what
/// a method needs are left out of it.
/// @param methods names; empty: those under `baselines` in the spec or, without it, all.
/// @param known   the methods there are.
/// @throws Error (kInput) before anything is written if the spec, its options of a method, model or data are wrong, a
///         method that was asked for is left without a variable, or another process works in the folder; (kInterrupted)
///         when a stop is requested, saying what was kept.
RunSummary run_baselines(const Spec& spec, const std::vector<std::string>& methods, const RunOptions& options,
                         std::span<const MethodEntry> known = baseline_methods());

}  // namespace cprobe
