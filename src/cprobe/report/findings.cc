#include "cprobe/report/findings.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <map>
#include <tuple>

#include "cprobe/core/error.h"
#include "cprobe/record/adjusted_p.h"

namespace cprobe {
namespace {

constexpr double kLevel = 1.0 / static_cast<double>(kReciprocalLevel);

using Cells = std::vector<const ReportedCell*>;

/// Over the cells; a single one keeps its own figure.
Spread over(const Cells& cells, const std::function<Spread(const ReportedCell&)>& figure) {
  if (cells.size() == 1) return figure(*cells.front());
  std::vector<double> values;
  for (const ReportedCell* cell : cells) values.push_back(figure(*cell).mean);
  return spread(values);
}

/// Of cells that repeat each other. Where none says yes: what most plainly says no.
Answer over_repetitions(const std::vector<Answer>& answers) {
  const auto n_yes = std::ranges::count(answers, Answer::kYes);
  if (n_yes > 0) return n_yes == std::ssize(answers) ? Answer::kYes : Answer::kMixed;
  for (const Answer answer : {Answer::kNo, Answer::kTooFewControls, Answer::kBeforeAdjustment}) {
    if (std::ranges::find(answers, answer) != answers.end()) return answer;
  }
  return Answer::kUntested;
}

Answer dependence(const ReportedAblation& a) {
  if (!a.p || !a.p_holm || !a.random) return Answer::kUntested;
  if (*a.p_holm <= kLevel) return Answer::kYes;
  if (a.random->n < kReciprocalLevel * a.n_tests - 1) return Answer::kTooFewControls;
  return *a.p <= kLevel ? Answer::kBeforeAdjustment : Answer::kNo;
}

bool is_empty(const ReportedCell& cell) {
  return cell.extent == "empty";
}

bool has_circuit(const ReportedCell& cell) {
  return cell.extent == "proper part";
}

bool decodes(const ReportedCell& cell) {
  return has_circuit(cell) && is_above(cell.knn, {.mean = cell.majority}, cell.n_tokens);
}

const ReportedAblation* on_data(const ReportedCell& cell, const std::string& data) {
  const auto found = std::ranges::find(cell.ablations, data, &ReportedAblation::data);
  return found == cell.ablations.end() ? nullptr : &*found;
}

/// Over the cells' figures of one kind.
Spread over(const std::vector<const ReportedAblation*>& list, double ReportedAblation::*figure) {
  std::vector<double> values;
  for (const ReportedAblation* a : list) values.push_back(a->*figure);
  return spread(values);
}

/// The random controls of the cells that have some.
void add_controls(ReportedDeletion& result, const std::vector<const ReportedAblation*>& controlled, bool is_repeated) {
  if (controlled.empty()) return;
  std::vector<double> means;
  result.n_controls = controlled.front()->random->n;
  for (const ReportedAblation* a : controlled) {
    means.push_back(a->random->mean);
    result.n_controls = std::min(result.n_controls, a->random->n);
    result.draws.insert(result.draws.end(), a->draws.begin(), a->draws.end());
    const bool is_new = std::ranges::find(result.notes, a->note) == result.notes.end();
    if (is_new && a->note.find("from all units") != std::string::npos) result.notes.push_back(a->note);
  }
  result.n_controlled = std::ssize(controlled);
  result.random = is_repeated ? spread(means) : *controlled.front()->random;
  result.beside_random = over(controlled, &ReportedAblation::ablated);
}

ReportedDeletion ablation_over(const Cells& cells, const std::string& data) {
  const bool all_empty = std::ranges::all_of(cells, [](const ReportedCell* cell) { return is_empty(*cell); });
  ReportedDeletion result{.data = data};
  std::vector<const ReportedAblation*> with, controlled;
  std::vector<double> complement;
  std::vector<Answer> answers;
  for (const ReportedCell* cell : cells) {
    const ReportedAblation* a = on_data(*cell, data);
    answers.push_back(a == nullptr ? Answer::kUntested : dependence(*a));
    if (a == nullptr || (is_empty(*cell) && !all_empty)) continue;
    with.push_back(a);
    if (a->random) controlled.push_back(a);
    result.fill = a->fill;
    result.n_rows = std::max(result.n_rows, a->n_rows);
    result.n_tests = std::max(result.n_tests, a->n_tests);
    if (a->complement) complement.push_back(*a->complement);
    if (a->p) result.p.push_back(*a->p);
    if (a->p_holm) result.p_holm.push_back(*a->p_holm);
  }
  result.n_cells = std::ssize(with);
  if (!with.empty()) {
    result.vanilla = over(with, &ReportedAblation::vanilla);
    result.ablated = over(with, &ReportedAblation::ablated);
  }
  if (!complement.empty()) result.complement = spread(complement);
  add_controls(result, controlled, cells.size() > 1);
  result.depends = over_repetitions(answers);
  return result;
}

/// Labels of data sets in the order of first appearance.
std::vector<std::string> data_sets(const Cells& cells) {
  std::vector<std::string> labels;
  for (const ReportedCell* cell : cells) {
    for (const ReportedAblation& a : cell->ablations) {
      if (std::ranges::find(labels, a.data) == labels.end()) labels.push_back(a.data);
    }
  }
  return labels;
}

double share_of(const ReportedCell& cell) {
  return cell.max_weights > 0 ? cell.n_weights / cell.max_weights : 0;
}

void summarise(ReportedFinding& finding, const Cells& cells) {
  finding.knn = over(cells, [](const ReportedCell& cell) { return cell.knn; });
  finding.full = over(cells, [](const ReportedCell& cell) { return cell.full; });
  finding.share = over(cells, [](const ReportedCell& cell) { return Spread{.mean = share_of(cell), .n = 1}; });
  std::vector<Answer> circuits, decoding;
  for (const ReportedCell* cell : cells) {
    finding.majority += cell->majority / static_cast<double>(cells.size());
    finding.n_tokens = std::max(finding.n_tokens, cell->n_tokens);
    finding.n_empty += is_empty(*cell) ? 1 : 0;
    finding.n_full += cell->extent == "full" ? 1 : 0;
    circuits.push_back(has_circuit(*cell) ? Answer::kYes : Answer::kNo);
    decoding.push_back(decodes(*cell) ? Answer::kYes : Answer::kNo);
  }
  finding.circuit = over_repetitions(circuits);
  finding.decodes = over_repetitions(decoding);
  for (const std::string& data : data_sets(cells)) finding.ablations.push_back(ablation_over(cells, data));
}

}  // namespace

std::string_view to_string(Answer answer) {
  switch (answer) {
    case Answer::kYes:
      return "yes";
    case Answer::kNo:
      return "no";
    case Answer::kMixed:
      return "in some";
    case Answer::kBeforeAdjustment:
      return "before adjustment";
    case Answer::kTooFewControls:
      return "too few controls";
    case Answer::kUntested:
      return "not tested";
  }
  throw failure("unknown answer");
}

std::string ReportedFinding::component() const {
  return fmt::format("L{}.{}", layer, block);
}

const ReportedDeletion* ReportedFinding::on(std::string_view data) const {
  const auto found = std::ranges::find(ablations, data, &ReportedDeletion::data);
  return found == ablations.end() ? nullptr : &*found;
}

std::optional<double> ReportedDeletion::harm() const {
  return random ? std::optional(random->mean - beside_random.mean) : std::nullopt;
}

bool is_above(const Spread& accuracy, const Spread& reference, int64_t n) {
  constexpr double kStandardErrors = 3;
  const auto of_mean = [](const Spread& figure) {
    return std::pow(figure.sd.value_or(0), 2) / static_cast<double>(std::max<int64_t>(1, figure.n));
  };
  const auto of_one_token = [](const Spread& figure) { return std::max(0.0, figure.mean * (1 - figure.mean)); };
  const double sampling =
      n > 0 ? std::max(of_one_token(accuracy), of_one_token(reference)) / static_cast<double>(n) : 0;
  const double error = std::sqrt(of_mean(accuracy) + of_mean(reference) + sampling);
  return accuracy.mean - reference.mean > kStandardErrors * error;
}

std::vector<ReportedFinding> findings(const ReportData& data) {
  std::vector<ReportedFinding> list;
  std::map<std::tuple<std::string, std::optional<int64_t>, std::string, std::string, std::string>, size_t> places;
  for (size_t i = 0; i < data.cells.size(); ++i) {
    const ReportedCell& cell = data.cells[i];
    const ReportedRun& run = data.runs[cell.run];
    const auto [place, is_new] = places.try_emplace(
        std::tuple(run.series, run.step, cell.variable, cell.component(), cell.options), list.size());
    if (is_new) {
      list.push_back({.series = run.series,
                      .step = run.step,
                      .variable = cell.variable,
                      .layer = cell.layer,
                      .block = cell.block,
                      .options = cell.options});
    }
    list[place->second].cells.push_back(i);
  }
  for (ReportedFinding& finding : list) {
    Cells cells;
    for (const size_t i : finding.cells) cells.push_back(&data.cells[i]);
    summarise(finding, cells);
  }
  return list;
}

}  // namespace cprobe
