#include "cprobe/report/findings.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <tuple>

#include "cprobe/core/error.h"
#include "cprobe/experiment/adjusted_p.h"

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

Answer answer_of(int64_t n_yes, int64_t n) {
  return n == 0 ? Answer::kUntested : n_yes == n ? Answer::kYes : n_yes == 0 ? Answer::kNo : Answer::kMixed;
}

int64_t n_at_most(const std::vector<double>& values, double level) {
  return std::ranges::count_if(values, [&](double value) { return value <= level; });
}

Answer dependence(const FindingAblation& a) {
  const auto n = static_cast<int64_t>(a.p.size());
  const Answer adjusted = answer_of(n_at_most(a.p_holm, kLevel), n);
  if (adjusted == Answer::kNo && n_at_most(a.p, kLevel) == n) return Answer::kBeforeAdjustment;
  return adjusted;
}

const ReportedAblation* on_data(const ReportedCell& cell, const std::string& data) {
  const auto found = std::ranges::find(cell.ablations, data, &ReportedAblation::data);
  return found == cell.ablations.end() ? nullptr : &*found;
}

FindingAblation ablation_over(const Cells& cells, const std::string& data) {
  Cells with;
  std::vector<double> random, complement;
  FindingAblation result{.data = data};
  for (const ReportedCell* cell : cells) {
    const ReportedAblation* a = on_data(*cell, data);
    if (a == nullptr) continue;
    with.push_back(cell);
    result.n_rows = std::max(result.n_rows, a->n_rows);
    result.n_tests = std::max(result.n_tests, a->n_tests);
    if (a->complement) complement.push_back(*a->complement);
    if (a->p) result.p.push_back(*a->p);
    if (a->p_holm) result.p_holm.push_back(*a->p_holm);
    if (!a->random) continue;
    random.push_back(a->random->mean);
    result.random = a->random;
    result.n_controls = result.n_controls == 0 ? a->random->n : std::min(result.n_controls, a->random->n);
  }
  const auto single = [](double ReportedAblation::*field, const std::string& label) {
    return [=](const ReportedCell& cell) { return Spread{.mean = on_data(cell, label)->*field, .n = 1}; };
  };
  result.vanilla = over(with, single(&ReportedAblation::vanilla, data));
  result.ablated = over(with, single(&ReportedAblation::ablated, data));
  if (random.size() > 1) result.random = spread(random);
  if (!complement.empty()) result.complement = spread(complement);
  result.depends = dependence(result);
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

void summarise(Finding& finding, const Cells& cells) {
  finding.knn = over(cells, [](const ReportedCell& cell) { return cell.knn; });
  finding.full = over(cells, [](const ReportedCell& cell) { return cell.full; });
  finding.share = over(cells, [](const ReportedCell& cell) { return Spread{.mean = share_of(cell), .n = 1}; });
  int64_t n_decoding = 0;
  for (const ReportedCell* cell : cells) {
    finding.majority += cell->majority / static_cast<double>(cells.size());
    finding.n_tokens = std::max(finding.n_tokens, cell->n_tokens);
    finding.n_empty += cell->extent == "empty" ? 1 : 0;
    finding.n_full += cell->extent == "full" ? 1 : 0;
    const bool decodes = cell->extent != "empty" && is_above(cell->knn, {.mean = cell->majority}, cell->n_tokens);
    n_decoding += decodes ? 1 : 0;
  }
  finding.circuit = answer_of(finding.n_cells() - finding.n_empty, finding.n_cells());
  finding.decodes = answer_of(n_decoding, finding.n_cells());
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
    case Answer::kUntested:
      return "not tested";
  }
  throw failure("unknown answer");
}

std::string Finding::component() const {
  return fmt::format("L{}.{}", layer, block);
}

bool is_above(const Spread& accuracy, const Spread& reference, int64_t n) {
  constexpr double kStandardErrors = 3;
  const double draws = std::pow(accuracy.sd.value_or(0), 2) + std::pow(reference.sd.value_or(0), 2);
  const double sampling = n > 0 ? reference.mean * (1 - reference.mean) / static_cast<double>(n) : 0;
  return accuracy.mean - reference.mean > kStandardErrors * std::sqrt(draws + std::max(0.0, sampling));
}

std::vector<Finding> findings(const ReportData& data) {
  std::vector<Finding> list;
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
  for (Finding& finding : list) {
    Cells cells;
    for (const size_t i : finding.cells) cells.push_back(&data.cells[i]);
    summarise(finding, cells);
  }
  return list;
}

}  // namespace cprobe
