#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "cprobe/core/progress.h"
#include "cprobe/evaluate/exchange_bench.h"
#include "cprobe/model/address.h"
#include "cprobe/model/model.h"

namespace cprobe {

/// What the exchange of single units does to the answers: for each unit of a component, how much
/// log-probability the rows' right answers lose on average if that unit alone sees the donors, in
/// nats. A unit of an input matrix acts through all units of the last matrix; a unit of the last
/// matrix sees what all units of the input matrices pass on. Per matrix, [n_out] float64.
using UnitEffects = std::vector<at::Tensor>;

/// Measures the effects, with one forward pass from the component on for each unit.
/// @param rows  without a contrast: log-probabilities are those of `answers`.
/// @throws Error as ExchangeBench.
UnitEffects exchanged_unit_effects(const Model& model, const ComponentRef& component, const ExchangeRows& rows,
                                   const OnProgress& on_progress = {});

/// Estimates the effects from gradients (attribution patching, Nanda 2023; Syed et al. 2023): the
/// gradient by a unit's output times the difference that the donor makes to the output, summed over
/// tokens. All units of the input matrices are taken at once, then all of the last matrix.
/// @param n_steps  gradients taken between the rows and the donors, and averaged (integrated
///                 gradients; Sundararajan et al. 2017). 1: only at the rows themselves.
/// @throws Error (kInput) as ExchangeBench.
UnitEffects gradient_unit_effects(const Model& model, const ComponentRef& component, const ExchangeRows& rows,
                                  int64_t n_steps = 1);

}  // namespace cprobe
