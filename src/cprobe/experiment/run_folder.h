#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "cprobe/experiment/store.h"

/// The folder of a run: the rules by which earlier runs and other people's files in it are kept.
namespace cprobe {

/// The folder of a run: the spec's unless `out` is given. @throws Error (kInput) if there is none.
std::filesystem::path run_folder(const Spec& spec, const std::filesystem::path& out);

/// Refuses a folder in which the names that a run uses are taken by something else, such as results of the reference.
/// @throws Error (kInput).
void check_names(const std::filesystem::path& folder);

/// Whether there is a record of a run. A folder may hold cells of several methods.
bool holds_run(const std::filesystem::path& folder);

/// Held while a run writes into its folder (run.lock there), by one process at a time, on whatever machine. A process
/// that dies lets go of it.
class RunLock {
 public:
  /// @param wait for another process to end; otherwise its folder is refused.
  /// @throws Error (kInput) where another process holds it, saying which; (kInterrupted) while it waits; (kFailed) if the
  ///         folder cannot be written.
  RunLock(const std::filesystem::path& folder, bool wait);
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;
  ~RunLock();

 private:
  int descriptor_ = -1;
};

/// What a run works on and how, for its record.
struct RunNotes {
  int n_threads = 0;
  std::filesystem::path model;
  std::string spec;                       ///< Text of its file; may be empty.
  std::vector<std::string> fingerprints;  ///< As of RunData: tables hold no cells of other models or data.
};

/// The record in a folder, with the plan made and this call begun.
/// @param overwrite cells of the plan that are there are computed again.
/// @throws Error (kInput) as check_names, and as Store::open.
Store open_run(const std::filesystem::path& folder, const std::vector<Store::PlannedCell>& plan, const RunNotes& notes,
               bool overwrite);

/// Numbers of the planned cells that are not finished.
std::vector<size_t> unfinished_cells(const Store& store, const std::vector<Store::PlannedCell>& plan);

/// Computes one cell and records it or, where it fails, its error; the others can go on.
/// @param compute returns what it found, all but the seconds.
/// @return        the error; empty where it was computed. @throws Error (kInterrupted) once a stop is requested.
std::string compute_and_record(Store& store, const std::string& id, const std::function<Store::Finished()>& compute);

/// What a run did.
struct RunSummary {
  std::filesystem::path out;
  int64_t n_cells = 0;
  int64_t n_computed = 0;             ///< In this call; the others were finished before.
  std::vector<std::string> failures;  ///< A line for each cell that failed: what, and why.
  std::vector<std::string> left_out;  ///< A line for each method and variable for which the data do not suffice.

  /// @param problem as compute_and_record returns it.
  void add(const std::string& label, const std::string& problem);
};

/// Computes cells and then writes the tables, also where a stop is requested. @throws Error (kInterrupted) saying what was
/// kept.
void finish_run(const Store& store, const std::vector<Store::PlannedCell>& plan, const std::filesystem::path& folder,
                const std::function<void()>& compute_cells);

}  // namespace cprobe
