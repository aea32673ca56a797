#pragma once

#include "cprobe/baselines/baseline.h"
#include "cprobe/baselines/probe.h"
#include "cprobe/core/progress.h"

namespace cprobe {

/// Counterfactual embeddings (Tucker et al. 2021, "What if This Modified That? Syntactic Interventions via Counterfactual
/// Embeddings"). Defaults are the paper's.
struct CounterfactualEmbeddingOptions {
  ProbeOptions probe;
  int64_t steps = 100;         ///< AdamW steps on each state, >= 1.
  double learning_rate = 0.1;  ///< AdamW, > 0.
  double weight_decay = 0.01;  ///< AdamW, >= 0.
};

/// States that a frozen probe takes for other classes, found from the given ones by AdamW on the cross-entropy. All rows
/// at once: AdamW treats every entry for itself, so each row comes out as it would alone.
/// @param states  [n, d_model] float32. @param targets [n] int64 outputs of the probe.
/// @return        [n, d_model]. @throws Error (kInterrupted) between steps once a stop is requested.
at::Tensor counterfactual_states(const Probe& probe, const at::Tensor& states, const at::Tensor& targets,
                                 const CounterfactualEmbeddingOptions& options, const OnProgress& on_progress = {});

/// Trains a probe, moves the test states until it says the value of each row's source, puts them back, and asks whether
/// the model then gives the counterfactual answer. Only rows whose counterfactual answer differs from their own count.
std::unique_ptr<BaselineMethod> make_counterfactual_embedding(const CounterfactualEmbeddingOptions& options);

/// Reads them from a spec: the probe's keys under `probe`, the rest beside it. @param map nullptr: the defaults.
CounterfactualEmbeddingOptions read_counterfactual_embedding_options(const Document* map,
                                                                     CounterfactualEmbeddingOptions defaults);

}  // namespace cprobe
