#include "cprobe/report/read_runs.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "cprobe/core/error.h"
#include "cprobe/core/interrupt.h"
#include "cprobe/core/progress.h"
#include "cprobe/report/circuit_details.h"
#include "cprobe/report/run_names.h"
#include "cprobe/run/run_folder.h"

namespace cprobe {
namespace {

/// Settings in which cells of one report may differ. Seeds are left out, because cells that differ
/// only in seeds repeat each other, and so are positions, which findings have by themselves.
std::vector<VariedSetting> option_settings() {
  std::vector<VariedSetting> settings = {
      {"unit", [](const CellSettings& s) { return std::string(to_string(s.unit)); }},
      {"protocol", [](const CellSettings& s) { return std::string(to_string(s.protocol)); }},
      {"negative control", [](const CellSettings& s) {
         return s.control == ModelControl::kNone ? std::string() : std::string(to_string(s.control));
       }}};
  std::ranges::copy_if(grid_settings(), std::back_inserter(settings), [](const VariedSetting& setting) {
    return setting.name != "seed" && setting.name != "position";
  });
  return settings;
}

void name_options(std::vector<ReportedCell>& cells) {
  for (const VariedSetting& setting : varied_settings(option_settings(), cells)) {
    for (ReportedCell& cell : cells) {
      const std::string value = setting.text(cell.settings);
      if (value.empty()) continue;
      cell.options += fmt::format("{}{} {}", cell.options.empty() ? "" : ", ", setting.name, value);
    }
  }
}

/// Completes the titles of runs (ReportedRun::titles).
void agree_on_titles(ReportData& data) {
  std::vector<Titles> of_runs(data.runs.size());
  const auto add = [&](size_t run, const std::string& variable) {
    of_runs[run][variable] = title_in(data.runs[run].titles, variable);
  };
  for (const ReportedCell& cell : data.cells) add(cell.run, cell.settings.cell.variable);
  for (const ReportedFigure& figure : data.figures) add(figure.run, figure.row.variable);
  using InSeries = std::pair<std::string, std::string>;  // Series, and a variable or a title.
  std::map<InSeries, std::set<std::string>> titles, variables;
  for (size_t r = 0; r < of_runs.size(); ++r) {
    for (const auto& [variable, title] : of_runs[r]) {
      titles[{data.runs[r].series, variable}].insert(title);
      variables[{data.runs[r].series, title}].insert(variable);
    }
  }
  for (size_t r = 0; r < of_runs.size(); ++r) {
    for (auto& [variable, title] : of_runs[r]) {
      const std::string& series = data.runs[r].series;
      const bool is_clear = titles.at({series, variable}).size() == 1 && variables.at({series, title}).size() == 1;
      if (!is_clear) title = variable;
    }
    data.runs[r].titles = std::move(of_runs[r]);
  }
}

void describe_run(ReportedRun& run, const Store& store) {
  run.calls = store.invocations();
  run.judge = store.judging();
  run.method_rules = store.rules();
  run.titles = store.titles();
  for (const CellEntry& cell : store.cells()) {
    if (cell.status == CellStatus::kDone) {
      ++run.n_done;
      run.seconds += cell.seconds;
    } else if (cell.status == CellStatus::kFailed) {
      run.failed.push_back(cell);
    } else {
      ++run.n_planned;
    }
  }
}

void read_run(ReportData& data, size_t index) {
  ReportedRun& run = data.runs[index];
  const Store store = open_to_read(run.folder);
  const Store::Snapshot of_one_moment(store);
  describe_run(run, store);
  for (const RecordedMetric& row : store.metrics()) {
    if (!row.method.starts_with(kCircuitProbing)) data.figures.push_back({index, row});
  }
  std::vector<ReportedCell> cells;
  for (ProbedCell& cell : store.probed()) cells.push_back({std::move(cell)});
  std::map<std::string, ReportedCell*> by_id;
  for (ReportedCell& cell : cells) {
    cell.run = index;
    by_id[cell.id] = &cell;
  }
  for (TrainingCurve& curve : store.curves()) {
    const auto found = by_id.find(curve.cell);
    if (found != by_id.end()) found->second->curve = std::move(curve.epochs);
  }
  const size_t first = data.cells.size();
  data.cells.insert(data.cells.end(), std::make_move_iterator(cells.begin()), std::make_move_iterator(cells.end()));
  add_circuit_details(data, first, store.circuit_files());
}

}  // namespace

std::vector<size_t> thinned(size_t n_epochs, size_t most) {
  std::vector<size_t> kept;
  const size_t n = std::min(n_epochs, most);
  for (size_t i = 0; i < n; ++i) kept.push_back(n == 1 ? 0 : i * (n_epochs - 1) / (n - 1));
  return kept;
}

ReportData read_runs(const std::vector<std::filesystem::path>& paths, const OnProgress& on_progress) {
  ReportData data{.runs = find_runs(paths)};
  Progress progress{.what = "read runs", .total = std::max<int64_t>(1, std::ssize(data.runs))};
  tell(on_progress, progress);
  for (size_t i = 0; i < data.runs.size(); ++i) {
    stop_if_interrupted();
    read_run(data, i);
    ++progress.done;
    progress.note = data.runs[i].name;
    tell(on_progress, progress);
  }
  name_options(data.cells);
  agree_on_titles(data);
  return data;
}

}  // namespace cprobe
