#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "cprobe/run/estimate.h"
#include "cprobe/run/run_options.h"
#include "cprobe/spec/spec.h"

namespace cprobe {

/// What a run would do.
struct RunPlan {
  struct Forecast {
    std::string label;  ///< As in the record.
    CellTime time;
    bool is_over = false;  ///< Computed, or failed, in an earlier call, and left so.
  };
  std::vector<Forecast> cells;  ///< In the order of the table.
  Parallelism parallelism;
  double seconds = 0;            ///< Until all cells are computed that are not over.
  int64_t weights_memory = 0;    ///< Bytes.
  int64_t streams_memory = 0;    ///< Bytes of the residual streams.
  bool streams_on_disk = false;  ///< They would be in scratch files.
  int64_t peak_memory = 0;       ///< Bytes.
};

/// Refuses what `run` would refuse before it computes anything; nothing is written. @throws Error (kInput) as `run`.
void check_run(const Spec& spec, const RunOptions& options);

/// What `run` would do and take, as measured in a few seconds; nothing is written. Streams that would be kept in scratch
/// files are, for as long, in the system's folder for temporary files.
/// @throws Error as `run` does before it writes anything, the run folder aside, and as Estimate.
RunPlan plan_run(const Spec& spec, const RunOptions& options);

/// Computes every unfinished cell of a spec and records it in the run folder, whose tables then show this spec's cells.
/// What the folder holds of other specs stays in the record.
///
/// A cell that fails is recorded with its error and the others go on.
/// @throws Error (kInput) before anything is written if the spec, model or data are wrong, another process works in the
///         folder, or it holds files of the same names that no run of ours made;
///         (kInterrupted) when a stop is requested, saying what was kept; (kFailed) if the record cannot be written.
RunSummary run(const Spec& spec, const RunOptions& options);

}  // namespace cprobe
