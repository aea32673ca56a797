#include "cprobe/reproduce/cell_figures.h"

#include "cprobe/evaluate/statistics.h"

namespace cprobe {
namespace {

/// A figure on one evaluation set.
CellFigure on_set(std::string set, std::function<std::optional<double>(const Findings::OnEvaluationSet&)> figure) {
  return [set = std::move(set), figure = std::move(figure)](const ProbedCell& cell) {
    const Findings::OnEvaluationSet* on = cell.findings.on(set);
    return on == nullptr ? std::nullopt : figure(*on);
  };
}

std::optional<double> accuracy_of(const AblationResult* ablation) {
  return ablation == nullptr ? std::nullopt : std::optional(ablation->accuracy.mean);
}

}  // namespace

double knn_of(const ProbedCell& cell) {
  return cell.findings.knn.test.mean;
}
double full_knn_of(const ProbedCell& cell) {
  return cell.findings.full_knn.test.mean;
}
double share_of(const ProbedCell& cell) {
  return cell.findings.share();
}

CellFigure untouched_on(std::string set) {
  return on_set(std::move(set), [](const auto& on) { return std::optional(on.untouched); });
}
CellFigure ablated_on(std::string set) {
  return on_set(std::move(set), [](const auto& on) { return accuracy_of(on.circuit()); });
}
CellFigure random_on(std::string set) {
  return on_set(std::move(set), [](const auto& on) { return accuracy_of(on.random()); });
}
CellFigure p_on(std::string set) {
  return on_set(std::move(set),
                [](const auto& on) { return on.circuit() == nullptr ? std::nullopt : on.circuit()->p; });
}

std::vector<double> figures(const std::vector<ProbedCell>& cells, const CellFigure& figure) {
  std::vector<double> values;
  for (const ProbedCell& cell : cells) {
    if (const std::optional<double> value = figure(cell)) values.push_back(*value);
  }
  return values;
}

std::vector<ProbedCell> cells_of(const std::vector<ProbedCell>& cells, std::string_view variable,
                                 std::string_view block) {
  std::vector<ProbedCell> selected;
  for (const ProbedCell& cell : cells) {
    const Cell& probed = cell.settings.cell;
    if (probed.variable == variable && to_string(probed.component.block) == block) selected.push_back(cell);
  }
  return selected;
}

std::string circuits_in_words(const std::vector<ProbedCell>& cells) {
  std::map<std::string_view, int> counts;
  for (const ProbedCell& cell : cells) ++counts[to_string(cell.findings.extent())];
  std::vector<std::string> words;
  for (const auto& [word, n] : counts) {
    words.push_back(counts.size() == 1 ? std::string(word) : fmt::format("{} {}", word, n));
  }
  return fmt::format("{}", fmt::join(words, ", "));
}

std::string figure_over(const std::vector<double>& values) {
  if (values.empty()) return "-";
  const Spread s = spread(values);
  return figure_text(s.mean, s.sd);
}

std::string figure_over(const std::vector<ProbedCell>& cells, const CellFigure& figure) {
  return figure_over(figures(cells, figure));
}

std::string published_figure(std::optional<double> value) {
  return value ? fmt::format("({:.3f})", *value) : "";
}

}  // namespace cprobe
