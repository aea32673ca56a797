#pragma once

#include <torch/types.h>

#include <vector>

#include "cprobe/circuit/circuit.h"
#include "cprobe/circuit/fit.h"
#include "cprobe/probe/findings.h"

namespace cprobe {

/// A path's circuit, which notes all L0 weights, and the path; empty if there was one L0 weight.
struct ChosenCircuit {
  Circuit circuit;
  std::vector<Findings::PathStep> path;
};

/// Chooses one of the circuits that were found at several L0 weights: that of the largest weight at
/// which the variable is decoded, on other types of the rows trained on, as well as at the best one
/// but for one standard error, or .01 where the error is smaller (Breiman et al. 1984, the rule for
/// trees). A null variable's circuit is chosen by the same rule, so that both get what the choice
/// gains.
/// @param inputs     of the rows trained on.
/// @param labels     [n] int64: the variable's value in each row.
/// @param types      [n] int64: the type of each row. Undefined, or where each value has one type:
///                   each row is a type.
/// @param exemplars  rows of `labels`, as for `knn`.
ChosenCircuit choose_circuit(const ComponentInputs& inputs, const at::Tensor& labels, const at::Tensor& types,
                             const MaskMethod& method, const FitResult& fitted,
                             const std::vector<std::vector<int64_t>>& exemplars);

}  // namespace cprobe
