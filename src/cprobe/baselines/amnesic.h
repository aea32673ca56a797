#pragma once

#include "cprobe/baselines/baseline.h"
#include "cprobe/baselines/probe.h"

namespace cprobe {

struct AmnesicOptions {
  bool shrinkage = true;         ///< As LeaceOptions::shrinkage.
  double tolerance = 0.01;       ///< As LeaceOptions::tolerance.
  int64_t random_controls = 20;  ///< Erasures of random directions, >= 0.
  ProbeOptions probe;            ///< The probe that reads the variable before and after erasing.
};

/// Reads AmnesicOptions from a spec. The keys of ProbeOptions are in the map's entry `probe`.
/// @param map  the method's map; nullptr: the defaults.
/// @throws Error (kInput) with file, line and column.
AmnesicOptions read_amnesic_options(const Document* map);

/// Amnesic probing (Elazar et al. 2021, arXiv 2006.00995) with LEACE (leace.h). Erases the variable
/// linearly from the probed token's state, runs the rest of the model on the erased state, and
/// measures task accuracy. Random controls remove as many random directions. Without them, a drop
/// in accuracy may only show that many directions were removed.
///
/// The eraser and the probe are fitted on the training set and applied to all other sets. Protocol
/// paper does as the reference does:
///   - The eraser and the probe are fitted on the test set. Whatever goes with the variable there
///     by chance is then erased too.
///   - The covariance is shrunk as in float32 (LeaceOptions::shrinkage_epsilon).
///   - Singular values are those of the authors' library (LeaceOptions::whitens_classes).
///   - A step of the probe takes all states that are not held out, whatever `batch_size` says.
///
/// Figures:
///   - `erased_directions`; n is d_model.
///   - `probe_accuracy_before` and `probe_accuracy_after` erasing, on test tokens; the second also
///     for control `majority`.
///   - `vanilla_accuracy` and `erased_accuracy` on each evaluation set; n is the number of rows.
///     For control `random`: mean and sd of `erased_accuracy` over n draws.
///   - With null variables, `erasure_harm` on each evaluation set: accuracy of the untouched model
///     minus accuracy with the variable erased, beside the same of null variables. Not defined if
///     no direction was erased, or every direction.
/// Random controls are left out if no direction was erased, or every direction.
std::unique_ptr<BaselineMethod> make_amnesic_probing(const AmnesicOptions& options);

}  // namespace cprobe
