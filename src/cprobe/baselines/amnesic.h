#pragma once

#include "cprobe/baselines/baseline.h"
#include "cprobe/baselines/probe.h"

namespace cprobe {

struct AmnesicOptions {
  bool shrinkage = true;         ///< LeaceOptions::shrinkage.
  int64_t random_controls = 20;  ///< Erasures of random directions, >= 0.
  ProbeOptions probe;            ///< Asks how much of the variable can be read before and after.
};

/// Reads them from a spec: the probe's keys under `probe`, the rest beside it. @param map nullptr: the defaults.
/// @throws Error (kInput) with file, line and column.
AmnesicOptions read_amnesic_options(const Document* map);

/// Amnesic probing (Elazar et al. 2021, arXiv 2006.00995) with LEACE (leace.h): the variable is erased linearly from the
/// probed token's state, the rest of the model runs on what is left, and task accuracy is measured. Its control removes
/// as many random directions: without it, a drop may only show that much was removed.
///
/// The eraser is fitted on the training set and applied to all others; so is the probe. In the paper's protocol both are
/// fitted on the test set, which also removes what goes with the variable there by chance, the covariance is shrunk as in
/// float32 (LeaceOptions::shrinkage_epsilon), and a step of the probe takes all states whatever its `batch_size`: what
/// the reference does.
///
/// Figures: `erased_directions` (n: d_model); `probe_accuracy_before` and `_after` erasing, on test tokens; for
/// each data set, `vanilla_accuracy` and `erased_accuracy` (n: rows; with control
/// `random`, mean and sd over n draws). There are no random controls where no direction was removed, or every one.
std::unique_ptr<BaselineMethod> make_amnesic_probing(const AmnesicOptions& options);

}  // namespace cprobe
