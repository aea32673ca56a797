#include "cprobe/evaluate/metric.h"

#include "cprobe/evaluate/statistics.h"

namespace cprobe {

Metric control_metric(const std::string& metric, const std::vector<double>& draws, const std::string& control,
                      const std::string& note) {
  const Spread over = spread(draws);
  return {.metric = metric,
          .value = over.mean,
          .n = over.n,
          .sd = over.sd,
          .control = control,
          .draws = draws,
          .note = note};
}

}  // namespace cprobe
