#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "cprobe/tasks/arithmetic_task.h"
#include "cprobe/tasks/lexicon.h"

namespace cprobe {

/// What the reproduction of every experiment takes. Finished parts of an earlier call with the same options are kept and
/// not computed again; those of a call with other options are refused.
struct ReproduceOptions {
  std::filesystem::path out;  ///< Folder for everything.
  int64_t n_random = 20;      ///< Random controls per circuit.
  int n_threads = 0;          ///< Of training, and for cells, which share them; 0: one a processor.
  bool overwrite = false;     ///< Compute everything again; what an earlier call left in `out` is replaced.
  bool quiet = false;
  bool baselines = false;  ///< Experiments 1 to 3: also run the competing methods, in the paper's settings.
};

/// What an experiment takes that trains its models.
struct ToyExperimentOptions {
  ReproduceOptions common;  ///< Data, training and circuits go to `out`/seed_<k>/.
  int64_t steps = 10'000;   ///< Training steps per model, >= 1: the paper's, but for Experiment 3, which has 20,000.
  int64_t n_seeds = 1;      ///< Models trained and probed, with seeds 0, 1, ...; >= 1.
};

/// Experiment 1 of the paper from nothing: generate the data, train, find the circuits of all four hypotheses in both
/// blocks, decode and ablate them; for every seed.
/// @param task the task of Experiment 1 (examples/tasks/exp1.yaml). 1,000 steps suffice for test accuracy 1.0.
/// @return     our figures (mean and standard deviation over seeds) beside the published ones, as a text table, and the
///             training losses on which those of the MLP depend; also in `out`/table.txt.
/// @throws Error as train and run.
std::string reproduce_experiment1(const ArithmeticTask& task, const ToyExperimentOptions& options);

/// Experiment 2 of the paper from nothing: train one model on two tasks that share a variable, find the circuits of the
/// shared, the free and the auxiliary variable of each task in both blocks, and ablate them, and their c_attn part alone,
/// on the task's own test set and on the other's.
/// @param tasks examples/tasks/exp2_task1.yaml and exp2_task2.yaml, with `var_0` shared, `var_1` free and `aux_0`
///              auxiliary; their distractors as they are or drawn for every row.
/// @return      our figures (mean and standard deviation over seeds) beside the published ones, as text tables, and in
///              words how far each kind of variable lives in weights of its task's own; also in `out`/table.txt.
/// @throws Error as train and run.
std::string reproduce_experiment2(const std::array<ArithmeticTask, 2>& tasks, const ToyExperimentOptions& options);

/// Experiment 3 of the paper from nothing: train on a third of the rows, keeping the model at the paper's 23 steps, and
/// find in each of these models the circuits of a^2, which the answer needs, and of b^2, which it does not.
/// @param task the task of Experiment 3 (examples/tasks/exp3.yaml).
/// @return     the figures of every checkpoint (mean and standard deviation over seeds) beside the published ones, as a
///             text table, and in words how long before the model generalises its circuit is there; also in
///             `out`/table.txt. `out`/emergence.csv has a line for each seed and checkpoint (docs/file_formats.md).
/// @throws Error as train and run.
std::string reproduce_experiment3(const ArithmeticTask& task, const ToyExperimentOptions& options);

struct Experiment4Options {
  ReproduceOptions common;      ///< Sentences go to `out`/data/, the run of a task to `out`/<task>/.
  std::filesystem::path model;  ///< Hugging Face folder with a tokenizer.
  /// The paper's sentences as its repository has them: SV_Agr/SV_Agr.csv and SV_Agr_gen.csv, Reflexive_An/..,
  /// Syntactic_Number/Syntactic_Number.csv. Empty: sentences of the lexicon.
  std::filesystem::path data;
  std::vector<PaperTask> tasks = {kPaperTasks.begin(), kPaperTasks.end()};
  std::vector<int64_t> layers;  ///< Empty: all.
  std::string prefix;           ///< Text before every sentence. The paper has none.
  int64_t train_rows = 2000;    ///< Of each task (of each gender in reflexives), >= 500, a batch.
  int64_t test_rows = 1000;     ///< Likewise, and of each file of new structures, >= 1.
};

/// Experiment 4 of the paper on any language model: find the circuits of subject-verb agreement, reflexive anaphora and
/// syntactic number in every layer and block, decode and ablate them. Options of the fit are the paper's for GPT-2 small
/// or, with its sizes, medium.
/// @param lexicon of the sentences (examples/lexicon.yaml).
/// @return        a text table for each task, with the published figures where the model has the architecture and sizes
///                of a published one, or a line that says that there are none; also in `out`/table.txt.
/// @throws Error  (kInput) before anything is computed if an option, the model, its tokenizer or the data of any of the
///                tasks are wrong; (kFailed) if cells failed, once the others are done and table.txt is written; as run.
std::string reproduce_experiment4(const Lexicon& lexicon, const Experiment4Options& options);

}  // namespace cprobe
