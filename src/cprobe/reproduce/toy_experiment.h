#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cprobe/record/recorded.h"
#include "cprobe/reproduce/reproduce.h"
#include "cprobe/run/runner.h"
#include "cprobe/training/trainer.h"

namespace cprobe {

/// Options of a run that computes all cells that are missing or failed, and with `overwrite` all
/// cells.
RunOptions run_options(const ReproduceOptions& options);
/// As `run_options`, for toy models: each cell takes one thread, and as many cells are computed at
/// the same time as there are threads.
RunOptions toy_run_options(const ReproduceOptions& options);

/// One seed of an experiment on a toy model.
struct ToyExperiment {
  uint64_t seed = 0;
  std::vector<ArithmeticTask> tasks;  ///< The tasks that the model learns.
  TrainOptions training;
  std::filesystem::path folder;  ///< Holds the data and all that `train` writes.
  std::vector<Spec> runs;        ///< Runs that probe the model.
};

/// Makes an experiment for each seed, with the paper's training.
/// @param complete  adds the runs of an experiment, and checkpoints if it has any.
std::vector<ToyExperiment> toy_experiments(const std::vector<ArithmeticTask>& tasks,
                                           const ToyExperimentOptions& options,
                                           const std::function<void(ToyExperiment&)>& complete);

/// The run folder of comparison methods: `baselines` beside the run folder of the circuits.
std::filesystem::path baselines_folder(const Spec& circuits);

/// The spec of a run on the data of one of the model's tasks. Its evaluation set is the task's test
/// set, labelled "Test".
/// @param model  the model's folder below the experiment's: "final", "step_100".
/// @param out    the run folder below the experiment's.
Spec toy_spec(const ToyExperiment& experiment, const ArithmeticTask& task, const std::string& model,
              const std::string& out, const ReproduceOptions& options);

/// Sets the number of threads, writes the data that are missing, and refuses folders that hold
/// something else, before anything is trained.
/// @throws Error (kInput) if there is no experiment or no training step; as prepare_training_data,
///         check_training and check_run.
void begin_toy_experiments(const std::vector<ToyExperiment>& experiments, const ReproduceOptions& options);

/// Trains the model, unless an earlier call with the same options has.
void train_model(const ToyExperiment& experiment);

/// Computes the missing cells of a run, and returns all of its cells of circuit probing.
/// @throws Error as run; (kFailed) if a cell failed.
std::vector<ProbedCell> finished_cells(const Spec& spec, const RunOptions& options);

}  // namespace cprobe
