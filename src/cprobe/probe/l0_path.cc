#include "cprobe/probe/l0_path.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "cprobe/core/interrupt.h"
#include "cprobe/evaluate/other_types.h"

namespace cprobe {
namespace {

/// Accuracy that a smaller circuit may lose in any case. Where accuracies are near 1, their
/// standard error is near 0, and a single row would decide.
constexpr double kLeastTolerance = 0.01;

/// The types to judge by: each row its own where a value of one type has no other to be read from.
at::Tensor types_to_judge_by(const at::Tensor& types, const at::Tensor& labels) {
  if (types.defined()) {
    const at::Tensor pairs = std::get<0>(at::unique_dim(at::stack({labels, types}, 1), 0));
    const int64_t n_values = std::get<0>(at::_unique2(labels)).size(0);
    if (pairs.size(0) > n_values) return types;
  }
  return at::arange(labels.size(0));
}

}  // namespace

ChosenCircuit choose_circuit(const ComponentInputs& inputs, const at::Tensor& labels, const at::Tensor& types,
                             const MaskMethod& method, const FitResult& fitted,
                             const std::vector<std::vector<int64_t>>& exemplars) {
  const std::string weights = fmt::format("{}", fmt::join(fitted.l0_weights, ","));
  if (fitted.path.size() == 1) {
    ChosenCircuit only{.circuit = make_circuit(fitted.mask(), method), .path = {}};
    only.circuit.provenance["l0_weight"] = weights;
    return only;
  }
  const at::NoGradGuard no_gradients;
  const at::Tensor of_rows = types_to_judge_by(types, labels);
  const at::Tensor values = at::zeros({of_rows.max().item<int64_t>() + 1}, at::kLong).index_put({of_rows}, labels);
  ChosenCircuit found;
  std::vector<Circuit> circuits;
  for (size_t i = 0; i < fitted.path.size(); ++i) {
    stop_if_interrupted();
    circuits.push_back(make_circuit(fitted.path[i], method));
    const TypedVectors rows{
        .vectors = inputs.updates(keep_multipliers(circuits[i])), .place = {}, .labels = labels, .types = of_rows};
    const AccuracyByType accuracy = accuracy_on_other_types(rows, rows, values, exemplars);
    found.path.push_back({.l0_weight = fitted.l0_weights[i],
                          .n_weights = circuits[i].n_weights(),
                          .accuracy = accuracy.mean().value_or(0),
                          .standard_error = accuracy.standard_error()});
  }
  const auto best = std::ranges::max_element(found.path, {}, &Findings::PathStep::accuracy);
  const double least = best->accuracy - std::max(best->standard_error, kLeastTolerance);
  size_t chosen = found.path.size() - 1;
  while (found.path[chosen].accuracy < least) --chosen;
  found.path[chosen].is_chosen = true;
  found.circuit = std::move(circuits[chosen]);
  found.circuit.provenance["l0_weight"] = weights;
  return found;
}

}  // namespace cprobe
