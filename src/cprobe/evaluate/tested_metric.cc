#include "cprobe/evaluate/tested_metric.h"

#include "cprobe/evaluate/statistics.h"

namespace cprobe {
namespace {

constexpr std::string_view kApproximate = "approximate interval", kTheseTypes = "interval for these types only";

}  // namespace

Metric tested_metric(std::string name, const TestedFigure& figure) {
  Metric metric = with_interval({.metric = std::move(name), .value = figure.value}, figure.interval);
  metric.draws = figure.nulls;
  return metric;
}

TestedFigure tested_figure(const Metric& metric) {
  const double null_mean = metric.draws.empty() ? 0 : spread(metric.draws).mean;
  return {.value = metric.value, .nulls = metric.draws, .interval = interval_of(metric, metric.value - null_mean)};
}

Metric with_interval(Metric metric, const Interval& interval) {
  metric.n = interval.n_types;
  if (interval.n_types == 0) return metric;
  metric.lower = interval.lower;
  metric.upper = interval.upper;
  std::vector<std::string_view> notes;
  if (interval.is_approximate) notes.push_back(kApproximate);
  if (interval.is_for_these_types_only) notes.push_back(kTheseTypes);
  metric.note = fmt::format("{}", fmt::join(notes, "; "));
  return metric;
}

Interval interval_of(const Metric& m, double mean) {
  if (m.n == 0 || !m.lower) return {};
  return {.mean = mean,
          .lower = *m.lower,
          .upper = m.upper.value_or(*m.lower),
          .n_types = m.n,
          .is_approximate = m.note.find(kApproximate) != std::string::npos,
          .is_for_these_types_only = m.note.find(kTheseTypes) != std::string::npos};
}

}  // namespace cprobe
