#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "cprobe/experiment/estimate.h"
#include "cprobe/experiment/run_folder.h"
#include "cprobe/experiment/spec.h"

namespace cprobe {

struct RunOptions {
  std::filesystem::path out;  ///< Run folder; empty: the spec's.
  bool overwrite = false;     ///< Compute these cells again, also those that are finished.
  bool wait = false;          ///< Where another process works in the folder, wait until it has ended.
  bool quiet = false;         ///< No progress on stderr.
  /// Bytes for residual streams. Where they would take more, they are kept in scratch files in the run folder.
  int64_t memory = 500'000'000;
  int n_threads = 0;  ///< Threads of a cell; part of its identity. 0: all processors. Set through set_threads.
};

/// What a run would do.
struct RunPlan {
  struct PlannedCell {
    std::string label;  ///< As in the record.
    CellTime time;
  };
  std::vector<PlannedCell> cells;  ///< In the order of the table.
  int n_threads = 0;
  double seconds = 0;            ///< Of all cells.
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
/// Cells that failed before are tried again. What the folder holds of other specs stays in the record.
///
/// A cell that fails is recorded with its error and the others go on.
/// @throws Error (kInput) before anything is written if the spec, model or data are wrong, another process works in the
///         folder, or it holds files of the same names that no run of ours made;
///         (kInterrupted) when a stop is requested, saying what was kept; (kFailed) if the record cannot be written.
RunSummary run(const Spec& spec, const RunOptions& options);

}  // namespace cprobe
