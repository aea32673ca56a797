#include "cprobe/record/result_tables.h"

#include <nlohmann/json.hpp>
#include <set>

#include "cprobe/core/text_table.h"
#include "cprobe/evaluate/statistics.h"
#include "cprobe/record/adjusted_p.h"

namespace cprobe {
namespace {

/// Names the evaluation sets whose ablations a table does not show; empty if there are none.
std::string other_data_note(const std::vector<ProbedCell>& cells) {
  if (cells.empty()) return {};
  std::vector<std::string> labels;
  for (const Findings::OnEvaluationSet& on : cells.front().findings.evaluation_sets) labels.push_back(on.label);
  if (labels.size() < 2) return {};
  return fmt::format("Ablations are those on {}; results.csv has {} as well.\n", labels.front(),
                     fmt::join(labels.begin() + 1, labels.end(), ", "));
}

std::vector<RecordedMetric> method_rows(const Store& store) {
  std::vector<RecordedMetric> rows = store.metrics();
  std::erase_if(rows, [](const RecordedMetric& row) { return row.method.starts_with(kCircuitProbing); });
  return rows;
}

}  // namespace

std::string figure_text(const Spread* figure) {
  return figure == nullptr ? kNoFigure : figure_text(figure->mean, figure->sd);
}

std::string accuracy_text(const AblationResult* ablation) {
  return figure_text(ablation == nullptr ? nullptr : &ablation->accuracy);
}

std::string p_text(const AblationResult* ablation) {
  return ablation == nullptr || !ablation->p ? kNoFigure : p_number(*ablation->p);
}

std::string results_table(const Store& store) {
  const std::vector<ProbedCell> cells = store.probed();
  std::vector<std::string> heading = {"variable", "site"};
  std::vector<VariedSetting> varied = varied_settings(grid_settings(), cells);
  for (const VariedSetting& setting : varied) heading.push_back(setting.name);
  const AdjustedP adjusted = adjusted_p(cells);
  for (const char* name : {"kNN circuit", "kNN full", "majority", "weights", "untouched", "ablated", "random", "p"}) {
    heading.emplace_back(name);
  }
  if (adjusted.is_shown()) heading.emplace_back("p Holm");
  heading.emplace_back("circuit");
  std::vector<std::vector<std::string>> lines = {heading};
  for (size_t i = 0; i < cells.size(); ++i) {
    const auto& [id, settings, f] = cells[i];
    const Findings::OnEvaluationSet none, *on = f.first() == nullptr ? &none : f.first();
    std::vector<std::string> line = {settings.cell.variable, to_string(settings.cell.component)};
    for (const VariedSetting& setting : varied) {
      const std::string value = setting.text(settings);
      line.push_back(value.empty() ? kNoFigure : value);
    }
    for (const std::string& figure :
         {figure_text(&f.knn.test), figure_text(&f.full_knn.test), figure_text(f.knn.test_majority, {}),
          fmt::format("{:.1f} %", 100 * f.share()), on == &none ? kNoFigure : figure_text(on->untouched, {}),
          accuracy_text(on->circuit()), accuracy_text(on->random()), p_text(on->circuit())}) {
      line.push_back(figure);
    }
    if (adjusted.is_shown()) line.push_back(adjusted.of_cell[i] ? p_number(*adjusted.of_cell[i]) : kNoFigure);
    line.emplace_back(to_string(f.extent()));
    lines.push_back(line);
  }
  return text_table(lines) + other_data_note(cells) + adjusted.note();
}

std::string results_json(const Store& store) {
  std::string lines;
  for (const RecordedRow& fields : store.result_rows()) {
    nlohmann::ordered_json object;
    for (const ResultField& f : fields.row) {
      if (f.text.empty()) {
        object[f.name] = nullptr;
      } else if (f.is_text) {
        object[f.name] = f.text;
      } else {
        object[f.name] = nlohmann::json::parse(f.text);
      }
    }
    lines += object.dump() + "\n";
  }
  return lines;
}

std::string methods_table(const Store& store) {
  const std::vector<RecordedMetric> rows = method_rows(store);
  std::set<int64_t> seeds, positions;
  for (const RecordedMetric& row : rows) {
    seeds.insert(row.seed);
    positions.insert(row.position);
  }
  std::vector<std::vector<std::string>> lines = {
      {"method", "variable", "site", "figure", "value", "controls", "p", "n"}};
  if (positions.size() > 1) lines[0].emplace_back("position");
  if (seeds.size() > 1) lines[0].emplace_back("seed");
  lines[0].emplace_back("note");
  const RecordedMetric* shown = nullptr;
  for (const RecordedMetric& row : rows) {
    const Metric& m = row.metric;
    const std::string value = figure_text(m.value, m.sd);
    const bool same_figure = shown != nullptr && shown->cell == row.cell && shown->metric.metric == m.metric;
    if (!m.control.empty() && same_figure) {
      std::string& controls = lines.back()[5];
      controls += fmt::format("{}{} {}", controls.empty() ? "" : ", ", m.control, value);
      continue;
    }
    shown = &row;
    lines.push_back({row.method, row.variable, row.site, m.metric, m.control.empty() ? value : kNoFigure,
                     m.control.empty() ? "" : fmt::format("{} {}", m.control, value), m.p ? p_number(*m.p) : "",
                     std::to_string(m.n)});
    if (positions.size() > 1) lines.back().push_back(std::to_string(row.position));
    if (seeds.size() > 1) lines.back().push_back(std::to_string(row.seed));
    lines.back().push_back(m.note);
  }
  return text_table(lines);
}

std::string methods_json(const Store& store) {
  std::string lines;
  const auto optional_number = [](const std::optional<double>& x) { return x ? nlohmann::ordered_json(*x) : nullptr; };
  for (const RecordedMetric& row : method_rows(store)) {
    const Metric& m = row.metric;
    const nlohmann::ordered_json object = {{"method", row.method},
                                           {"variable", row.variable},
                                           {"site", row.site},
                                           {"position", row.position},
                                           {"seed", row.seed},
                                           {"metric", m.metric},
                                           {"value", m.value},
                                           {"n", m.n},
                                           {"sd", optional_number(m.sd)},
                                           {"control", m.control},
                                           {"p", optional_number(m.p)},
                                           {"note", m.note},
                                           {"cell", row.cell}};
    lines += object.dump() + "\n";
  }
  return lines;
}

}  // namespace cprobe
