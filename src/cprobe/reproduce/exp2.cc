#include <algorithm>
#include <array>

#include "cprobe/io/atomic_file.h"
#include "cprobe/reproduce/exp2_table.h"
#include "cprobe/reproduce/published_baselines.h"
#include "cprobe/reproduce/toy_experiment.h"
#include "cprobe/training/train_tasks.h"

namespace cprobe {
namespace {

constexpr const char* kDas = "boundless_das";

std::string baselines_table_of(size_t task, const std::vector<RecordedMetric>& figures) {
  const std::string_view auxiliary = task == 0 ? ".327" : ".215";  // The only published figure that differs by task.
  const std::vector<PublishedBaseline> published =
      published_baselines({{"var_0", "shared"}, {"var_1", "free"}, {"aux_0", "auxiliary"}},
                          {{"linear_probe", "L0.mid", "test_accuracy", "", {"1.0", "1.0", auxiliary}},
                           {"amnesic_probing", "L0.mid", "erased_accuracy Same", "", {"<= .045", "<= .045", "<= .045"}},
                           {"amnesic_probing", "L0.mid", "erased_accuracy Different", "", {"-", "-", "-"}},
                           {kDas, "L0.mid", "interchange_accuracy", "", {".93-.94", ".93-.94"}},
                           {kDas, "L0.post", "interchange_accuracy", "", {"<= .04", "<= .04"}}});
  return fmt::format("\nComparison methods, task {}:\n{}", task + 1, baselines_table(figures, published));
}

std::filesystem::path test_csv(const ToyExperiment& experiment, size_t task) {
  return task_data_folder(experiment.folder, experiment.tasks, experiment.tasks[task]) / "test.csv";
}

/// The spec for the circuits of one task, ablated on both tasks.
Spec probing_spec(const ToyExperiment& experiment, size_t task, const ReproduceOptions& options) {
  const ArithmeticTask& own = experiment.tasks[task];
  Spec spec = toy_spec(experiment, own, "final", "probes/" + own.name + "/circuits", options);
  spec.data.evaluation_csvs = {{kOwnTask, test_csv(experiment, task)}, {kOtherTask, test_csv(experiment, 1 - task)}};
  spec.grid.variables = {"var_0", "var_1", "aux_0"};
  spec.probe.ablation.per_matrix = true;
  return spec;
}

/// Says whether the distractor R is of the paper's kind, a bijection of b, or drawn for every row.
std::string distractor_text(const std::array<ArithmeticTask, 2>& tasks) {
  const bool is_uniform = std::ranges::any_of(tasks, [](const ArithmeticTask& task) {
    return std::ranges::any_of(task.symbols, [](const Symbol& s) { return s.kind == SymbolKind::kUniform; });
  });
  return is_uniform ? "The distractor R is drawn for every row; in the paper it is a bijection of b.\n"
                    : "The distractor R is a bijection of b, as in the paper.\n";
}

/// Runs the comparison methods on one task and returns their figures. DAS leaves out the auxiliary
/// variable, for which the data have no counterfactual answers.
std::vector<RecordedMetric> run_task_baselines(Spec spec, const ReproduceOptions& options) {
  run_published_baselines(spec, {"linear_probe", "amnesic_probing"}, options);
  spec.grid.variables = {"var_0", "var_1"};
  return run_published_baselines(spec, {kDas}, options);
}

}  // namespace

std::string reproduce_experiment2(const std::array<ArithmeticTask, 2>& tasks, const ToyExperimentOptions& options) {
  const auto add_runs = [&](ToyExperiment& experiment) {
    for (size_t task = 0; task < tasks.size(); ++task) {
      experiment.runs.push_back(probing_spec(experiment, task, options.common));
    }
  };
  const std::vector<ToyExperiment> experiments = toy_experiments({tasks.begin(), tasks.end()}, options, add_runs);
  begin_toy_experiments(experiments, options.common);
  std::vector<Experiment2Run> runs;
  std::array<std::vector<RecordedMetric>, 2> figures;
  for (const ToyExperiment& experiment : experiments) {
    train_model(experiment);
    for (size_t task = 0; task < tasks.size(); ++task) {
      const Spec& spec = experiment.runs[task];
      runs.push_back({experiment.seed, task, finished_cells(spec, toy_run_options(options.common))});
      if (!options.common.baselines) continue;
      for (RecordedMetric& figure : run_task_baselines(spec, options.common))
        figures[task].push_back(std::move(figure));
    }
  }
  std::string table = distractor_text(tasks) + experiment2_table(runs);
  for (size_t task = 0; task < tasks.size() && options.common.baselines; ++task) {
    table += baselines_table_of(task, figures[task]);
  }
  write_file(options.common.out / "table.txt", table);
  return table;
}

}  // namespace cprobe
