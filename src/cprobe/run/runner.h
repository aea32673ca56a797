#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cprobe/baselines/baseline.h"
#include "cprobe/run/estimate.h"
#include "cprobe/run/power_plan.h"
#include "cprobe/run/run_options.h"
#include "cprobe/spec/spec.h"

namespace cprobe {

/// A forecast of a run: its cells, time and memory.
struct RunPlan {
  struct Forecast {
    std::string label;  ///< Label of the cell, as in the record.
    CellTime time;
    bool is_over = false;  ///< An earlier call finished or failed the cell, and it is left so.
  };
  std::vector<Forecast> cells;             ///< In the order of the tables.
  std::vector<PlannedQuestion> questions;  ///< What the run could tell.
  Titles titles;                           ///< What tables call the variables.
  Parallelism parallelism;
  double seconds = 0;            ///< Time to compute all cells that are not over.
  double seconds_at_least = 0;   ///< The same if all masks keep nothing.
  int64_t weights_memory = 0;    ///< Bytes of the model's weights.
  int64_t streams_memory = 0;    ///< Bytes of the residual streams of all jobs.
  bool streams_on_disk = false;  ///< Whether the residual streams would be in scratch files.
  int64_t peak_memory = 0;       ///< Bytes, as Estimate::peak_memory, for all jobs together.
};

/// Checks the spec, the model, the data and the run folder as `run` does, without writing anything.
/// @throws Error (kInput) as `run`.
void check_run(const Spec& spec, const RunOptions& options);

/// Forecasts what `run` could tell, and its time and memory, by measuring for a few seconds. Writes
/// nothing into the run folder, and does not need one. Residual streams that `run` would keep in
/// scratch files are kept, while measuring, in scratch files in the system's folder for temporary
/// files.
/// @throws Error as `run` about spec, model, data and device, and as Estimate.
RunPlan plan_run(const Spec& spec, const RunOptions& options);

/// Computes every unfinished cell of a spec and records the cell in the run folder. The folder's
/// tables then show this spec's cells. Cells of other specs stay in the record.
///
/// A cell that fails is recorded with its error; the other cells go on.
/// @throws Error
///   - (kInput), before anything is written, if the spec, model or data are wrong, another process
///     works in the folder, or check_names refuses the folder;
///   - (kInterrupted) when a stop is requested, saying what was kept;
///   - (kFailed) if the record cannot be written, or no worker is left.
RunSummary run(const Spec& spec, const RunOptions& options);

/// Runs comparison methods on a spec and writes their figures to metrics.csv of the run folder.
///   - A method that looks at a site runs on every variable x layer x block x position x seed.
///     Block `attn` means the state after attention ("mid"); block `mlp` means the state after the
///     MLP ("post").
///   - A method that looks at no site runs once per variable and seed.
///   - Cells that are finished in the folder are not computed again.
///   - A method leaves out a variable if the data lack something that the method needs for the
///     variable. On a GPU, a method that runs on the CPU only leaves out all variables.
/// @param methods  names; if empty, the methods under `baselines` in the spec or, without that key,
///                 all known methods.
/// @param known    all methods that exist.
/// @throws Error
///   - (kInput), before anything is written, if the spec, a method's options, the model or the data
///     are wrong, if all variables of a named method are left out, or if another process works in
///     the folder;
///   - (kInterrupted) when a stop is requested, saying what was kept;
///   - otherwise as `run`.
RunSummary run_baselines(const Spec& spec, const std::vector<std::string>& methods, const RunOptions& options,
                         std::span<const MethodEntry> known = baseline_methods());

}  // namespace cprobe
