#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cprobe/record/store.h"
#include "cprobe/run/workers.h"

/// The folder of a run: the rules by which earlier runs and other people's files in it are kept.
namespace cprobe {

/// The folder of a run: the spec's unless `out` is given. @throws Error (kInput) if there is none.
std::filesystem::path run_folder(const Spec& spec, const std::filesystem::path& out);

/// Refuses a folder in which the names that a run uses are taken by something else, such as results of the reference.
/// @throws Error (kInput).
void check_names(const std::filesystem::path& folder);

/// Whether there is a record of a run. A folder may hold cells of several methods.
bool holds_run(const std::filesystem::path& folder);

/// The record in a folder, to read it; a run may be going on there.
/// @throws Error (kInput) as Store::open_existing, and while a process of another machine works there: SQLite's log takes
///         memory that writer and reader share.
Store open_to_read(const std::filesystem::path& folder);

/// What a run works on and how, for its record.
struct RunNotes {
  Parallelism parallelism;
  at::Device device = at::kCPU;
  std::filesystem::path model = {};
  std::string spec = {};                       ///< Text of its file; may be empty.
  std::vector<std::string> fingerprints = {};  ///< As of RunData: tables hold no cells of other models or data.
};

/// This call of the program, for a record.
Invocation this_call(const RunNotes& notes);

/// Which finished and failed cells are computed again.
struct Again {
  bool all = false;     ///< Those of the plan, finished or not.
  bool failed = false;  ///< Those that failed before.
};

/// The record in a folder, with the plan made and this call begun.
/// @throws Error (kInput) as check_names, and as Store::open.
Store open_run(const std::filesystem::path& folder, const std::vector<PlannedCell>& plan, const RunNotes& notes,
               const Again& again);

/// Numbers of the planned cells that are neither finished nor failed.
std::vector<size_t> unfinished_cells(const Store& store, const std::vector<PlannedCell>& plan);

/// What a run did.
struct RunSummary {
  std::filesystem::path out;
  int64_t n_cells = 0;
  int64_t n_computed = 0;                 ///< In this call; the others were finished before.
  int64_t n_elsewhere = 0;                ///< By other processes at the same time (RunOptions::shard).
  bool is_reported_by_rank_zero = false;  ///< This process is a rank that only computes: rank 0 knows what was done.
  std::vector<std::string> failures;      ///< A line for each cell that failed, in this call or before: what, and why.
  std::vector<std::string> left_out;      ///< A line for each method and variable for which the data do not suffice.

  /// @param problem empty: it was computed.
  void add(const std::string& label, const std::string& problem);
};

}  // namespace cprobe
