#include "cprobe/report/reported_findings.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <tuple>

#include "cprobe/core/name_of.h"
#include "cprobe/record/adjusted_p.h"

namespace cprobe {
namespace {

constexpr double kLevel = 1.0 / static_cast<double>(kReciprocalLevel);

using Cells = std::vector<const ReportedCell*>;

/// A figure over cells. A single cell keeps its own figure.
Spread over(const Cells& cells, const std::function<Spread(const ReportedCell&)>& figure) {
  if (cells.size() == 1) return figure(*cells.front());
  std::vector<double> values;
  for (const ReportedCell* cell : cells) values.push_back(figure(*cell).mean);
  return spread(values);
}

/// The answer over cells that repeat each other. If no cell says yes, the plainest no counts.
Answer over_repetitions(const std::vector<Answer>& answers) {
  const auto n_yes = std::ranges::count(answers, Answer::kYes);
  if (n_yes > 0) return n_yes == std::ssize(answers) ? Answer::kYes : Answer::kMixed;
  for (const Answer answer : {Answer::kNo, Answer::kTooFewControls, Answer::kBeforeAdjustment}) {
    if (std::ranges::find(answers, answer) != answers.end()) return answer;
  }
  return Answer::kUntested;
}

/// The ablations of one cell on one evaluation set, under the first fill.
struct Ablated {
  const Findings::OnEvaluationSet* on;
  const AblationResult* circuit;
  const AblationResult* random;  ///< Null if there are no random controls.
  AdjustedTest test;
};

/// The ablations of a cell on an evaluation set; none if the cell has none there.
std::optional<Ablated> on_data(const ReportedCell& cell, const std::string& data) {
  const Findings::OnEvaluationSet* on = cell.findings.on(data);
  if (on == nullptr || on->circuit() == nullptr) return std::nullopt;
  const auto place = static_cast<size_t>(on - cell.findings.evaluation_sets.data());
  return Ablated{on, on->circuit(), on->random(), place < cell.tests.size() ? cell.tests[place] : AdjustedTest()};
}

Answer dependence(const Ablated& a) {
  if (!a.circuit->p || !a.test.p_holm || a.random == nullptr) return Answer::kUntested;
  if (*a.test.p_holm <= kLevel) return Answer::kYes;
  if (a.random->accuracy.n < kReciprocalLevel * a.test.n_tests - 1) return Answer::kTooFewControls;
  return *a.circuit->p <= kLevel ? Answer::kBeforeAdjustment : Answer::kNo;
}

bool is_empty(const ReportedCell& cell) {
  return cell.findings.extent() == Extent::kEmpty;
}

bool has_circuit(const ReportedCell& cell) {
  return cell.findings.extent() == Extent::kPart;
}

bool decodes(const ReportedCell& cell) {
  const KnnResult& knn = cell.findings.knn;
  return has_circuit(cell) && is_above(knn.test, {.mean = knn.test_majority}, knn.n_test);
}

/// A figure over the ablations of several cells.
Spread over(const std::vector<Ablated>& list, const std::function<double(const Ablated&)>& figure) {
  std::vector<double> values;
  for (const Ablated& a : list) values.push_back(figure(a));
  return spread(values);
}

double ablated_accuracy(const Ablated& a) {
  return a.circuit->accuracy.mean;
}

/// Adds the random controls of the cells that have some.
void add_controls(ReportedAblation& result, const std::vector<Ablated>& controlled, bool is_repeated) {
  if (controlled.empty()) return;
  std::vector<double> means;
  result.n_controls = controlled.front().random->accuracy.n;
  for (const Ablated& a : controlled) {
    const AblationResult& random = *a.random;
    means.push_back(random.accuracy.mean);
    result.n_controls = std::min(result.n_controls, random.accuracy.n);
    result.draws.insert(result.draws.end(), random.draws.begin(), random.draws.end());
    if (random.drawn_from_all.empty()) continue;
    const std::string note = "random controls " + random.note();
    if (std::ranges::find(result.notes, note) == result.notes.end()) result.notes.push_back(note);
  }
  result.n_controlled = std::ssize(controlled);
  result.random = is_repeated ? spread(means) : controlled.front().random->accuracy;
  result.beside_random = over(controlled, ablated_accuracy);
}

ReportedAblation ablation_over(const Cells& cells, const std::string& data) {
  const bool all_empty = std::ranges::all_of(cells, [](const ReportedCell* cell) { return is_empty(*cell); });
  ReportedAblation result{.data = data};
  std::vector<Ablated> with, controlled;
  std::vector<double> complement;
  std::vector<Answer> answers;
  for (const ReportedCell* cell : cells) {
    const std::optional<Ablated> a = on_data(*cell, data);
    answers.push_back(a ? dependence(*a) : Answer::kUntested);
    if (!a || (is_empty(*cell) && !all_empty)) continue;
    with.push_back(*a);
    if (a->random != nullptr) controlled.push_back(*a);
    result.fill = a->circuit->fill;
    result.n_rows = std::max(result.n_rows, a->on->n_rows);
    result.n_tests = std::max(result.n_tests, a->test.n_tests);
    if (const AblationResult* kept = a->on->complement()) complement.push_back(kept->accuracy.mean);
    if (a->circuit->p) result.p.push_back(*a->circuit->p);
    if (a->test.p_holm) result.p_holm.push_back(*a->test.p_holm);
  }
  result.n_cells = std::ssize(with);
  if (!with.empty()) {
    result.untouched = over(with, [](const Ablated& a) { return a.on->untouched; });
    result.ablated = over(with, ablated_accuracy);
  }
  if (!complement.empty()) result.complement = spread(complement);
  add_controls(result, controlled, cells.size() > 1);
  result.depends = over_repetitions(answers);
  return result;
}

/// Labels of the cells' evaluation sets, in the order of first appearance.
std::vector<std::string> data_sets(const Cells& cells) {
  std::vector<std::string> labels;
  for (const ReportedCell* cell : cells) {
    for (const Findings::OnEvaluationSet& on : cell->findings.evaluation_sets) {
      if (std::ranges::find(labels, on.label) == labels.end()) labels.push_back(on.label);
    }
  }
  return labels;
}

void summarise(ReportedFinding& finding, const Cells& cells) {
  finding.knn = over(cells, [](const ReportedCell& cell) { return cell.findings.knn.test; });
  finding.full = over(cells, [](const ReportedCell& cell) { return cell.findings.full_knn.test; });
  finding.share = over(cells, [](const ReportedCell& cell) { return Spread{.mean = cell.findings.share(), .n = 1}; });
  std::vector<Answer> circuits, decoding;
  for (const ReportedCell* cell : cells) {
    finding.majority += cell->findings.knn.test_majority / static_cast<double>(cells.size());
    finding.n_tokens = std::max(finding.n_tokens, cell->findings.knn.n_test);
    finding.n_empty += is_empty(*cell) ? 1 : 0;
    finding.n_full += cell->findings.extent() == Extent::kFull ? 1 : 0;
    circuits.push_back(has_circuit(*cell) ? Answer::kYes : Answer::kNo);
    decoding.push_back(decodes(*cell) ? Answer::kYes : Answer::kNo);
  }
  finding.circuit = over_repetitions(circuits);
  finding.decodes = over_repetitions(decoding);
  for (const std::string& data : data_sets(cells)) finding.ablations.push_back(ablation_over(cells, data));
}

}  // namespace

std::string_view to_string(Answer answer) {
  return name_of(answer, {"yes", "no", "in some", "before adjustment", "too few controls", "not tested"});
}

std::string ReportedFinding::component() const {
  return fmt::format("L{}.{}", layer, block);
}

const ReportedAblation* ReportedFinding::on(std::string_view data) const {
  const auto found = std::ranges::find(ablations, data, &ReportedAblation::data);
  return found == ablations.end() ? nullptr : &*found;
}

std::optional<double> ReportedAblation::harm() const {
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
    const auto& [variable, component] = std::tie(cell.settings.cell.variable, cell.settings.cell.component);
    const auto [place, is_new] =
        places.try_emplace(std::tuple(run.series, run.step, variable, to_string(component), cell.options), list.size());
    if (is_new) {
      list.push_back({.series = run.series,
                      .step = run.step,
                      .variable = variable,
                      .layer = component.layer,
                      .block = std::string(to_string(component.block)),
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
