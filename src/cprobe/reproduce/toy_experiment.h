#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cprobe/record/recorded.h"
#include "cprobe/reproduce/reproduce.h"
#include "cprobe/run/runner.h"
#include "cprobe/training/trainer.h"

namespace cprobe {

/// What is missing of a run is computed; a finished one is the result.
RunOptions run_options(const ReproduceOptions& options);
/// The same for small models, whose cells take one thread each, and are computed at once on all there are.
RunOptions toy_run_options(const ReproduceOptions& options);

/// One seed of an experiment on a toy model: what is trained, and the runs that probe it.
struct ToyExperiment {
  uint64_t seed = 0;
  std::vector<ArithmeticTask> tasks;  ///< That the model learns.
  TrainOptions training;
  std::filesystem::path folder;  ///< For data and all that `train` writes.
  std::vector<Spec> runs;
};

/// One experiment for each seed, with the paper's training. @param complete adds its runs, and checkpoints.
std::vector<ToyExperiment> toy_experiments(const std::vector<ArithmeticTask>& tasks,
                                           const ToyExperimentOptions& options,
                                           const std::function<void(ToyExperiment&)>& complete);

/// Where the competing methods of a run go: beside its folder.
std::filesystem::path baselines_folder(const Spec& circuits);

/// A run on the data of one of the model's tasks, measured on its own test set as "Test".
/// @param model a folder below the experiment's: "final", "step_100".
/// @param out   likewise.
Spec toy_spec(const ToyExperiment& experiment, const ArithmeticTask& task, const std::string& model,
              const std::string& out, int64_t n_random);

/// Sets the threads, writes the data where they are not there, and refuses, before anything is trained, folders that hold
/// something else. @throws Error (kInput) if there is no experiment or no step; as prepare_training_data,
/// check_training and check_run.
void begin_toy_experiments(const std::vector<ToyExperiment>& experiments, const ReproduceOptions& options);

/// Trains the model, unless an earlier call with these options has.
void train_model(const ToyExperiment& experiment);

/// Computes what is missing of a run, and returns its cells. @throws Error (kFailed) if a cell failed.
std::vector<ProbedCell> finished_cells(const Spec& spec, const RunOptions& options);

}  // namespace cprobe
