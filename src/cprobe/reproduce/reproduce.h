#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "cprobe/core/message.h"
#include "cprobe/core/progress.h"
#include "cprobe/tasks/arithmetic_task.h"
#include "cprobe/tasks/lexicon.h"

namespace cprobe {

/// Options of every experiment. A call keeps the finished parts of an earlier call with the same
/// options, and computes the others. Parts of a call with other options are refused.
struct ReproduceOptions {
  std::filesystem::path out;  ///< Folder for all results.
  int64_t n_random = 39;      ///< Random controls per circuit, >= 0.
  int64_t n_nulls = 19;       ///< Null variables per variable, >= 0.
  int n_threads = 0;          ///< Threads of training, shared by cells; 0: one per processor.
  bool overwrite = false;     ///< Replace what an earlier call left in `out`.
  OnProgress on_progress;     ///< Told of training and of runs.
  OnMessage on_message;
  /// Experiments 1 to 3: also run the comparison methods, with the paper's settings.
  bool baselines = false;
};

/// Options of the experiments that train their models.
struct ToyExperimentOptions {
  ReproduceOptions common;  ///< Data, training and circuits go to `out`/seed_<k>/.
  /// Training steps per model, >= 1. The paper has 10,000, and 20,000 in Experiment 3.
  int64_t steps = 10'000;
  int64_t n_seeds = 1;  ///< Models trained and probed, with seeds 0, 1, ...; >= 1.
};

/// Reproduces Experiment 1 from nothing, for every seed: generates the data, trains a model, finds
/// the circuits of all four hypotheses in both blocks, decodes and ablates them.
/// @param task  the task of Experiment 1 (examples/tasks/exp1.yaml). 1,000 steps suffice for test
///              accuracy 1.0.
/// @return a text table of our figures (mean and standard deviation over seeds) beside the
///         published ones, and the final training losses, on which the figures of the MLP depend;
///         also in `out`/table.txt.
/// @throws Error as train and run.
std::string reproduce_experiment1(const ArithmeticTask& task, const ToyExperimentOptions& options);

/// Reproduces Experiment 2 from nothing, for every seed: trains one model on two tasks that share a
/// variable, finds the circuits of each task's shared, free and auxiliary variable in both blocks,
/// and ablates each circuit, and its c_attn part alone, on the test sets of both tasks.
/// @param tasks  examples/tasks/exp2_task1.yaml and exp2_task2.yaml, with `var_0` shared, `var_1`
///               free and `aux_0` auxiliary. Distractors may be drawn for every row instead.
/// @return text tables of our figures (mean and standard deviation over seeds) beside the published
///         ones, and in words in how many models each kind of variable lives in the weights that
///         the paper claims; also in `out`/table.txt.
/// @throws Error as train and run.
std::string reproduce_experiment2(const std::array<ArithmeticTask, 2>& tasks, const ToyExperimentOptions& options);

/// Reproduces Experiment 3 from nothing, for every seed: trains a model on a third of the rows,
/// keeps the model at the paper's 23 steps, and finds in each of these models the circuits of a^2,
/// which the answer needs, and of b^2, which the answer does not need.
/// @param task  the task of Experiment 3 (examples/tasks/exp3.yaml).
/// @return a text table of the figures at every checkpoint (mean and standard deviation over seeds)
///         beside the published ones, and in words how many steps the circuit comes before the
///         model generalises; also in `out`/table.txt. `out`/emergence.csv has a line for each seed
///         and checkpoint (docs/file_formats.md).
/// @throws Error as train and run.
std::string reproduce_experiment3(const ArithmeticTask& task, const ToyExperimentOptions& options);

struct Experiment4Options {
  ReproduceOptions common;      ///< Sentences go to `out`/data/, runs to `out`/<task>/.
  std::filesystem::path model;  ///< A Hugging Face folder with a tokenizer.
  /// Folder of the paper's sentences, as in the paper's repository: SV_Agr/SV_Agr.csv,
  /// SV_Agr/SV_Agr_gen.csv, Reflexive_An/Reflexive_An.csv, Reflexive_An/Reflexive_An_gen.csv,
  /// Syntactic_Number/Syntactic_Number.csv. Empty: sentences are made from the lexicon.
  std::filesystem::path data;
  std::vector<PaperTask> tasks = {kPaperTasks.begin(), kPaperTasks.end()};
  std::vector<int64_t> layers;  ///< Empty: all.
  std::string prefix;           ///< Text in front of every sentence; the paper has none.
  /// Training rows of each task, or of each gender in reflexives; >= 500, the batch size.
  int64_t train_rows = 2000;
  /// Test rows of each task, or of each gender in reflexives; >= 1. As many sentences of other
  /// structure are used.
  int64_t test_rows = 1000;
};

/// Reproduces Experiment 4 on any language model: finds the circuits of subject-verb agreement,
/// reflexive anaphora and syntactic number in every layer and block, decodes and ablates them. The
/// options of the fit are the paper's for GPT-2 small. A model of GPT-2 medium's sizes has the
/// paper's for GPT-2 medium.
/// @param lexicon  makes the sentences (examples/lexicon.yaml), unless there is `data`.
/// @return a text table for each task; also in `out`/table.txt. Published figures stand beside ours
///         if the model has the architecture and sizes of a published one. Otherwise a line says
///         that there are none.
/// @throws Error
///   - (kInput) before anything is computed, if an option, the model, its tokenizer or the data of
///     any task are wrong;
///   - (kFailed) if cells failed, after all others are done and table.txt is written;
///   - as run.
std::string reproduce_experiment4(const Lexicon& lexicon, const Experiment4Options& options);

}  // namespace cprobe
