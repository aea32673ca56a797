#pragma once

#include <torch/types.h>

#include <array>
#include <vector>

#include "cprobe/circuit/mask.h"
#include "cprobe/model/component.h"

namespace cprobe {

/// The two rows of an exchange.
enum class ExchangeSide {
  kBase,   ///< The row itself.
  kDonor,  ///< The row whose inputs take the place of the row's own.
};

/// What a component writes to the stream of one row if some of its units read the stream of another
/// row. Both rows have equal numbers of tokens. "The other's input" means the input at all tokens
/// of the other row: queries, keys and values.
///
/// *Along the paths through a set S of units*, with x and z the inputs of the input matrices and of
/// the last matrix, and x', z' those of the other row:
///   - Input matrices: a unit in S reads x', any other unit x. What follows from their outputs is a
///     mixed input of the last matrix, z_mix.
///   - Last matrix: a unit in S reads z_mix, any other unit z.
///
/// With S = all units this is what the component writes for the other row; with S = none, for the
/// row itself. A unit is an output of a matrix (unit neuron), one weight (unit weight), or an
/// attention head's queries, keys and values (unit head). All read as in LinearMask:
/// y = x W (1 - m) + x' W m + b with m = 1 in S.
///
/// With unit neuron, updates are differentiable in the streams and the weights, if these need
/// gradients.
///
/// Memory, for each row of both streams:
///   - units neuron and head: the outputs of the input matrices, and the update;
///   - unit weight: the inputs of all matrices, and the update.
class ExchangedComponent {
 public:
  /// @param trie         has the paths of both rows, but tokens of only one of them.
  /// @param base, donor  streams before the component, of all nodes and with one row per node in
  ///                     order (Stream::expanded).
  /// @param nodes        [n] int64: the nodes whose updates are wanted.
  ExchangedComponent(const Model& model, const ComponentRef& component, MaskUnit unit, const TokenTrie& trie,
                     const Stream& base, const Stream& donor, const at::Tensor& nodes);

  /// What the untouched component writes, [n, d_model].
  const at::Tensor& update(ExchangeSide side) const { return untouched(side).update; }

  /// What the component writes for one side if the paths through some units see the other side.
  /// @param members  the units, as Circuit::members, on any device.
  /// @param own      the side that all other paths see.
  /// @return         [n, d_model].
  /// @throws Error (kFailed) if `members` are not units of this component.
  at::Tensor along_paths(const std::vector<at::Tensor>& members, ExchangeSide own) const;

 private:
  /// The untouched component on one side.
  struct Untouched {
    /// Rows are those of all nodes (attention) or of the nodes wanted (MLP).
    ///   - Unit neuron: outputs of the input matrices, joined along the columns.
    ///   - Unit weight: x, the input of the input matrices.
    at::Tensor first;
    at::Tensor hidden;   ///< Unit weight only: z, the input of the last matrix, [n, n_in].
    at::Tensor written;  ///< Not unit weight: what the last matrix makes, [n, d_model].
    at::Tensor update;   ///< [n, d_model].
  };

  Untouched untouched_on(const Stream& stream) const;
  const Untouched& untouched(ExchangeSide side) const { return sides_[static_cast<size_t>(side)]; }
  /// The input of the last matrix. @param joined  outputs of the input matrices.
  at::Tensor hidden(const at::Tensor& joined) const;
  /// The members on the model's device.
  std::vector<at::Tensor> checked(const std::vector<at::Tensor>& members) const;

  Component component_;
  MaskUnit unit_;
  std::vector<MatrixInfo> matrices_;
  at::Tensor nodes_;      ///< [n] int64.
  AttentionPaths paths_;  ///< Attention only: of the queries at `nodes_`.
  std::array<Untouched, 2> sides_;
};

}  // namespace cprobe
