#include <algorithm>
#include <array>

#include "cprobe/io/atomic_file.h"
#include "cprobe/io/csv.h"
#include "cprobe/reproduce/exp3_table.h"
#include "cprobe/reproduce/published_baselines.h"
#include "cprobe/reproduce/toy_experiment.h"
#include "cprobe/run/run_folder.h"

namespace cprobe {
namespace {

/// Training steps at which the paper probes the model.
constexpr std::array<int64_t, 23> kSteps = {100,   200,   300,    400,    500,    600,    700,   800,
                                            900,   1'000, 2'000,  3'000,  4'000,  5'000,  6'000, 7'000,
                                            8'000, 9'000, 10'000, 12'500, 15'000, 17'500, 20'000};

/// The paper's steps below `last`, then `last`.
std::vector<int64_t> checkpoints_until(int64_t last) {
  std::vector<int64_t> steps(kSteps.begin(), std::ranges::lower_bound(kSteps, last));
  steps.push_back(last);
  return steps;
}

std::vector<ToyExperiment> experiments_of(const ArithmeticTask& task, const ToyExperimentOptions& options) {
  return toy_experiments({task}, options, [&](ToyExperiment& experiment) {
    experiment.training.checkpoints = checkpoints_until(options.steps);
    for (const int64_t step : experiment.training.checkpoints) {
      const std::string name = fmt::format("step_{}", step);
      Spec spec = toy_spec(experiment, task, name, "probes/" + name + "/circuits", options.common);
      spec.grid.variables = {"var_0", "aux_0"};
      experiment.runs.push_back(spec);
    }
  });
}

/// Step and test accuracy of every point of the training curve.
std::vector<std::pair<int64_t, double>> test_accuracy(const ToyExperiment& experiment) {
  const CsvTable curve = CsvTable::read(experiment.folder / "curve.csv");
  const std::vector<int64_t> steps = curve.integers("step");
  const std::vector<std::string> accuracies = curve.text("test_accuracy");
  std::vector<std::pair<int64_t, double>> points;
  for (size_t i = 0; i < steps.size(); ++i) points.emplace_back(steps[i], std::stod(accuracies[i]));
  return points;
}

bool is_finished(const std::filesystem::path& run) {
  if (!holds_run(run)) return false;
  return std::ranges::all_of(Store::open_existing(run).cells(),
                             [](const CellEntry& cell) { return cell.status == CellStatus::kDone; });
}

std::vector<RecordedMetric> run_das(Spec spec, const ReproduceOptions& options) {
  ReproduceOptions without_bar = options;
  without_bar.on_progress = {};
  spec.grid.variables = {"var_0"};
  return run_published_baselines(spec, {"boundless_das"}, without_bar);
}

/// Finds the circuits of all checkpoints under one progress bar, and runs DAS if asked to.
std::vector<EmergenceCheckpoint> probe(const ToyExperiment& experiment, const ReproduceOptions& options) {
  RunOptions without_bar = toy_run_options(options);
  without_bar.callbacks.on_progress = {};
  const auto has_work = [&](const Spec& run) {
    return options.overwrite || !is_finished(run.out) || (options.baselines && !is_finished(baselines_folder(run)));
  };
  const auto n_left = static_cast<int64_t>(std::ranges::count_if(experiment.runs, has_work));
  Progress progress{.what = "circuits of checkpoints", .total = std::max<int64_t>(1, n_left)};
  std::vector<EmergenceCheckpoint> checkpoints;
  for (size_t i = 0; i < experiment.runs.size(); ++i) {
    const int64_t step = experiment.training.checkpoints[i];
    const int64_t n_done = has_work(experiment.runs[i]) ? 1 : 0;
    progress.note = fmt::format("step {}", step);
    tell(options.on_progress, progress);
    checkpoints.push_back({step, finished_cells(experiment.runs[i], without_bar)});
    if (options.baselines) checkpoints.back().figures = run_das(experiment.runs[i], options);
    progress.done += n_done;
    tell(options.on_progress, progress);
  }
  return checkpoints;
}

}  // namespace

std::string reproduce_experiment3(const ArithmeticTask& task, const ToyExperimentOptions& options) {
  const std::vector<ToyExperiment> experiments = experiments_of(task, options);
  begin_toy_experiments(experiments, options.common);
  std::vector<Emergence> runs;
  for (const ToyExperiment& experiment : experiments) {
    train_model(experiment);
    runs.push_back({experiment.seed, test_accuracy(experiment), probe(experiment, options.common)});
  }
  write_file(options.common.out / "emergence.csv", emergence_csv(runs));
  std::string table = experiment3_table(runs);
  write_file(options.common.out / "table.txt", table);
  return table;
}

}  // namespace cprobe
