#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "cprobe/core/progress.h"
#include "cprobe/probe/run_data.h"
#include "cprobe/spec/spec.h"

namespace cprobe {

/// What a cell is expected to take, in seconds.
struct CellTime {
  double streams = 0;  ///< To take the residual streams to its component from that of the cell before.
  double epoch = 0;    ///< One pass of mask training.
  int64_t n_epochs = 0;
  double ablation = 0;  ///< One run of the model without some units; the mean over data sets.
  int64_t n_ablations = 0;

  double fit() const { return epoch * static_cast<double>(n_epochs); }
  double ablations() const { return ablation * static_cast<double>(n_ablations); }
  double total() const { return streams + fit() + ablations(); }
};

/// The pieces of a cell's work, each taken for a second: where nothing is measured.
CellTime unmeasured(const Spec& spec, const RunData& data, const Cell& cell);

/// How long a run takes, and what memory, from an epoch of mask training and a forward pass measured here and now.
/// Decoding by nearest neighbours is left out.
class Estimate {
 public:
  /// Trains two epochs per block and batch size of the cells and runs some hundred nodes through the model; draws
  /// nothing from the run's random streams. Refers to `spec` and `data`, which must outlive it.
  /// @param new_rows where the run keeps its streams. @param on_progress told of each measurement.
  /// @throws Error (kFailed) where mask training fails at once, (kInterrupted) when a stop is requested.
  Estimate(const Spec& spec, const std::vector<Cell>& cells, const RunData& data, const NewRows& new_rows,
           const OnProgress& on_progress = {});

  /// @param before the cell that is computed before it; null: it is the first.
  CellTime of(const Cell& cell, const Cell* before) const;

  double epoch_seconds() const;  ///< Of one epoch of each kind of cell that was measured, summed.
  int64_t weights_memory() const { return weights_memory_; }  ///< Bytes of the model's weights.
  /// Of the run, in bytes: libraries, weights and residual streams included, in memory or not. Over hours the heap may
  /// grow by some hundred MB beyond it.
  int64_t peak_memory() const { return peak_memory_; }
  /// What a cell takes of it beside what all cells share: libraries, weights and data.
  int64_t cell_memory() const { return peak_memory_ - shared_memory_; }

 private:
  double measured_epoch(const Cell& cell, const NewRows& new_rows) const;
  double measured_product() const;
  /// Takes the memory of an ablation: two layers on the largest data set of which behaviour is measured.
  void run_two_layers() const;
  /// Products of a weight and a node's state from one site to another.
  double products(int64_t n_nodes, Site from, Site to) const;
  /// Bytes that cells take and the measured epoch does not.
  int64_t further_memory(const std::vector<Cell>& cells) const;

  const Spec* spec_;
  const RunData* data_;
  std::map<std::pair<Block, int64_t>, double> epochs_;  ///< Seconds, by block and batch size.
  double product_ = 0;                                  ///< Seconds of one such product.
  int64_t weights_memory_ = 0;
  int64_t peak_memory_ = 0;
  int64_t shared_memory_ = 0;
};

}  // namespace cprobe
