#pragma once

#include <torch/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "cprobe/model/model.h"

namespace cprobe {

/// One thing that was verified about a model.
struct Check {
  std::string what;       ///< "mlp_update.3", "weights", ...: the golden file's name of a quantity where it has one.
  double difference = 0;  ///< Largest relative difference (as `compare`) or number of offenders; NaN where numbers are.
  double tolerance = 0;   ///< Largest difference that is accepted.
  bool ok = false;        ///< difference <= tolerance.
  std::string detail;     ///< In words: what was looked at, or where and by how much it differs. May be empty.
};

/// Relative differences that float32 allows between two implementations of the same model, each summing in its own
/// order.
inline constexpr double kActivationTolerance = 2e-5;  ///< Activations, logits and losses.
inline constexpr double kGradientTolerance = 1e-4;    ///< Gradients, which pass through more sums.
inline constexpr double kBatchTolerance = 1e-5;       ///< The same states with other rows in the batch.

/// Compares two tensors of one shape: max |ours - expected| / max |expected| (not divided where `expected` is all 0).
/// The detail of a failed check names the entry that differs most, with both values.
/// @throws Error (kFailed) if the shapes differ.
Check compare(std::string what, const at::Tensor& ours, const at::Tensor& expected, double tolerance);

/// Whether a model is sound in itself:
///   - `weights`: all of the config's weights are there, have its shapes, and are finite. Nothing else is looked at
///     where one is not.
///   - `states, rows permuted`, `states, one row at a time`: the final residual stream of random token rows (some share
///     prefixes) does not depend on what else is in the batch, within kBatchTolerance.
/// Runs 12 rows of at most 24 tokens three times.
std::vector<Check> examine(const Model& model);

/// Whether the tokenizer beside a model fits its vocabulary: one check per file of `tokenizer.json` and `vocab.json`
/// that is in the folder (none: no checks). The difference is the number of token ids that the model has no embedding
/// for. A model may have more rows than its tokenizer has tokens.
/// @throws Error (kInput) with file, line and column if a file is not such a vocabulary.
std::vector<Check> examine_tokenizer(const ModelConfig& config, const std::filesystem::path& folder);

/// Compares a model with recorded outputs of a reference implementation: forward pass, hard neuron masks on one
/// component, and loss and gradients of soft neuron masks under the soft nearest neighbours objective, each through the
/// code that probing runs.
///
/// Keys of the file (`{l}`: layer; `{c}`: "attn" or "mlp"; `{w}`: short name of a weight matrix of the component, as
/// matrices_of). Whole numbers are int64, all else float32.
///
///     input_ids, attention_mask [batch, seq], lengths [batch]     rows of tokens, padded on the right
///     logits [batch, seq, vocab]                                  activations; padded positions are ignored
///     attn_update.{l}, mlp_update.{l}, resid_post.{l} [batch, seq, d_model]
///     masked_layer [1]                                            layer of everything below
///     mask.{c}.{w} [n_out]                                        hard masks of one component at a time ...
///     masked_update.{c} [batch, seq, d_model], masked_logits.{c} [batch, seq, vocab]   ... and what they lead to
///     snn.input_ids [n, seq], snn.lengths, snn.labels [n]         labels of each row's last token
///     snn.s.{c}.{w} [n_out]                                       mask parameters; multipliers are sigmoid(s)
///     snn.update.{c} [n, d_model], snn.loss.{c} [1]               updates at the last tokens and their loss
///     snn.grad_update.{c} [n, d_model], snn.grad.{c}.{w} [n_out]  its gradient by updates and parameters
///
/// Memory: all activations of the batch.
/// @return one check per recorded quantity, in this order.
/// @throws Error (kInput) naming file and tensor: a missing key, another shape or dtype than these, NaN or infinite
///         values, rows that are not padded on the right, tokens, positions or a layer that the model lacks.
std::vector<Check> compare_with_golden(const Model& model, const std::filesystem::path& golden);

}  // namespace cprobe
