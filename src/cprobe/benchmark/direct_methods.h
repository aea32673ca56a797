#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cprobe/benchmark/unit_ranking.h"
#include "cprobe/core/progress.h"
#include "cprobe/core/seed.h"
#include "cprobe/data/dataset.h"
#include "cprobe/model/model.h"
#include "cprobe/plant/truth.h"

namespace cprobe {

/// What a method that needs no search says of one component.
struct DirectScore {
  std::string method;
  ComponentRef component;
  double headline = 0;  ///< The larger, the rather is this the component.
  UnitFigures units;    ///< Set for the component that computes the variable.
};

/// Scores the components of a planted model for a variable that is used, by methods that need no
/// search, all of which look at the answers:
///   - `unit_exchange`: what the answers lose if a unit alone sees a donor with another value
///     (exchanged_unit_effects); for the component, if the whole sees the donor;
///   - `gradient`, `integrated_gradient`: the same from gradients (gradient_unit_effects);
///   - `random`: random numbers; `oracle`: the truth. Both ends of every scale.
///
/// Units are scored by the size of the effect.
/// @param components  the one that computes the variable among them.
std::vector<DirectScore> direct_scores(const Model& model, const PlantedVariable& variable, const Dataset& train,
                                       const Dataset& test, const std::vector<ComponentRef>& components, Seed seed,
                                       const OnProgress& on_progress = {});

}  // namespace cprobe
