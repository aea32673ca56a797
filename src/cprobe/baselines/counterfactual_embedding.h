#pragma once

#include "cprobe/baselines/baseline.h"
#include "cprobe/baselines/probe.h"
#include "cprobe/core/progress.h"

namespace cprobe {

/// Settings of counterfactual embeddings (Tucker et al. 2021, "What if This Modified That?
/// Syntactic Interventions via Counterfactual Embeddings"). Defaults are those of Lepori et al.
/// 2024.
struct CounterfactualEmbeddingOptions {
  ProbeOptions probe;
  int64_t steps = 100;         ///< AdamW steps on each state, >= 1.
  double learning_rate = 0.1;  ///< AdamW, > 0.
  double weight_decay = 0.01;  ///< AdamW, >= 0.
};

/// Moves states until a frozen probe takes them for other classes: AdamW on the states, with the
/// cross-entropy as loss. Moves all rows at once. AdamW treats every entry by itself, so that each
/// row ends up as it would alone.
/// @param states   [n, d_model] float32.
/// @param targets  [n] int64: the output of the probe that each row is moved to.
/// @return         [n, d_model] float32.
/// @throws Error (kInterrupted) between steps once a stop is requested.
at::Tensor counterfactual_states(const Probe& probe, const at::Tensor& states, const at::Tensor& targets,
                                 const CounterfactualEmbeddingOptions& options, const OnProgress& on_progress = {});

/// The method: trains a probe; moves the test states until the probe says the value of each row's
/// source; puts the moved states back into the model; and reports the share of rows where the model
/// then gives the counterfactual answer. Leaves out rows whose counterfactual answer is their own
/// answer. If the data have no counterfactual answers for the variable, all rows are moved, and the
/// model's answers are not judged.
///
/// Protocol default also reports
///   - `counterfactual_answer` with states moved to random other values than the source's;
///   - `logit_difference_ratio_of_means`; not if the mean of the untouched model is 0;
///   - with null variables, `changed_answers`: `counterfactual_answer` beside that of null
///     variables, whose own probes move the same states to the same values.
std::unique_ptr<BaselineMethod> make_counterfactual_embedding(const CounterfactualEmbeddingOptions& options);

/// Reads the options from a spec. The keys of ProbeOptions are in the map's entry `probe`.
/// @param map  the method's map; nullptr: the defaults.
/// @throws Error (kInput) with file, line and column.
CounterfactualEmbeddingOptions read_counterfactual_embedding_options(const Document* map,
                                                                     CounterfactualEmbeddingOptions defaults);

}  // namespace cprobe
