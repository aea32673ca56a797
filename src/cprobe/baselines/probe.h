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

/// How a classifier of states is trained. Defaults are the paper's (Lepori et al. 2024, section 4 and its code).
struct ProbeOptions {
  int64_t hidden = 0;  ///< Units of one hidden ReLU layer; 0: a linear probe. The paper's MLP has 256.
  /// Outputs; those beyond the classes of the training data belong to no label, 0: none. The paper's probes have 113 for
  /// the 57 squares; where all hidden units of its MLP die without them, a fifth of them live with them (docs/results.md).
  int64_t n_outputs = 0;
  int64_t epochs = 100;        ///< Passes over the training states, >= 1.
  int64_t batch_size = 500;    ///< States per step, >= 1; at most all. An incomplete last batch is dropped.
  double learning_rate = 0.1;  ///< AdamW, > 0.
  double weight_decay = 0.01;  ///< AdamW, >= 0.
  double dev_fraction = 0;  ///< In [0, 1): share of the training states held out to choose the best epoch; 0: the last.
  int64_t patience = 10;    ///< With a dev split: training ends after so many epochs without a better one, >= 1.
};

/// Reads the keys of ProbeOptions from a spec, with `defaults` for those that are missing. @param map nullptr: none.
/// @throws Error (kInput) with file, line and column.
ProbeOptions read_probe_options(const Document* map, ProbeOptions defaults);
std::string to_string(const ProbeOptions& options);

/// A classifier of states.
struct Probe {
  static constexpr int64_t kNoLabel = std::numeric_limits<int64_t>::min();

  std::vector<Linear> layers;    ///< One, or two with a ReLU between.
  std::vector<int64_t> classes;  ///< The label of each output, ascending; further outputs have none.
  double dev_accuracy = 0;       ///< Of the epoch that was chosen; with a dev split only.
  int64_t n_dev = 0;             ///< States held out.

  /// @param states [n, d_model]; differentiable. @return [n, n_classes].
  at::Tensor logits(const at::Tensor& states) const;
  /// Labels, [n] int64; kNoLabel where an output without one is the largest.
  at::Tensor predict(const at::Tensor& states) const;
  /// Outputs of labels, [n] int64; -1 for a label that the probe has none for.
  at::Tensor outputs_of(const at::Tensor& labels) const;
};

/// A linear map with weights and biases uniform in +-1/sqrt(n_in), as torch.nn.Linear's; they require gradients.
Linear fresh_linear(int64_t n_in, int64_t n_out, at::Generator& generator);

/// Trains a probe by cross-entropy on labelled states. Weights start as torch.nn.Linear's.
/// @param states [n, d_model] float32, @param labels [n] int64.
/// @throws Error (kInput) if there are more classes than outputs; (kFailed) if the loss is no number; (kInterrupted)
///         between steps once a stop is requested.
Probe train_probe(const at::Tensor& states, const at::Tensor& labels, const ProbeOptions& options, Seed seed,
                  const OnProgress& on_progress = {});

/// Share of states that a probe labels right.
double probe_accuracy(const Probe& probe, const at::Tensor& states, const at::Tensor& labels);

/// Accuracy on `test` of always answering the most frequent label of `train` (the smallest of equals).
double majority_accuracy(const at::Tensor& train, const at::Tensor& test);

}  // namespace cprobe
