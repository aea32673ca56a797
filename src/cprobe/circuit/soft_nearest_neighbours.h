#pragma once

#include <torch/types.h>

namespace cprobe {

/// Soft nearest neighbours objective of circuit probing (Lepori et al. 2024, section 2; Frosst et
/// al. 2019, eq. 1, at fixed temperature 1).
///
/// With d_ij = 1 - cos(v_i, v_j) and eps = 1e-5:
///
///     L = -mean_i log[(sum_{j!=i, y_j=y_i} e^-d_ij + eps) / (sum_{j!=i} e^-d_ij + eps)]
///
///   - A row whose label is unique in the batch has only eps in the numerator, as in the reference.
///   - A zero row has cosine 0 with every row, and gradient 0.
///   - A single row has loss 0.
///
/// On the CPU, the gradient has a closed form: half of the n x n similarities, which are symmetric,
/// and two GEMMs, in O(n * d_model + n^2) memory; for several masks, the gradients of all and n^2
/// for each thread. The loss is then differentiable once, and the order of sums depends on the
/// number of threads.
///
/// @param updates  [n_labelled, d_model] float32; rows must be finite. Those of several masks:
///                 [n_masks, n_labelled, d_model].
/// @param labels   [n_labelled] int64, on the CPU or the device of `updates`. For several masks:
///                 [n_masks, n_labelled].
/// @return         scalar float32; for several masks, [n_masks].
/// @throws Error (kFailed) if the row counts differ or there are no rows.
at::Tensor soft_nearest_neighbours(const at::Tensor& updates, const at::Tensor& labels);

/// The same objective from stock operations: for any device, and differentiable more than once.
/// `soft_nearest_neighbours` calls this function on devices other than the CPU.
at::Tensor reference_soft_nearest_neighbours(const at::Tensor& updates, const at::Tensor& labels);

/// The objective of one mask on the CPU, with its gradient.
/// @param updates   [n_labelled, d] float32, contiguous.
/// @param gradient  gets the gradient by the updates; contiguous. Undefined: not wanted.
double soft_nearest_neighbours_with_gradient(const at::Tensor& updates, const at::Tensor& labels,
                                             const at::Tensor& gradient);

}  // namespace cprobe
