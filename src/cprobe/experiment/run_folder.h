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

/// Removes what a run writes and nothing else. @throws Error (kFailed).
void remove_run(const std::filesystem::path& folder);

/// What a run works on and how, for its record.
struct RunNotes {
  int n_threads = 0;
  std::filesystem::path model;
  std::string spec;                       ///< Text of its file; may be empty.
  std::vector<std::string> fingerprints;  ///< As of RunData: the cells of one folder share them.
};

/// Refuses a folder that holds cells of another model or other data, other cells of the planned methods or, unless they
/// may be kept, these finished. @throws Error (kInput).
void check_folder(const Store& store, const std::vector<Store::PlannedCell>& plan, const RunNotes& notes,
                  const std::filesystem::path& folder, bool keep_finished);

/// Removes what an earlier run of the planned methods left, if there is one, and nothing else. @throws Error (kFailed),
/// or (kInput), before anything is removed, if the store is of another version or other methods' cells, which stay, are
/// of another model or other data.
void remove_cells(const std::filesystem::path& folder, const std::vector<Store::PlannedCell>& plan,
                  const RunNotes& notes);

/// The record in a folder, with the plan added and the notes written. @throws Error as above, and as Store::open.
Store open_run(const std::filesystem::path& folder, const std::vector<Store::PlannedCell>& plan, const RunNotes& notes,
               bool keep_finished);

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
