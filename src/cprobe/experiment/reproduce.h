#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "cprobe/data/arithmetic.h"

namespace cprobe {

struct ReproduceOptions {
  std::filesystem::path out;  ///< Folder for everything: data, training and circuits below seed_<k>/.
  int64_t steps = 10'000;     ///< Training steps per model; 1,000 suffice for test accuracy 1.0.
  int64_t n_seeds = 3;        ///< Models trained and probed, with seeds 0, 1, ...
  int64_t n_random = 20;      ///< Random controls per circuit.
  int n_threads = 0;          ///< 0: all processors.
  bool overwrite = false;     ///< Compute everything again; what an earlier call left in `out` is replaced.
  bool quiet = false;
};

/// Experiment 1 of the paper from nothing: generate the data, train, find the circuits of all four hypotheses in both
/// blocks, decode and ablate them; for every seed. Finished parts of an earlier call with the same options are kept and
/// not computed again; those of a call with other options are refused, and the options named.
/// @param task the task of Experiment 1 (examples/tasks/exp1.yaml).
/// @return     our figures (mean and standard deviation over seeds) beside the published ones, as a text table, and the
///             training losses on which those of the MLP depend.
/// @throws Error as train and run.
std::string reproduce_experiment1(const ArithmeticTask& task, const ReproduceOptions& options);

}  // namespace cprobe
