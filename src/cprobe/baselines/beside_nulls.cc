#include "cprobe/baselines/beside_nulls.h"

#include <algorithm>

#include "cprobe/evaluate/other_types.h"
#include "cprobe/evaluate/tested_metric.h"

namespace cprobe {

bool has_nulls(const ProbedSite& probed) {
  return probed.null != nullptr && probed.null->variables.n() > 0;
}

std::string label_of_test(const ProbedSite& probed) {
  const auto test = std::ranges::find(probed.evaluation_sets, probed.test.data.identity(),
                                      [](const auto& entry) { return entry.second.data.identity(); });
  return test == probed.evaluation_sets.end() ? "Test" : test->first;
}

std::vector<std::pair<std::string, const ProbedSet*>> labelled_sets(const ProbedSite& probed) {
  std::vector<std::pair<std::string, const ProbedSet*>> sets = {{label_of_test(probed), &probed.test}};
  for (const auto& [label, set] : probed.evaluation_sets) {
    if (set.data.identity() != probed.test.data.identity() && set.labels.defined()) sets.emplace_back(label, &set);
  }
  return sets;
}

bool are_types_held_out(const ProbedSite& probed) {
  return probed.null != nullptr && probed.null->held_out.defined();
}

at::Tensor rows_to_fit(const ProbedSite& probed) {
  if (!are_types_held_out(probed)) return at::arange(probed.train.nodes.size(0));
  return probed.null->held_out.index_select(0, probed.train.types).logical_not().nonzero().squeeze(1);
}

at::Tensor rows_to_judge(const ProbedSite& probed, const ProbedSet& set) {
  if (!are_types_held_out(probed)) return at::arange(set.nodes.size(0));
  at::Tensor is_seen = at::zeros_like(probed.null->held_out);
  is_seen.index_fill_(0, probed.train.types.index_select(0, rows_to_fit(probed)), true);
  return is_seen.index_select(0, set.types).logical_not().nonzero().squeeze(1);
}

void add_control(std::vector<Metric>& metrics, Metric control) {
  const auto last = std::find_if(metrics.rbegin(), metrics.rend(),
                                 [&](const Metric& metric) { return metric.metric == control.metric; });
  metrics.insert(last.base(), std::move(control));
}

void add_null_variables(std::vector<Metric>& metrics, const NullHypothesis& null, int64_t n) {
  metrics.push_back({.metric = std::string(kNullVariablesMetric),
                     .value = static_cast<double>(n),
                     .n = n,
                     .note = fmt::format("{}; {}", null.types.text(), to_string(null.variables.kind))});
}

void add_beside_nulls(std::vector<Metric>& metrics, const std::string& name, const TestedFigure& figure, double most) {
  metrics.push_back(tested_metric(name, figure));
  if (figure.nulls.empty()) return;
  Metric nulls = control_metric(name, figure.nulls, std::string(kNullVariablesControl));
  nulls.draws.clear();  // The figure has them.
  metrics.push_back(std::move(nulls));
  metrics.push_back(
      {.metric = name, .value = most, .n = figure.interval.n_types, .control = std::string(kMostPossible)});
}

TestedFigure accuracy_over_types(const ProbedSite& probed, const ProbedSet& set, const at::Tensor& predicted,
                                 const std::vector<at::Tensor>& of_nulls) {
  const at::Tensor rows = rows_to_judge(probed, set);
  const at::Tensor types = set.types.index_select(0, rows);
  const auto accuracy = [&](const at::Tensor& given, const at::Tensor& values) {
    return accuracy_by_type(given.index_select(0, rows).eq(values.index_select(0, types)), types, values);
  };
  const Types& all_types = probed.null->types;
  const AccuracyByType own = accuracy(predicted, all_types.value);
  if (!own.mean()) return {};  // The data set has no row to judge by.
  std::vector<double> nulls;
  for (size_t b = 0; b < of_nulls.size(); ++b) {
    const at::Tensor values = probed.null->variables.values[static_cast<int64_t>(b)];
    nulls.push_back(accuracy(of_nulls[b], values).mean().value_or(1));
  }
  const auto minus = [&](double number) {
    return type_means(own, at::full({all_types.n_types()}, number, at::kDouble), all_types);
  };
  return figure_beside_nulls(*own.mean(), std::move(nulls), minus, {0, 1});
}

TestedFigure share_beside_nulls(const at::Tensor& of_rows, const at::Tensor& types, std::vector<double> nulls,
                                const Types& all_types, Bounds range) {
  if (of_rows.size(0) == 0) return {};
  const auto minus = [&](double number) { return type_means(of_rows - number, types, all_types); };
  return figure_beside_nulls(of_rows.mean().item<double>(), std::move(nulls), minus, range);
}

}  // namespace cprobe
