#include "cprobe/report/benchmark_page.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "cprobe/baselines/baseline.h"
#include "cprobe/benchmark/knob_levels.h"
#include "cprobe/benchmark/summary.h"
#include "cprobe/circuit/mask.h"
#include "cprobe/report/page_assets.h"

namespace cprobe {
namespace {

using Json = nlohmann::ordered_json;
using Rows = std::vector<const BenchmarkRow*>;

/// What a method says at all: "mask" (scores, a circuit and answers), "comparison" (one answer) or
/// "scores" (of units and components).
std::string kind_of(const std::string& method) {
  for (const MaskKind kind : kMaskKinds) {
    if (method == to_string(kind)) return "mask";
  }
  return find_method(method) != nullptr ? "comparison" : "scores";
}

/// Figure -> [value, lower, upper, n, models].
Json figures_json(const std::vector<SummaryFigure>& figures) {
  Json json = Json::object();
  for (const SummaryFigure& figure : figures) {
    json[figure.figure] = {page_number(figure.value), page_number(figure.interval.lower),
                           page_number(figure.interval.upper), figure.n, figure.n_models};
  }
  return json;
}

/// p of question 1 where nothing is there, ascending.
std::vector<double> p_where_nothing_is(const Rows& rows) {
  std::vector<double> all;
  for (const BenchmarkRow* row : rows) {
    if (row->is_nothing() && row->answers.present.p) all.push_back(*row->answers.present.p);
  }
  std::ranges::sort(all);
  return all;
}

Json method_json(const std::string& name, const Rows& rows) {
  std::set<std::string> models;
  for (const BenchmarkRow* row : rows) models.insert(row->model);
  Json p = Json::array();
  const std::vector<double> all = p_where_nothing_is(rows);
  for (const double one : all) p.push_back(page_number(one));
  return {{"name", name},
          {"kind", kind_of(name)},
          {"models", models.size()},
          {"figures", figures_json(figures_of(rows))},
          {"p", p},
          {"band", all.empty() ? Json() : page_number(band_of_distribution(std::ssize(all)))}};
}

}  // namespace

std::string benchmark_json(const std::string& title, const std::vector<BenchmarkRow>& rows) {
  std::vector<std::pair<std::string, Rows>> methods;
  std::map<std::string, std::string> knobs;
  for (const BenchmarkRow& row : rows) {
    knobs[row.model] = row.knob;
    auto method = std::ranges::find(methods, row.method, &std::pair<std::string, Rows>::first);
    if (method == methods.end()) method = methods.insert(method, {row.method, {}});
    method->second.push_back(&row);
  }
  Json json = {{"title", title}, {"models", Json::array()}, {"rows", rows.size()}, {"words", Json::object()}};
  for (const auto& [model, knob] : knobs) json["models"].push_back({model, knob});
  for (const SummaryFigureInWords& figure : summary_figures()) json["words"][std::string(figure.name)] = figure.what;
  json["methods"] = Json::array();
  for (const auto& [name, of_method] : methods) json["methods"].push_back(method_json(name, of_method));
  json["levels"] = Json::array();
  for (const KnobLevel& level : knob_levels(rows)) {
    json["levels"].push_back({{"knob", level.knob},
                              {"level", level.level},
                              {"isDefault", level.is_default},
                              {"method", level.method},
                              {"models", level.n_models},
                              {"figures", figures_json(level.figures)}});
  }
  return page_text(json);
}

std::string benchmark_page(const std::string& title, const std::vector<BenchmarkRow>& rows) {
  return framed_page({.title = title,
                      .data = benchmark_json(title, rows),
                      .sections = std::string(page_assets::benchmark()),
                      .tables_elsewhere = "benchmark.csv and benchmark_summary.csv beside the page"});
}

}  // namespace cprobe
