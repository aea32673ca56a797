#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "cprobe/experiment/spec.h"
#include "cprobe/experiment/store.h"

namespace cprobe {

struct RunOptions {
  std::filesystem::path out;  ///< Run folder; empty: the spec's.
  bool overwrite = false;     ///< Remove an earlier run in the folder first.
  bool quiet = false;         ///< No progress on stderr.
  int n_threads = 0;          ///< Threads of a cell; part of its identity. 0: all processors. Set through set_threads.
};

/// What a run did.
struct RunSummary {
  std::filesystem::path out;
  int64_t n_cells = 0;
  int64_t n_computed = 0;  ///< In this call; the others were finished before.
  std::string table;       ///< One line per finished cell, for people.
};

/// Computes every unfinished cell of a spec and records it in the run folder. Cells that failed before are tried again.
///
/// A cell that fails is recorded with its error and the others go on. A folder that holds another run, or this one
/// finished, is left alone. @throws Error (kInput) before anything is written if the spec, model or data are wrong or
/// the folder is taken; (kFailed) at the end if cells failed; (kInterrupted) when a stop is requested, saying what was
/// kept.
RunSummary run(const Spec& spec, const RunOptions& options);

/// Finished cells of a store as an aligned text table: decodability, circuit size, behaviour with the circuit ablated,
/// and the finding in words.
std::string results_table(const Store& store);

/// The same, every field of results.csv: one JSON object per finished cell and line; null where a figure does not
/// exist.
std::string results_json(const Store& store);

}  // namespace cprobe
