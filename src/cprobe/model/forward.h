#pragma once

#include <torch/types.h>

#include <functional>
#include <map>
#include <vector>

#include "cprobe/model/component.h"

namespace cprobe {

/// Called before each matrix (index into `matrices_of`; once for all that read the stream, as matrix 0) with its inputs
/// x.
using InputObserver = std::function<void(ComponentRef component, size_t matrix, const at::Tensor& x)>;

/// Called after each component with what it adds to the stream and the stream after it, [n, d_model] both.
/// `nodes` [n] are the nodes of the rows; undefined while nodes may share a row.
using UpdateObserver = std::function<void(ComponentRef component, const at::Tensor& nodes, const at::Tensor& update,
                                          const at::Tensor& state)>;

struct SpanOptions {
  /// [n] int64 distinct nodes whose final states are wanted; undefined: all nodes. What nobody reads is not computed.
  at::Tensor read_nodes;
  std::map<ComponentRef, ComponentMask> masks;
  /// Updates of components that are known, [n_nodes, d_model] with one row per node; they are not computed.
  std::map<ComponentRef, at::Tensor> updates;
  UpdateObserver on_update;
  InputObserver on_input;
};

/// Runs the components between two sites. From between the blocks of a layer with a parallel residual, `stream` needs
/// `before_layer`. Differentiable in the given states, the multipliers and the weights.
/// @param stream states at `from`, of the nodes read and all their ancestors at least.
/// @throws Error (kFailed) if it lacks one, or `before_layer`, or fills meet a stream whose rows are not the nodes'.
/// @return       states at `to`: rows of the read nodes, in their order, once a component has run.
Stream run_span(const Model& model, const TokenTrie& trie, Stream stream, Site from, Site to,
                const SpanOptions& options = {});

/// The states at `to` of `options.read_nodes`, in their order, computed about a thousand nodes at a time with their
/// ancestors: memory beyond the result is that of such a slab and an index of the nodes. Ancestors that two slabs share
/// are computed in both, so nodes close in the trie should be close in `read_nodes`; observers see every slab. Without
/// gradients.
/// @param new_rows where the result is kept.
/// @return [n, d_model] float32.
at::Tensor run_in_slabs(const Model& model, const TokenTrie& trie, const Stream& stream, Site from, Site to,
                        SpanOptions options = {}, const NewRows& new_rows = rows_in_memory);

/// The stream of all nodes at a site, from that at an earlier one. Without gradients, in slabs.
/// @param new_rows where its rows are kept.
Stream advance(const Model& model, const TokenTrie& trie, const Stream& stream, Site from, Site to,
               const NewRows& new_rows = rows_in_memory);

/// The stream of all nodes at a site, from the embeddings on. Without gradients. @throws Error (kInput) as `embed`.
Stream stream_at(const Model& model, const TokenTrie& trie, Site site);

}  // namespace cprobe
