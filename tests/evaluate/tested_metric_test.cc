#include "cprobe/evaluate/tested_metric.h"

#include "tests/support.h"

namespace cprobe {
namespace {

TEST(TestedMetric, ComesBackAsTheFigureItWas) {
  TestedFigure figure{.value = .75, .nulls = {.25, .25}};
  EXPECT_EQ(tested_figure(tested_metric("harm Test", figure)), figure) << "without an interval";
  figure.interval = {
      .mean = .5, .lower = .4, .upper = .6, .n_types = 5, .is_approximate = true, .is_for_these_types_only = true};
  const Metric metric = tested_metric("harm Test", figure);
  EXPECT_EQ(metric.metric, "harm Test");
  EXPECT_EQ(metric.n, 5);
  EXPECT_EQ(tested_figure(metric), figure);
}

}  // namespace
}  // namespace cprobe
