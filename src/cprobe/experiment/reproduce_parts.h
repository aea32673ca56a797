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
std::vector<double> collect(const std::vector<Store::Fields>& rows, std::string_view column);

/// The share of the component's weights that is in the circuit, for each row.
std::vector<double> circuit_shares(const std::vector<Store::Fields>& rows);

/// "0.991 ± 0.003", without a deviation where there is none.
std::string figure(double mean, std::optional<double> sd = {});
/// Mean and standard deviation of values; "-" where there are none.
std::string figure(const std::vector<double>& values);
/// "(0.991)"; empty where nothing is published.
std::string published_figure(std::optional<double> value);

}  // namespace cprobe
