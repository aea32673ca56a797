#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cprobe {

/// One figure in long form, a line of metrics.csv (docs/file_formats.md lists them).
struct Metric {
  std::string metric;  ///< "knn_test_accuracy", "ablated_accuracy Test", ...
  double value = 0;
  int64_t n = 0;             ///< Tokens or rows behind the value; draws, for figures over random controls.
  std::optional<double> sd;  ///< Over random draws.
  /// What the figure is compared with: "full model", "majority", "random", "complement", "control task", ...; empty: the
  /// method's own.
  std::string control;
  std::optional<double> p;
  std::vector<double>
      draws;         ///< Behind a figure over random controls, where kept: the value of each. In the record only.
  std::string note;  ///< In words: an empty or full circuit, where random units came from, what a method could not do.

  friend bool operator==(const Metric&, const Metric&) = default;
};

/// A figure over several draws of a control: their mean with its deviation, and the draws. @param control, note as of
/// Metric.
Metric control_metric(const std::string& metric, const std::vector<double>& draws, const std::string& control,
                      const std::string& note = "");

}  // namespace cprobe
