#pragma once

#include "cprobe/baselines/baseline.h"
#include "cprobe/baselines/probe.h"

namespace cprobe {

/// The paper's probes of a state: linear, and with one hidden layer of 256 ReLU units.
inline constexpr ProbeOptions kLinearProbe{};
inline constexpr ProbeOptions kMlpProbe{.hidden = 256};

/// Diagnostic probing: a classifier of the states, with accuracy on training and test tokens beside the majority class
/// and a control task (Hewitt & Liang 2019, "Designing and Interpreting Probes with Control Tasks"): labels that say
/// nothing, a random one for each token type at the probed position or, where that is always the same token, for each
/// input. Selectivity is accuracy minus that on the control task: of test tokens by type; of training tokens by input,
/// because there labels of unseen inputs cannot be guessed.
std::unique_ptr<BaselineMethod> make_probing(const ProbeOptions& options);

/// Labels of the control task: equal where the probed tokens (`by_type`) or all tokens up to them are equal, otherwise
/// drawn from the training labels.
/// @return [n_rows] int64.
at::Tensor control_labels(const ProbedSet& set, const at::Tensor& train_labels, bool by_type, Seed seed);

}  // namespace cprobe
