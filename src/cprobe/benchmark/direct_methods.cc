#include "cprobe/benchmark/direct_methods.h"

#include <ATen/ATen.h>

#include "cprobe/core/error.h"
#include "cprobe/data/donors.h"
#include "cprobe/data/types.h"
#include "cprobe/evaluate/unit_effects.h"
#include "cprobe/model/architecture.h"

namespace cprobe {
namespace {

constexpr int64_t kRows = 64;
constexpr int64_t kIntegrationSteps = 8;

/// Rows of the test set, with donors of another value.
ExchangeRows rows_with_donors(const std::string& variable, const Dataset& train, const Dataset& test, Seed seed) {
  const std::array<const Dataset*, 2> sets = {&train, &test};
  const Types types = find_types(sets, variable);
  const std::vector<DonorKind> kinds = donor_kinds(test, types);
  if (kinds.empty()) throw input_error("{}: the variable '{}' has no types to exchange", test.source, variable);
  std::optional<DonorRows> rows = donor_rows(test, 1, types, types.value, kRows, seed, kinds.front());
  if (!rows) throw input_error("{}: no row has a donor for the variable '{}'", test.source, variable);
  return {.source = test.source,
          .base = std::move(rows->base),
          .donor = std::move(rows->other_value),
          .answers = test.answers.index_select(0, rows->rows)};
}

std::vector<at::Tensor> sizes(UnitEffects effects) {
  for (at::Tensor& effect : effects) effect = effect.abs();
  return effects;
}

/// 1 for the units that the truth names, 0 for all others.
std::vector<at::Tensor> true_units(const PlantedVariable& variable, const ModelConfig& config) {
  std::vector<at::Tensor> scores;
  for (const at::Tensor& needed : needed_units(variable, config)) scores.push_back(needed.to(at::kDouble));
  return scores;
}

std::vector<at::Tensor> random_scores(const ModelConfig& config, const ComponentRef& component, Seed seed) {
  std::vector<at::Tensor> scores;
  for (const MatrixInfo& matrix : matrices_of(config, component)) {
    scores.push_back(at::rand({matrix.n_out}, seed.derive(matrix.name).generator(), at::kDouble));
  }
  return scores;
}

}  // namespace

std::vector<DirectScore> direct_scores(const Model& model, const PlantedVariable& variable, const Dataset& train,
                                       const Dataset& test, const std::vector<ComponentRef>& components, Seed seed,
                                       const OnProgress& on_progress) {
  const ExchangeRows rows = rows_with_donors(variable.name, train, test, seed.derive("donors"));
  std::vector<DirectScore> scores;
  for (const ComponentRef& component : components) {
    const bool is_true = component == variable.component;
    const auto add = [&](const char* method, double headline, const std::vector<at::Tensor>& units) {
      scores.push_back({method, component, headline, is_true ? unit_figures(variable, units, {}) : UnitFigures()});
    };
    const ExchangeBench bench(model, component, MaskUnit::kNeuron, rows, true);
    const double whole = (bench.untouched().log_probability - bench.whole().log_probability).mean().item<double>();
    add("unit_exchange", whole,
        is_true ? sizes(exchanged_unit_effects(model, component, rows, on_progress)) : std::vector<at::Tensor>());
    for (const auto& [method, n_steps] :
         {std::pair("gradient", int64_t{1}), {"integrated_gradient", kIntegrationSteps}}) {
      const UnitEffects effects = gradient_unit_effects(model, component, rows, n_steps);
      add(method, effects.back().sum().item<double>(), sizes(effects));
    }
    const Seed own = seed.derive(fmt::format("random/{}/{}", variable.name, to_string(component)));
    add("random", at::rand({1}, own.generator(), at::kDouble).item<double>(),
        random_scores(model.config, component, own));
    add("oracle", is_true ? 1 : 0, is_true ? true_units(variable, model.config) : std::vector<at::Tensor>());
  }
  return scores;
}

}  // namespace cprobe
