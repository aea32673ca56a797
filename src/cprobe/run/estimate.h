#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "cprobe/core/progress.h"
#include "cprobe/probe/run_data.h"
#include "cprobe/run/cell_costs.h"
#include "cprobe/spec/spec.h"

namespace cprobe {

/// The time that a cell is expected to take, in seconds.
struct CellTime {
  /// Time to advance the residual streams from the previous cell's component to this cell's.
  double streams = 0;
  double epoch = 0;  ///< Time of one epoch of mask training, null circuits included.
  /// The same of masks that have closed all their gates, which a step leaves out.
  double closed_epoch = 0;
  int64_t n_epochs = 0;
  double own_share = 1;     ///< Of `epoch`, the share of the circuit itself.
  double decoding = 0;      ///< Time of decoding, of null circuits and inputs too, and of losses.
  double ablation = 0;      ///< Time of one ablated run of the model; a mean over evaluation sets.
  int64_t n_ablations = 0;  ///< Ablated runs on all evaluation sets together.
  double exchanges = 0;     ///< Time of all exchanges.
  /// Of `ablations` and `exchanges`, the time of random sets and of paths through units. Only a
  /// mask that is a part of its component takes that time.
  double of_parts = 0;

  double fit() const { return epoch * static_cast<double>(n_epochs); }
  double ablations() const { return ablation * static_cast<double>(n_ablations); }
  /// As if the mask were a part of its component.
  double total() const { return streams + fit() + decoding + ablations() + exchanges; }
  /// As if the mask were empty, and all masks trained with closed gates.
  double least() const { return total() - of_parts - (epoch - closed_epoch) * static_cast<double>(n_epochs); }
};

/// The time of a cell if nothing is measured: an epoch and an ablation count as 1 second each.
CellTime unmeasured(const Spec& spec, const RunData& data, const Cell& cell);

/// The time and memory that a run takes, estimated from what is measured on this machine: an epoch
/// of mask training and a forward pass and, if asked to, decoding and the exchange of some rows.
/// Supposes that each mask is a part of its component, and that exchanging the component moves
/// answers.
class Estimate {
 public:
  /// Measures training and the model: trains three epochs for each block and batch size among the
  /// cells, and runs up to 512 nodes through the model. Draws nothing from the run's random
  /// streams. Refers to `spec` and `data`, which must outlive this object.
  /// @param new_rows     where the run keeps its residual streams.
  /// @param on_progress  told of each measurement.
  /// @throws Error (kFailed) if mask training fails at once; (kInterrupted) when a stop is
  ///         requested.
  Estimate(const Spec& spec, const std::vector<Cell>& cells, const RunData& data, const NewRows& new_rows,
           const OnProgress& on_progress = {});

  /// Measures decoding and exchanges for each block, which count as no time otherwise, and epochs
  /// of masks that have closed their gates, which count as any others otherwise. Parameters and
  /// errors as the constructor's.
  void measure_costs(const std::vector<Cell>& cells, const NewRows& new_rows);

  /// The time of a cell. @param before  the cell computed before `cell`; null for the first cell.
  CellTime of(const Cell& cell, const Cell* before) const;

  double epoch_seconds() const;  ///< The sum over one epoch for each measured block and batch size.
  int64_t weights_memory() const { return weights_memory_; }  ///< Bytes of the model's weights.
  /// Bytes of the run, with one cell at a time. Includes libraries, weights and residual streams,
  /// even streams in scratch files. Over hours the heap may grow by some hundred MB more.
  int64_t peak_memory() const { return peak_memory_; }
  /// Bytes of the peak that belong to one cell. Libraries, weights and data, which all cells share,
  /// are left out.
  int64_t cell_memory() const { return peak_memory_ - shared_memory_; }

 private:
  using CellKind = std::pair<Block, int64_t>;  ///< Block and batch size.
  /// Seconds of one epoch of mask training.
  struct Epoch {
    double own = 0;    ///< Of the circuit.
    double nulls = 0;  ///< Of all null circuits.

    /// @param share  null variables over those of the spec.
    double with_nulls(double share) const { return own + share * nulls; }
  };
  static std::map<CellKind, const Cell*> kinds_of(const std::vector<Cell>& cells);
  /// @param open  the share of gates that are open, of a method that closes gates.
  Epoch measured_epoch(const Cell& cell, const NewRows& new_rows, double open) const;
  /// Seconds of one of the multiplications that `products` counts.
  double measured_product() const;
  /// Runs two layers on the largest evaluation set, to make the process take the memory that an
  /// ablation takes.
  void run_two_layers() const;
  /// The number of multiplications of a weight by a node's state, from one site to another.
  double products(int64_t n_nodes, Site from, Site to) const;
  DecodingCost decoding_of(const Cell& cell) const;
  /// Seconds of exchanges: of the whole component, and of paths through units.
  struct Exchanges {
    double whole = 0, paths = 0;
  };
  Exchanges exchanges_of(const Cell& cell) const;
  int64_t n_classes(const std::string& variable) const;
  /// Bytes that a cell takes beyond the measured epoch.
  int64_t further_memory(const std::vector<Cell>& cells) const;

  const Spec* spec_;
  const RunData* data_;
  std::map<CellKind, Epoch> epochs_, closed_epochs_;
  /// By block and number of classes, for the fewest and the most classes among the cells.
  std::map<Block, std::map<int64_t, DecodingCost>> decoding_;
  std::map<Block, ExchangeCost> exchanges_;
  std::map<std::string, int64_t> exchanged_nodes_;  ///< By variable, as nodes_exchanged_by.
  double product_ = 0;                              ///< Seconds of one multiplication.
  int64_t weights_memory_ = 0;
  int64_t peak_memory_ = 0;
  int64_t shared_memory_ = 0;  ///< Bytes that the process had taken before measuring.
};

}  // namespace cprobe
