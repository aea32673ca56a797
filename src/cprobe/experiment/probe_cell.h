#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "cprobe/circuit/fit.h"
#include "cprobe/experiment/result_row.h"
#include "cprobe/experiment/spec.h"

namespace cprobe {

/// Model and data of a run, loaded once.
struct RunData {
  Model model;
  Dataset train;
  Dataset test;
  std::vector<std::pair<std::string, Dataset>> behaviour;  ///< Label -> data set, as in the spec.
  std::vector<std::string> fingerprints;                   ///< Of the model, then of every data file.
};

/// @throws Error (kInput) as load_model and load_arithmetic_csv.
RunData load_run_data(const Spec& spec);

/// Everything a cell computes.
struct CellResult {
  Findings findings;
  std::vector<EpochRecord> curve;
};

/// Told after each epoch of mask training (1) and each other piece of work (0), with a few words on it.
using CellProgress = std::function<void(int64_t n_epochs, const std::string& note)>;

/// Finds the circuit of one cell and evaluates it (docs/method.md, "The steps").
/// @param id       the cell's identity, noted in the circuit.
/// @param progress may be empty.
/// @throws Error   (kInput) if the variable, layer or position does not exist, or the labels cannot be decoded (one
///         class only, a class with a single training token), (kInterrupted) when a stop is requested.
CellResult probe_cell(const Spec& spec, const Cell& cell, const std::string& id, const RunData& data,
                      const CellProgress& progress = {});

}  // namespace cprobe
