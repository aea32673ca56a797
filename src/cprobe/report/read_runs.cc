#include "cprobe/report/read_runs.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <set>
#include <string_view>

#include "cprobe/core/error.h"
#include "cprobe/core/interrupt.h"
#include "cprobe/core/progress.h"
#include "cprobe/record/adjusted_p.h"
#include "cprobe/record/result_columns.h"
#include "cprobe/record/result_row.h"
#include "cprobe/record/tables.h"
#include "cprobe/report/circuit_details.h"
#include "cprobe/report/run_names.h"
#include "cprobe/run/run_folder.h"

namespace cprobe {
namespace {

int64_t integer_of(const Store::Fields& row, std::string_view column, int64_t otherwise = 0) {
  const std::string text = value_of(row, column);
  return text.empty() ? otherwise : std::stoll(text);
}

Spread spread_of(const Store::Fields& row, std::string_view mean, std::string_view sd, int64_t n) {
  return {number_of(row, mean).value_or(0), number_of(row, sd), n};
}

/// Of what metrics.csv has and results.csv, or that of earlier versions, has not: by cell, metric and control.
using Metrics = std::map<std::array<std::string, 3>, Metric>;

std::string ablated_metric(const std::string& label, Fill fill) {
  return ablation_metric(kAblatedAccuracy, label, "all", fill);
}

/// The first of a run's fills: figures of the others have the fill in their columns' names.
Fill first_fill(const Store::Fields& row, const Metrics& metrics, const std::string& label) {
  for (const Fill fill : kFills) {
    const bool is_other = !value_of(row, column::ablated(label, fill)).empty();
    if (!is_other && metrics.contains({value_of(row, column::kId), ablated_metric(label, fill), ""})) return fill;
  }
  return Fill::kZero;
}

std::vector<ReportedAblation> ablations_of(const Store::Fields& row, const Metrics& metrics) {
  std::vector<ReportedAblation> list;
  for (const std::string& label : behaviours_of(row)) {
    const Fill fill = first_fill(row, metrics, label);
    ReportedAblation a{.data = label,
                       .fill = fill,
                       .vanilla = number_of(row, column::vanilla(label)).value_or(0),
                       .ablated = number_of(row, column::ablated(label)).value_or(0),
                       .complement = number_of(row, column::complement(label)),
                       .p = number_of(row, column::p(label)),
                       .note = value_of(row, column::note(label))};
    const std::string id = value_of(row, column::kId);
    const auto vanilla = metrics.find({id, "vanilla_accuracy " + label, ""});
    if (vanilla != metrics.end()) a.n_rows = vanilla->second.n;
    const auto random = metrics.find({id, ablated_metric(label, fill), "random"});
    if (random != metrics.end()) {
      a.random = {random->second.value, random->second.sd, random->second.n};
      a.draws = random->second.draws;
    } else if (number_of(row, column::random_mean(label))) {
      a.random = spread_of(row, column::random_mean(label), column::random_sd(label),
                           integer_of(row, column::n_random(label)));
    }
    list.push_back(std::move(a));
  }
  return list;
}

ReportedCell cell_of(const Store::Fields& row, const Metrics& metrics) {
  const std::string id = value_of(row, column::kId);
  const int64_t n_draws = integer_of(row, column::kKnnDraws, 1);
  const auto knn = metrics.find({id, "knn_test_accuracy", ""});
  return {.id = id,
          .variable = value_of(row, column::kVariable),
          .layer = integer_of(row, column::kLayer),
          .block = value_of(row, column::kBlock),
          .seed = integer_of(row, "model_seed"),
          .knn = spread_of(row, column::kKnn, column::kKnnSd, n_draws),
          .full = spread_of(row, column::kFullKnn, column::kFullKnnSd, n_draws),
          .majority = number_of(row, column::kMajority).value_or(0),
          .n_tokens = knn == metrics.end() ? integer_of(row, "test length") : knn->second.n,
          .n_weights = number_of(row, column::kWeights).value_or(0),
          .max_weights = number_of(row, column::kMaxWeights).value_or(0),
          .extent = value_of(row, column::kCircuit),
          .ablations = ablations_of(row, metrics)};
}

/// Settings in which cells of one report may differ. Seeds are not among them: cells that differ in nothing else repeat
/// each other.
std::vector<GridColumn> option_columns() {
  std::vector<GridColumn> columns = {{"unit", "unit"}, {"protocol", "protocol"}, {"model control", "model"}};
  std::ranges::copy_if(grid_columns(), std::back_inserter(columns),
                       [](const GridColumn& column) { return column.column != "model_seed"; });
  return columns;
}

void name_options(std::vector<ReportedCell>& cells, const std::vector<Store::Fields>& rows) {
  for (const auto& [column, name] : option_columns()) {
    std::set<std::string> values;
    for (const Store::Fields& row : rows) values.insert(value_of(row, column));
    if (values.size() < 2) continue;
    for (size_t i = 0; i < rows.size(); ++i) {
      const std::string value = value_of(rows[i], column);
      if (value.empty()) continue;
      cells[i].options += fmt::format("{}{} {}", cells[i].options.empty() ? "" : ", ", name, value);
    }
  }
}

/// As `cprobe inspect` adjusts: for the cells of one run. @param cells of that run, in the order of its rows.
void adjust(std::vector<ReportedCell>& cells, const std::vector<Store::Fields>& rows, ReportedRun& run) {
  std::set<std::string> labels;
  for (const ReportedCell& cell : cells) {
    for (const ReportedAblation& a : cell.ablations) labels.insert(a.data);
  }
  for (const std::string& label : labels) {
    const AdjustedP adjusted = adjusted_p(rows, label);
    if (!adjusted.note().empty()) run.p_notes[label] = adjusted.note();
    for (size_t i = 0; i < cells.size(); ++i) {
      for (ReportedAblation& a : cells[i].ablations) {
        if (a.data != label || !adjusted.of_row[i]) continue;
        a.p_holm = adjusted.of_row[i];
        a.n_tests = adjusted.n_tests;
      }
    }
  }
}

void describe_run(ReportedRun& run, const Store& store) {
  run.calls = store.invocations();
  for (const Store::Entry& cell : store.cells()) {
    switch (cell.status) {
      case CellStatus::kDone:
        ++run.n_done;
        run.seconds += cell.seconds;
        break;
      case CellStatus::kPlanned:
      case CellStatus::kRunning:
        ++run.n_planned;
        break;
      case CellStatus::kFailed:
        run.failed.push_back(cell);
        break;
    }
  }
}

/// @param rows receives the fields of the cells that are added.
void read_run(ReportData& data, size_t index, std::vector<Store::Fields>& rows) {
  ReportedRun& run = data.runs[index];
  const Store store = open_to_read(run.folder);
  const Store::Snapshot of_one_moment(store);
  describe_run(run, store);
  Metrics metrics;
  for (const Store::MetricRow& row : store.metrics()) {
    if (row.method.starts_with(kCircuitProbing)) {
      metrics.emplace(std::array{row.cell, row.metric.metric, row.metric.control}, row.metric);
    } else {
      data.figures.push_back({index, row});
    }
  }
  const std::vector<Store::Fields> here = store.results();
  std::vector<ReportedCell> cells;
  std::map<std::string, size_t> by_id;
  for (const Store::Fields& row : here) {
    cells.push_back(cell_of(row, metrics));
    cells.back().run = index;
    by_id[cells.back().id] = cells.size() - 1;
  }
  adjust(cells, here, run);
  for (Store::Curve& curve : store.curves()) {
    const auto found = by_id.find(curve.cell);
    if (found != by_id.end()) cells[found->second].curve = std::move(curve.epochs);
  }
  rows.insert(rows.end(), here.begin(), here.end());
  const size_t first = data.cells.size();
  data.cells.insert(data.cells.end(), std::make_move_iterator(cells.begin()), std::make_move_iterator(cells.end()));
  add_circuit_details(data, first, store.circuit_files());
}

}  // namespace

std::string ReportedCell::component() const {
  return fmt::format("L{}.{}", layer, block);
}

std::vector<size_t> thinned(size_t n_epochs, size_t most) {
  std::vector<size_t> kept;
  const size_t n = std::min(n_epochs, most);
  for (size_t i = 0; i < n; ++i) kept.push_back(n == 1 ? 0 : i * (n_epochs - 1) / (n - 1));
  return kept;
}

ReportData read_runs(const std::vector<std::filesystem::path>& paths, bool quiet) {
  ReportData data{.runs = find_runs(paths)};
  std::vector<Store::Fields> rows;
  Progress progress("read runs", static_cast<int64_t>(data.runs.size()), quiet);
  for (size_t i = 0; i < data.runs.size(); ++i) {
    stop_if_interrupted();
    read_run(data, i, rows);
    progress.advance(1, data.runs[i].name);
  }
  name_options(data.cells, rows);
  return data;
}

}  // namespace cprobe
