#pragma once

#include "cprobe/baselines/baseline.h"
#include "cprobe/baselines/probe.h"

namespace cprobe {

/// The paper's probes of a state: a linear one, and one with a hidden layer of 256 ReLU units.
inline constexpr ProbeOptions kLinearProbe{};
inline constexpr ProbeOptions kMlpProbe{.hidden = 256};

/// Diagnostic probing: trains a classifier of the states, and reports its accuracy on training and
/// test tokens beside the accuracies of
///   - always answering the majority class;
///   - a control task (Hewitt & Liang 2019, "Designing and Interpreting Probes with Control
///     Tasks"), with labels drawn at random: one per token type at the probed position or, if all
///     rows have the same token there, one per input.
/// Selectivity is accuracy minus accuracy on the control task:
///   - per token type: of test tokens;
///   - per input: of training tokens, because nothing can guess the labels of unseen inputs.
/// With null variables also `type_accuracy` on each data set that has the variable, beside probes
/// of null variables: same options and streams, trained by train_probes.
std::unique_ptr<BaselineMethod> make_probing(const ProbeOptions& options);

/// Labels of the control task, drawn from the training labels. Two rows have the same label if
/// their probed tokens (`by_type`), or all their tokens up to the probed one, are equal.
/// @return  [n_rows] int64.
at::Tensor control_labels(const ProbedSet& set, const at::Tensor& train_labels, bool by_type, Seed seed);

}  // namespace cprobe
