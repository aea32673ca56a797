#include "cprobe/reproduce/toy_experiment.h"

#include "cprobe/core/error.h"
#include "cprobe/core/threads.h"
#include "cprobe/record/store.h"
#include "cprobe/training/train_tasks.h"

namespace cprobe {

RunOptions run_options(const ReproduceOptions& options) {
  return {.again = {.all = options.overwrite, .failed = true},
          .n_threads = options.n_threads,
          .callbacks = {.on_progress = options.on_progress, .on_message = options.on_message}};
}

RunOptions toy_run_options(const ReproduceOptions& options) {
  RunOptions run = run_options(options);
  run.n_jobs = options.n_threads > 0 ? options.n_threads : available_threads();
  run.n_threads = 1;
  return run;
}

std::vector<ToyExperiment> toy_experiments(const std::vector<ArithmeticTask>& tasks,
                                           const ToyExperimentOptions& options,
                                           const std::function<void(ToyExperiment&)>& complete) {
  std::vector<ToyExperiment> experiments;
  for (int64_t seed = 0; seed < options.n_seeds; ++seed) {
    ToyExperiment& experiment = experiments.emplace_back();
    experiment.seed = static_cast<uint64_t>(seed);
    experiment.tasks = tasks;
    experiment.training = {
        .steps = options.steps, .overwrite = options.common.overwrite, .on_progress = options.common.on_progress};
    experiment.folder = options.common.out / fmt::format("seed_{}", seed);
    complete(experiment);
  }
  return experiments;
}

std::filesystem::path baselines_folder(const Spec& circuits) {
  return circuits.out.parent_path() / "baselines";
}

Spec toy_spec(const ToyExperiment& experiment, const ArithmeticTask& task, const std::string& model,
              const std::string& out, const ReproduceOptions& options) {
  const std::filesystem::path data = task_data_folder(experiment.folder, experiment.tasks, task);
  Spec spec{.model = {.folder = experiment.folder / model},
            .data = {.task = task.name,
                     .train_csv = data / "train.csv",
                     .test_csv = data / "test.csv",
                     .evaluation_csvs = {{"Test", data / "test.csv"}}},
            .grid = {.seeds = {experiment.seed}},
            .out = experiment.folder / out};
  spec.probe.ablation.n_random = options.n_random;
  spec.probe.null_variables = options.n_nulls;
  return spec;
}

void begin_toy_experiments(const std::vector<ToyExperiment>& experiments, const ReproduceOptions& options) {
  if (experiments.empty() || experiments.front().training.steps < 1) {
    throw input_error("reproduce needs at least one seed and one training step");
  }
  set_threads(options.n_threads > 0 ? options.n_threads : available_threads());
  for (const ToyExperiment& e : experiments) {
    const ModelConfig config = toy_config(e.tasks);
    const Seed seed(e.seed);
    const TaskData data = prepare_training_data(e.tasks, e.folder, seed, options.overwrite);
    check_training(config, data.train, data.test, e.training, e.folder, seed);
    if (options.overwrite || !is_trained(config, data.train, data.test, e.training, e.folder, seed)) continue;
    for (const Spec& run : e.runs) check_run(run, toy_run_options(options));
  }
}

void train_model(const ToyExperiment& e) {
  const ModelConfig config = toy_config(e.tasks);
  const Seed seed(e.seed);
  const TaskData data = prepare_training_data(e.tasks, e.folder, seed, false);
  if (!e.training.overwrite && is_trained(config, data.train, data.test, e.training, e.folder, seed)) return;
  train(config, data.train, data.test, e.training, e.folder, seed);
}

std::vector<ProbedCell> finished_cells(const Spec& spec, const RunOptions& options) {
  const RunSummary summary = run(spec, options);
  if (!summary.failures.empty()) throw failure("{}: {}", spec.out.string(), summary.failures.front());
  return Store::open_existing(spec.out).probed();
}

}  // namespace cprobe
