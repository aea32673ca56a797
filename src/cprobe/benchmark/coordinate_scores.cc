#include "cprobe/benchmark/coordinate_scores.h"

#include <ATen/ATen.h>

#include "cprobe/baselines/leace.h"
#include "cprobe/baselines/probing.h"

namespace cprobe {
namespace {

/// The truth about the last matrix alone.
PlantedVariable of_last_matrix(PlantedVariable variable) {
  variable.matrices = {variable.matrices.back()};
  for (std::vector<std::vector<int64_t>>& copy : variable.alternatives) copy = {copy.back()};
  return variable;
}

}  // namespace

std::vector<DirectScore> coordinate_scores(const Model& model, const PlantedVariable& variable, const Dataset& train,
                                           Seed seed) {
  const ComponentRef component = variable.component.value();
  const LabelledTokens tokens = train.labelled(variable.name, -1);
  const at::Tensor states = stream_at(model, train.trie, Site::after(component)).at_nodes(tokens.nodes);
  const PlantedVariable truth = of_last_matrix(variable);
  std::vector<DirectScore> scores;
  const auto add = [&](const char* method, const at::Tensor& of_coordinates) {
    scores.push_back({.method = method, .component = component, .units = unit_figures(truth, {of_coordinates}, {})});
  };
  const Probe probe = train_probe(states, tokens.labels, kLinearProbe, seed.derive("linear_probe"));
  add("linear_probe", probe.layers.front().weight.detach().norm(2, {1}) * states.std({0}));
  const Eraser eraser = fit_leace(states, tokens.labels, {.whitens_classes = true});
  add("amnesic_probing", at::mm(eraser.write, eraser.read).norm(2, {1}));
  return scores;
}

}  // namespace cprobe
