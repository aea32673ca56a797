#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cprobe/benchmark/benchmark.h"
#include "cprobe/evaluate/intervals.h"

namespace cprobe {

/// A figure of one method over some models.
struct SummaryFigure {
  std::string method;
  std::string knob;    ///< BenchmarkModel::knob of the models; "all": every model.
  std::string figure;  ///< As in benchmark_summary.csv.
  double value = 0;
  /// 95 %. Of rates (a count over a number of cells, variables or models): Clopper & Pearson. Of
  /// means: percentiles of 1,000 bootstrap samples of models. Of a distance from uniform: as far as
  /// band_of_distribution on both sides.
  Bounds interval;
  int64_t n = 0;         ///< Cells, variables or models.
  int64_t n_models = 0;  ///< Models with any of these. Of a single model no mean has an interval.
};

/// Figures of the summary, and what each means (docs/benchmark.md).
struct SummaryFigureInWords {
  std::string_view name;
  std::string_view what;
};
std::span<const SummaryFigureInWords> summary_figures();

/// A distribution function is within this of that of n draws, everywhere, in .95 of samples
/// (Dvoretzky, Kiefer and Wolfowitz, with Massart's constant). Draws must be independent.
double band_of_distribution(int64_t n);

/// All figures of some rows of one method; `method` and `knob` stay empty. Figures without a case
/// are left out.
std::vector<SummaryFigure> figures_of(const std::vector<const BenchmarkRow*>& rows);

/// All figures by method and knob, and of each method over all models. Figures without a case are
/// left out.
std::vector<SummaryFigure> summary_of(const std::vector<BenchmarkRow>& rows);

std::string summary_csv(const std::vector<SummaryFigure>& summary);

/// The figures over all models: a line for each method.
std::string summary_table(const std::vector<SummaryFigure>& summary);

}  // namespace cprobe
