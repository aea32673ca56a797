#pragma once

#include <torch/types.h>

#include <functional>
#include <map>

#include "cprobe/model/component.h"

namespace cprobe {

/// Called with the input x of a component's matrices, before they are applied: once for all input
/// matrices (as matrix 0), and once for the last matrix.
/// @param matrix  index into `matrices_of`.
/// @param x       [n, n_in of the matrix].
using InputObserver = std::function<void(ComponentRef component, size_t matrix, const at::Tensor& x)>;

/// Called after each component.
/// @param nodes   [n] int64 nodes of the rows. Undefined while several nodes may share a row.
/// @param update  [n, d_model]: what the component adds to the stream.
/// @param state   [n, d_model]: the stream after the component.
using UpdateObserver = std::function<void(ComponentRef component, const at::Tensor& nodes, const at::Tensor& update,
                                          const at::Tensor& state)>;

struct SpanOptions {
  /// [n] int64 distinct nodes whose states at the end of the span are wanted. Undefined: all nodes.
  /// States that none of these nodes depends on are not computed.
  at::Tensor read_nodes;
  std::map<ComponentRef, ComponentMask> masks;
  /// Known updates of components, [n_nodes, d_model], one row per node. They are added in place of
  /// computed ones.
  std::map<ComponentRef, at::Tensor> updates;
  UpdateObserver on_update;
  InputObserver on_input;
};

/// Runs the components between two sites. Differentiable in the given states, the multipliers and
/// the weights.
/// @param stream  states at `from` of at least the nodes read and all their ancestors. Needs
///                `before_layer` if `from` lies between the blocks of a layer with a parallel
///                residual.
/// @return        states at `to`. Once a component has run, the rows are those of the nodes read,
///                in the order of `read_nodes`.
/// @throws Error (kFailed) if
///   - `stream` lacks a state that attention reads;
///   - `stream` lacks a `before_layer` that it needs;
///   - a mask has fills, but several nodes may share a row of the stream.
Stream run_span(const Model& model, const TokenTrie& trie, Stream stream, Site from, Site to,
                const SpanOptions& options = {});

/// Runs the components between two sites in slabs of about a thousand nodes and their ancestors.
/// Without gradients.
///
/// Memory beyond the result is that of one slab and an index of the nodes. Ancestors that two slabs
/// share are computed twice, so nodes close in the trie should be close in `read_nodes`. Observers
/// see every slab.
/// @param new_rows  allocates the result.
/// @return          [n, d_model] float32: the states at `to` of `options.read_nodes`, in order.
at::Tensor run_in_slabs(const Model& model, const TokenTrie& trie, const Stream& stream, Site from, Site to,
                        SpanOptions options = {}, const NewRows& new_rows = rows_in_memory);

/// The stream of all nodes at `to`, computed in slabs from the stream at an earlier site. Without
/// gradients.
/// @param new_rows  allocates the rows of the result.
Stream advance(const Model& model, const TokenTrie& trie, const Stream& stream, Site from, Site to,
               const NewRows& new_rows = rows_in_memory);

/// Updates behind a component that do not depend on its own update: that of the same layer's MLP,
/// if the component is the attention block of a layer with a parallel residual. An intervention on
/// the component can give them to run_span as known (SpanOptions::updates). Without gradients.
/// @param before  the stream before the component, of all nodes.
std::map<ComponentRef, at::Tensor> unaffected_updates(const Model& model, const TokenTrie& trie, const Stream& before,
                                                      const ComponentRef& component);

/// The stream of all nodes at a site, computed from the embeddings. Without gradients.
/// @throws Error (kInput) as `embed`.
Stream stream_at(const Model& model, const TokenTrie& trie, Site site);

}  // namespace cprobe
