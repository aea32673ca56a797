#pragma once

#include <string>

#include "cprobe/evaluate/metric.h"
#include "cprobe/evaluate/type_means.h"

namespace cprobe {

// A figure beside its nulls in long form: a line of metrics.csv whose `draws` are the nulls, whose
// ends are those of the figure minus the mean of its nulls, and whose `n` counts types.

Metric tested_metric(std::string name, const TestedFigure& figure);

/// The figure that `tested_metric` wrote.
TestedFigure tested_figure(const Metric& metric);

/// Adds the ends of an interval, which are those of the figure minus the mean of its nulls.
Metric with_interval(Metric metric, const Interval& interval);

/// The interval that `with_interval` added. @param mean  of the figure minus the mean of its nulls.
Interval interval_of(const Metric& metric, double mean);

}  // namespace cprobe
