#include "cprobe/record/asked.h"

#include <algorithm>

namespace cprobe {

const Findings::Presence* presence_on(const ProbedCell& cell, const std::string& data) {
  const auto found = std::ranges::find(cell.findings.presence, data, &Findings::Presence::data);
  return found == cell.findings.presence.end() ? nullptr : &*found;
}

std::optional<Asked> ask_present(const ProbedCell& cell, const std::string& data) {
  const Findings::Presence* on = presence_on(cell, data);
  if (on == nullptr) return std::nullopt;
  Asked asked{on->present};
  if (!on->present.nulls.empty()) asked.room = on->most - spread(on->present.nulls).mean;
  return asked;
}

std::optional<Asked> ask_made_here(const ProbedCell& cell, const std::string& data) {
  const Findings::Presence* on = presence_on(cell, data);
  return on == nullptr ? std::nullopt : std::optional(Asked{on->made_here});
}

std::optional<Asked> ask_needed(const ProbedCell& cell, const std::string& data) {
  const Findings::OnEvaluationSet* on = cell.findings.on(data);
  const AblationResult* circuit = on == nullptr ? nullptr : on->circuit();
  const AblationResult* random = on == nullptr ? nullptr : on->random();
  if (circuit == nullptr) return std::nullopt;
  Asked asked{.figure = {.value = on->untouched - circuit->accuracy.mean}};
  if (random == nullptr || random->random_sets != RandomSets::kUniform || !circuit->harm) return asked;
  for (const double accuracy : random->draws) asked.figure.nulls.push_back(on->untouched - accuracy);
  asked.figure.interval = *circuit->harm;
  if (const AblationResult* all = on->find(AblationTarget::kComponent, on->first_fill())) {
    asked.room = random->accuracy.mean - std::min(all->accuracy.mean, circuit->accuracy.mean);
  }
  return asked;
}

std::optional<Asked> ask_sufficient(const ProbedCell& cell, const std::string& data) {
  const Findings::OnEvaluationSet* on = cell.findings.on(data);
  const AblationResult* only = on == nullptr ? nullptr : on->complement();
  const AblationResult* random = on == nullptr ? nullptr : on->only_random();
  if (only == nullptr || random == nullptr || !only->gain) return std::nullopt;
  return Asked{{only->accuracy.mean, random->draws, *only->gain},
               std::max(on->untouched, only->accuracy.mean) - random->accuracy.mean};
}

const Findings::Exchange* exchange_on(const ProbedCell& cell, const std::string& data) {
  const auto found = std::ranges::find(cell.findings.exchanges, data, &Findings::Exchange::data);
  return found == cell.findings.exchanges.end() ? nullptr : &*found;
}

std::optional<Asked> ask_through_component(const ProbedCell& cell, const std::string& data) {
  const Findings::Exchange* on = exchange_on(cell, data);
  return on == nullptr ? std::nullopt : std::optional(Asked{on->effect});
}

std::optional<Asked> ask_through_units(const ProbedCell& cell, const std::string& data) {
  const Findings::Exchange* on = exchange_on(cell, data);
  if (on == nullptr || !on->carried || on->units.nulls.empty()) return std::nullopt;
  return Asked{on->units, 1 - spread(on->units.nulls).mean};
}

std::optional<Asked> ask_chosen(const ProbedCell& cell, const std::string& data) {
  std::optional<Asked> asked = ask_through_units(cell, data);
  if (!asked) return std::nullopt;
  TestedFigure& figure = asked->figure;
  const double of_random = spread(figure.nulls).mean;
  figure.nulls = exchange_on(cell, data)->units_of_nulls;
  if (figure.nulls.empty()) return asked;
  // The recorded interval is that of the difference from random sets.
  const double of_nulls = spread(figure.nulls).mean;
  for (double* number : {&figure.interval.mean, &figure.interval.lower, &figure.interval.upper}) {
    *number += of_random - of_nulls;
  }
  return asked;
}

}  // namespace cprobe
