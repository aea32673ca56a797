#include "cprobe/record/tables.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "cprobe/core/text_table.h"
#include "cprobe/evaluate/statistics.h"
#include "cprobe/record/adjusted_p.h"
#include "cprobe/record/result_columns.h"
#include "cprobe/record/result_row.h"

namespace cprobe {
namespace {

constexpr const char* kNoFigure = "-";

/// Which ablations the table does not show; empty where it shows all.
std::string other_data_note(const std::vector<Store::Fields>& rows) {
  if (rows.empty()) return {};
  const std::vector<std::string> labels = behaviours_of(rows.front());
  if (labels.size() < 2) return {};
  return fmt::format("Ablations are those on {}; results.csv has {} as well.\n", labels.front(),
                     fmt::join(labels.begin() + 1, labels.end(), ", "));
}

}  // namespace

std::string value_of(const Store::Fields& row, std::string_view column) {
  const auto found = std::ranges::find(row, column, &Store::Field::name);
  return found == row.end() ? std::string() : found->text;
}

std::optional<double> number_of(const Store::Fields& row, std::string_view column) {
  const std::string text = value_of(row, column);
  return text.empty() ? std::nullopt : std::optional(std::stod(text));
}

std::string figure_of(const Store::Fields& row, std::string_view column, std::string_view sd) {
  const std::optional<double> mean = number_of(row, column);
  return mean ? figure_text(*mean, number_of(row, sd)) : kNoFigure;
}

std::string p_of(const Store::Fields& row, std::string_view set) {
  const std::optional<double> p = number_of(row, column::p(set));
  return p ? p_number(*p) : kNoFigure;
}

std::vector<std::string> behaviours_of(const Store::Fields& row) {
  std::vector<std::string> labels;
  for (const Store::Field& field : row) {
    if (field.name.starts_with(column::kVanilla)) labels.push_back(field.name.substr(column::kVanilla.size()));
  }
  return labels;
}

std::string first_behaviour(const Store::Fields& row) {
  const std::vector<std::string> all = behaviours_of(row);
  return all.empty() ? std::string() : all.front();
}

std::vector<GridColumn> grid_columns() {
  std::vector<GridColumn> columns = {{"model_seed", "seed"},
                                     {"probe index", "position"},
                                     {"lr", "learning rate"},
                                     {"batch_size", "batch size"},
                                     {"mask method", "mask method"}};
  for (const MaskKind kind : kMaskKinds) {
    const std::string key(mask_option(kind).key);
    columns.push_back({key, key});
    std::ranges::replace(columns.back().heading, '_', ' ');
  }
  return columns;
}

std::string results_table(const Store& store) {
  const std::vector<Store::Fields> rows = store.results();
  std::vector<std::string> heading = {"variable", "site"};
  std::vector<std::string> varied;
  for (const auto& [column, name] : grid_columns()) {
    std::set<std::string> values;
    for (const Store::Fields& row : rows) values.insert(value_of(row, column));
    if (values.size() < 2) continue;
    varied.push_back(column);
    heading.push_back(name);
  }
  const AdjustedP adjusted = adjusted_p(rows);
  for (const char* name : {"kNN circuit", "kNN full", "majority", "weights", "vanilla", "ablated", "random", "p"}) {
    heading.emplace_back(name);
  }
  if (adjusted.is_shown()) heading.emplace_back("p Holm");
  heading.emplace_back("circuit");
  std::vector<std::vector<std::string>> lines = {heading};
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto value = [&](std::string_view column) { return value_of(rows[i], column); };
    const std::string label = first_behaviour(rows[i]);
    std::vector<std::string> line = {value(column::kVariable),
                                     fmt::format("L{}.{}", value(column::kLayer), value(column::kBlock))};
    for (const std::string_view column : varied) line.push_back(value(column).empty() ? kNoFigure : value(column));
    const double share = number_of(rows[i], column::kWeights).value() / number_of(rows[i], column::kMaxWeights).value();
    for (const std::string& figure :
         {figure_of(rows[i], column::kKnn, column::kKnnSd), figure_of(rows[i], column::kFullKnn, column::kFullKnnSd),
          figure_of(rows[i], column::kMajority), fmt::format("{:.1f} %", 100 * share),
          figure_of(rows[i], column::vanilla(label)), figure_of(rows[i], column::ablated(label)),
          figure_of(rows[i], column::random_mean(label), column::random_sd(label)), p_of(rows[i], label)}) {
      line.push_back(figure);
    }
    if (adjusted.is_shown()) line.push_back(adjusted.of_row[i] ? p_number(*adjusted.of_row[i]) : kNoFigure);
    line.push_back(value(column::kCircuit));
    lines.push_back(line);
  }
  return text_table(lines) + other_data_note(rows) + adjusted.note();
}

std::string results_json(const Store& store) {
  std::string lines;
  for (const Store::Fields& fields : store.results()) {
    nlohmann::ordered_json object;
    for (const Store::Field& f : fields) {
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

namespace {

std::vector<Store::MetricRow> method_rows(const Store& store) {
  std::vector<Store::MetricRow> rows = store.metrics();
  std::erase_if(rows, [](const Store::MetricRow& row) { return row.method.starts_with(kCircuitProbing); });
  return rows;
}

}  // namespace

std::string methods_table(const Store& store) {
  const std::vector<Store::MetricRow> rows = method_rows(store);
  std::set<int64_t> seeds, positions;
  for (const Store::MetricRow& row : rows) {
    seeds.insert(row.seed);
    positions.insert(row.position);
  }
  std::vector<std::vector<std::string>> lines = {
      {"method", "variable", "site", "figure", "value", "controls", "p", "n"}};
  if (positions.size() > 1) lines[0].emplace_back("position");
  if (seeds.size() > 1) lines[0].emplace_back("seed");
  lines[0].emplace_back("note");
  const Store::MetricRow* shown = nullptr;
  for (const Store::MetricRow& row : rows) {
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
  for (const Store::MetricRow& row : method_rows(store)) {
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
