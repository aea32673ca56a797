#pragma once

#include <torch/types.h>

namespace cprobe {

/// Mean cross-entropy of the right tokens, in float64. With example e at row i = rows[e] of the
/// logits x,
///
///     L = -mean_e log softmax(x_i)[answers[e]].
///
/// A row that several examples share is computed once and counts once for each of them. One pass
/// over the logits gives the loss and, in closed form, its gradient, which is kept in the logits'
/// dtype. Temporary memory: a few hundred rows in float64.
///
/// @param logits   [n, vocab] float32 or float64 on the CPU.
/// @param rows     [n_examples] int64 in [0, n): the row of each example.
/// @param answers  [n_examples] int64 in [0, vocab).
/// @return         scalar float64; differentiable in the logits.
/// @throws Error (kInput) if there are no examples, sizes differ, or a row or answer is out of
///         range.
at::Tensor cross_entropy(const at::Tensor& logits, const at::Tensor& rows, const at::Tensor& answers);

/// Share of examples, in [0, 1], whose right token has the largest logit; of equal logits, the
/// first counts as largest. Parameters and errors as `cross_entropy`.
double top_token_accuracy(const at::Tensor& logits, const at::Tensor& rows, const at::Tensor& answers);

}  // namespace cprobe
