/// Finished cells of circuit probing with round figures, made without a model.
#pragma once

#include <string>
#include <vector>

#include "cprobe/record/recorded.h"

namespace cprobe::testing {

/// A circuit of 25 of 100 weights, or an empty one. `knn`: the accuracy of decoding its variable.
inline ProbedCell made_cell(const std::string& variable, const ComponentRef& component, double knn,
                            Extent extent = Extent::kPart) {
  return {.settings = {.cell = {.variable = variable, .component = component}},
          .findings = {.knn = {.test = {.mean = knn, .n = 1}},
                       .full_knn = {.test = {.mean = 0.5, .n = 1}},
                       .n_weights = extent == Extent::kEmpty ? 0 : 25,
                       .max_weights = 100}};
}

/// Adds an evaluation set: the accuracies of the untouched model and with the circuit ablated.
inline void add_ablation(ProbedCell& cell, const std::string& set, double untouched, double ablated) {
  cell.findings.evaluation_sets.push_back(
      {.label = set, .untouched = untouched, .ablations = {{.accuracy = {.mean = ablated, .n = 1}}}});
}

}  // namespace cprobe::testing
