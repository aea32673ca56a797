#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cprobe/model/model.h"
#include "cprobe/plant/planted_rows.h"
#include "cprobe/plant/truth.h"
#include "cprobe/tasks/arithmetic_data.h"

namespace cprobe {

/// A model in which the answer is known, with its truth and its data.
struct Planted {
  Model model;
  Truth truth;
  ArithmeticTable data;  ///< Has a column for each variable of the truth.
};

/// Adds the hypotheses that the model does not compute: absent ones, and those of an operand that
/// attention of layer 0 copies.
void add_not_computed(Truth& truth, const PlantedRows& rows);

/// The components behind a component, in order. What the component writes reaches all of them.
std::vector<ComponentRef> components_behind(const ComponentRef& component, const ModelConfig& config);

}  // namespace cprobe
