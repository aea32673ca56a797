#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "cprobe/record/store.h"
#include "cprobe/run/workers.h"

/// The folder of a run: how earlier runs and other people's files in the folder are protected.
namespace cprobe {

/// The folder of a run: `out` or, if `out` is empty, the spec's folder.
/// @throws Error (kInput) if neither is given.
std::filesystem::path run_folder(const Spec& spec, const std::filesystem::path& out);

/// Refuses a folder that cannot become a run folder. @throws Error (kInput) if `folder`
///   - is a file;
///   - is no run folder, but holds a model;
///   - is no run folder, but holds files with the names that a run uses, such as results of the
///     reference.
void check_names(const std::filesystem::path& folder);

/// Whether a folder holds the record of a run. The record may hold cells of several methods.
bool holds_run(const std::filesystem::path& folder);

/// Opens the record in a folder for reading. A run may be going on in the folder.
/// @throws Error as Store::open_existing; (kInput) also while a process of another machine works in
///         the folder, because SQLite's log needs memory that writer and reader share.
Store open_to_read(const std::filesystem::path& folder);

/// How and on what a run works, for its record.
struct RunNotes {
  Parallelism parallelism;
  at::Device device = at::kCPU;
  std::filesystem::path model = {};
  std::string spec = {};  ///< Text of the spec's file; may be empty.
  /// As RunData::fingerprints. Cells with other fingerprints do not get into the tables.
  std::vector<std::string> fingerprints = {};
  JudgeOptions judge = {};  ///< The spec's rules for answers.
  Titles titles = {};       ///< What reports call each variable (variable_titles).
};

/// Describes this call of the program, for a record.
Invocation this_call(const RunNotes& notes);

/// Which finished and failed cells are computed again.
struct Again {
  bool all = false;     ///< All cells of the plan.
  bool failed = false;  ///< Cells of the plan that failed before.
};

/// Opens or creates the record in a folder, sets its plan, begins this call, and forgets the cells
/// that are to be computed again, with their circuit files.
/// @param on_message  as Store::open.
/// @throws Error as Store::open and Store::verify; (kFailed) if a circuit file cannot be removed.
Store open_run(const std::filesystem::path& folder, const std::vector<PlannedCell>& plan, const RunNotes& notes,
               const Again& again, const OnMessage& on_message = {});

/// The identities of the cells that are finished, or that failed and are left so.
/// @param retry_failed  whether failed cells are not left so.
std::set<std::string> cells_over(const Store& store, bool retry_failed = false);

/// Numbers in `plan` of the cells that are neither finished nor failed.
std::vector<size_t> unfinished_cells(const Store& store, const std::vector<PlannedCell>& plan);

/// The outcome of a run.
struct RunSummary {
  std::filesystem::path out;  ///< The run folder.
  int64_t n_cells = 0;        ///< Cells of the plan.
  int64_t n_computed = 0;     ///< Cells computed in this call.
  int64_t n_elsewhere = 0;    ///< Cells left to other processes on the folder (RunOptions::shard).
  /// True on an MPI rank that only computes: rank 0 knows the outcome, and this process does not.
  bool is_reported_by_rank_zero = false;
  /// A line for each cell that failed, in this call or before: label and error.
  std::vector<std::string> failures;
  /// A line for each method and variable left out: method, variable and reason.
  std::vector<std::string> left_out;

  /// Adds a cell that is over. @param problem  its error; empty if the cell was computed.
  void add(const std::string& label, const std::string& problem);
};

}  // namespace cprobe
