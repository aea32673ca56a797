#include "cprobe/experiment/reproduce_parts.h"

#include "cprobe/evaluate/statistics.h"
#include "cprobe/experiment/tables.h"

namespace cprobe {

RunOptions run_options(const ReproduceOptions& options) {
  return {
      .overwrite = options.overwrite, .keep_finished = true, .quiet = options.quiet, .n_threads = options.n_threads};
}

std::vector<double> column_values(const std::vector<Store::Fields>& rows, std::string_view column) {
  std::vector<double> values;
  for (const Store::Fields& row : rows) {
    if (const std::string value = value_of(row, column); !value.empty()) values.push_back(std::stod(value));
  }
  return values;
}

std::vector<double> circuit_shares(const std::vector<Store::Fields>& rows) {
  std::vector<double> shares = column_values(rows, "L0 Norm");
  const std::vector<double> largest = column_values(rows, "L0 Max");
  for (size_t i = 0; i < shares.size(); ++i) shares[i] /= largest[i];
  return shares;
}

std::string figure_over(const std::vector<double>& values) {
  if (values.empty()) return "-";
  const Spread s = spread(values);
  return figure_text(s.mean, s.sd);
}

std::string published_figure(std::optional<double> value) {
  return value ? fmt::format("({:.3f})", *value) : "";
}

}  // namespace cprobe
