#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/experiment/reproduce.h"
#include "cprobe/experiment/runner.h"

/// What the reproductions of several experiments share.
namespace cprobe {

/// What is missing of a run is computed; a finished one is the result.
RunOptions run_options(const ReproduceOptions& options);

/// Values of one column of results.csv; rows without one are left out.
std::vector<double> column_values(const std::vector<Store::Fields>& rows, std::string_view column);

/// The share of the component's weights that is in the circuit, for each row.
std::vector<double> circuit_shares(const std::vector<Store::Fields>& rows);

/// Mean and standard deviation of values; "-" where there are none.
std::string figure_over(const std::vector<double>& values);
/// "(0.991)"; empty where nothing is published.
std::string published_figure(std::optional<double> value);

}  // namespace cprobe
