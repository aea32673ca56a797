#pragma once

#include "cprobe/baselines/baseline.h"
#include "cprobe/baselines/subnetwork.h"

namespace cprobe {

/// Subnetwork probing (Cao et al. 2021): is there a subnetwork from whose output a linear classifier reads the variable?
/// A mask and the classifier are trained together; then the mask is made hard. Reported with it: the majority class, the
/// same with shuffled labels (which a probe can only learn by heart), the share of weights kept, and the task accuracy of
/// the model without the kept weights, beside random subnetworks of the same size.
std::unique_ptr<BaselineMethod> make_subnetwork_probe(const SubnetworkOptions& options);

/// Reads its options from a spec (docs/file_formats.md). @param map nullptr: the defaults. @throws Error (kInput) with file,
/// line and column.
SubnetworkOptions read_subnetwork_options(const Document* map);

}  // namespace cprobe
