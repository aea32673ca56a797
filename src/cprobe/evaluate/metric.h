#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cprobe {

/// One figure in long form: a line of metrics.csv. docs/file_formats.md lists the figures.
struct Metric {
  std::string metric;  ///< "knn_test_accuracy", "ablated_accuracy Test", ...
  double value = 0;
  /// Tokens or rows behind the value. For a figure over random controls: draws.
  int64_t n = 0;
  std::optional<double> sd;  ///< Standard deviation over random draws.
  /// The control that was measured: "full model", "majority", "random", "complement",
  /// "control task", ... Empty: the method itself.
  std::string control;
  std::optional<double> p;
  std::optional<double> lower, upper;  ///< Ends of a 95 % interval (evaluate/intervals.h).
  /// The single values of a figure over random controls, if kept. Only the record has them.
  std::vector<double> draws;
  /// In words: an empty or full circuit, where random units came from, what a method could not do.
  std::string note;

  friend bool operator==(const Metric&, const Metric&) = default;
};

/// A figure over several draws of a control: mean, standard deviation and the draws.
/// @param control, note  as in Metric.
Metric control_metric(const std::string& metric, const std::vector<double>& draws, const std::string& control,
                      const std::string& note = "");

}  // namespace cprobe
