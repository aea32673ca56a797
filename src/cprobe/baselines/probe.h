#pragma once

#include <torch/types.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "cprobe/core/progress.h"
#include "cprobe/core/seed.h"
#include "cprobe/io/document.h"
#include "cprobe/model/model.h"

namespace cprobe {

/// How a classifier of states is trained. Defaults are those of Lepori et al. 2024 (section 4 and
/// their code), except `n_outputs`.
struct ProbeOptions {
  int64_t hidden = 0;  ///< Units of one hidden ReLU layer, 256 in the paper; 0: a linear probe.
  /// Number of outputs.
  ///   - 0: one per class of the training data.
  ///   - Otherwise at least one per class. Further outputs stand for no label.
  /// The paper's probes have 113 outputs for the 57 squares. All hidden units of the paper's MLP
  /// die with 57 outputs, and a fifth of them live with 113 (docs/results.md).
  int64_t n_outputs = 0;
  int64_t epochs = 100;  ///< Passes over the training states, >= 1.
  /// States per step, >= 1; lowered to the number of training states if there are fewer. An
  /// incomplete last batch is dropped.
  int64_t batch_size = 500;
  double learning_rate = 0.1;  ///< AdamW's, > 0.
  double weight_decay = 0.01;  ///< AdamW's, >= 0.
  /// Share of the training states held out to choose the epoch, in [0, 1). 0: takes the last epoch.
  double dev_fraction = 0;
  /// If states are held out: epochs in a row without a better one that end training, >= 1.
  int64_t patience = 10;
};

/// Reads the keys of ProbeOptions from a spec. Missing keys keep their value in `defaults`.
/// @param map  the probe's map; nullptr: `defaults` are returned.
/// @throws Error (kInput) with file, line and column.
ProbeOptions read_probe_options(const Document* map, ProbeOptions defaults);
std::string to_string(const ProbeOptions& options);

/// A classifier of states.
struct Probe {
  static constexpr int64_t kNoLabel = std::numeric_limits<int64_t>::min();

  std::vector<Linear> layers;    ///< One layer, or two with a ReLU between them.
  std::vector<int64_t> classes;  ///< Labels of the first outputs, ascending. The rest have none.
  double dev_accuracy = 0;       ///< Accuracy of the chosen epoch on states held out; 0 if none.
  int64_t n_dev = 0;             ///< Number of states held out.

  /// @param states  [n, d_model]; differentiable.
  /// @return        [n, n_outputs].
  at::Tensor logits(const at::Tensor& states) const;
  /// The label of the largest output, [n] int64; kNoLabel if this output stands for no label.
  at::Tensor predict(const at::Tensor& states) const;
  /// The output of each label, [n] int64; -1 for a label that no output stands for.
  at::Tensor outputs_of(const at::Tensor& labels) const;
};

/// A linear map with weights and biases drawn uniformly from +-1/sqrt(n_in), as those of
/// torch.nn.Linear. They require gradients.
Linear fresh_linear(int64_t n_in, int64_t n_out, at::Generator& generator);

/// A probe before training, with one class per distinct label. The weights are `fresh_linear`.
/// @param width  of the states.
/// @throws Error (kInput) if there are more classes than outputs.
Probe untrained_probe(int64_t width, const at::Tensor& labels, const ProbeOptions& options, Seed seed);

/// Trains a probe by cross-entropy on labelled states, from `untrained_probe`.
/// @param states  [n, d_model] float32.
/// @param labels  [n] int64.
/// @throws Error
///   - (kInput) if there are more classes than outputs;
///   - (kFailed) if the loss is no number;
///   - (kInterrupted) between steps once a stop is requested.
Probe train_probe(const at::Tensor& states, const at::Tensor& labels, const ProbeOptions& options, Seed seed,
                  const OnProgress& on_progress = {});

/// Trains a probe for each of several labellings of the same states, each as `train_probe` would.
/// Linear probes without states held out are trained together, which rounds otherwise: their
/// weights are those of `train_probe` up to the last digits of float32.
/// @param labels  [n_probes, n] int64.
/// @throws Error as train_probe.
std::vector<Probe> train_probes(const at::Tensor& states, const at::Tensor& labels, const ProbeOptions& options,
                                Seed seed, const OnProgress& on_progress = {});

/// The mean of some numbers, in float64. Of a condition: the share of rows for which it holds.
double mean_of(const at::Tensor& x);

/// Share of states that a probe gives the right label.
double probe_accuracy(const Probe& probe, const at::Tensor& states, const at::Tensor& labels);

/// Accuracy on `test` of always answering the most frequent label of `train`, of equally frequent
/// ones the smallest.
double majority_accuracy(const at::Tensor& train, const at::Tensor& test);

}  // namespace cprobe
