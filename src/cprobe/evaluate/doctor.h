#pragma once

#include <torch/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "cprobe/model/model.h"

namespace cprobe {

/// One thing that was verified about a model.
struct Check {
  /// "weights", ...; for a quantity of a golden file, its name there, such as "mlp_update.3".
  std::string what;
  /// Largest relative difference (as `compare`), or number of offenders. NaN if a compared number
  /// is NaN.
  double difference = 0;
  double tolerance = 0;  ///< Largest accepted difference.
  bool ok = false;       ///< difference <= tolerance.
  /// In words: what was checked, or where numbers differ and by how much. May be empty.
  std::string detail;
};

/// Relative differences that are accepted between two float32 implementations of the same model.
/// Each implementation sums in its own order.
inline constexpr double kActivationTolerance = 2e-5;  ///< Activations, logits and losses.
inline constexpr double kGradientTolerance = 1e-4;    ///< Gradients, which pass through more sums.
inline constexpr double kBatchTolerance = 1e-5;       ///< The same states in another batch.

/// Compares two tensors of one shape. The difference is max |ours - expected| / max |expected|, not
/// divided if `expected` is all 0. The detail of a failed check names the entry that differs most,
/// with both values.
/// @throws Error (kFailed) if the shapes differ or the tensors are empty.
Check compare(std::string what, const at::Tensor& ours, const at::Tensor& expected, double tolerance);

/// Checks that a model is sound in itself. Runs 12 rows of at most 24 tokens three times.
///   - `weights`: all of the config's weights exist, have the config's shapes and are finite. If
///     this check fails, no other is made.
///   - `states, rows permuted` and `states, one row at a time`: the final residual stream of random
///     token rows, some with shared prefixes, does not depend on what else is in the batch, within
///     kBatchTolerance.
std::vector<Check> examine(const Model& model);

/// Checks that the tokenizer in a model's folder fits the model's vocabulary. Makes one check for
/// each of the files `tokenizer.json` and `vocab.json` that exists. The difference is the number of
/// token ids without an embedding in the model. The model may have more embeddings than the
/// tokenizer has tokens.
/// @throws Error (kInput) with file, line and column if a file is no such vocabulary.
std::vector<Check> examine_tokenizer(const ModelConfig& config, const std::filesystem::path& folder);

/// Compares a model with recorded outputs of a reference implementation, through the code that
/// probing runs:
///   - the forward pass;
///   - hard neuron masks on one component;
///   - loss and gradients of soft neuron masks under the soft nearest neighbours objective.
///
/// Keys of the file are listed below. `{l}` is a layer, `{c}` is "attn" or "mlp", and `{w}` is the
/// short name of a weight matrix of the component, as `matrices_of`. Whole numbers are int64, all
/// else float32.
///
///     input_ids [batch, seq]                    rows of tokens, padded on the right
///     attention_mask [batch, seq]               1 for tokens, 0 for padding
///     lengths [batch]                           tokens of each row
///     logits [batch, seq, vocab]                activations; padded positions are ignored
///     attn_update.{l} [batch, seq, d_model]
///     mlp_update.{l} [batch, seq, d_model]
///     resid_post.{l} [batch, seq, d_model]
///     masked_layer [1]                          layer of all masks below
///     mask.{c}.{w} [n_out]                      hard masks of one component at a time
///     masked_update.{c} [batch, seq, d_model]   the component's update under its masks
///     masked_logits.{c} [batch, seq, vocab]     logits under the component's masks
///     snn.input_ids [n, seq]                    labelled rows of tokens
///     snn.lengths [n]                           tokens of each labelled row
///     snn.labels [n]                            labels of each row's last token
///     snn.s.{c}.{w} [n_out]                     mask parameters; multipliers are sigmoid(s)
///     snn.update.{c} [n, d_model]               updates at the last tokens under these multipliers
///     snn.loss.{c} [1]                          loss of these updates
///     snn.grad_update.{c} [n, d_model]          gradient of the loss by the updates
///     snn.grad.{c}.{w} [n_out]                  gradient of the loss by the mask parameters
///
/// Memory: all activations of the batch.
/// @return one check per recorded quantity, in this order.
/// @throws Error (kInput) naming file and tensor:
///   - a missing key, another shape or dtype than listed, NaN or infinite values;
///   - rows that are not padded on the right;
///   - tokens, positions or a layer that the model lacks.
std::vector<Check> compare_with_golden(const Model& model, const std::filesystem::path& golden);

}  // namespace cprobe
