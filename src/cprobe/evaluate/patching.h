#pragma once

#include <torch/types.h>

#include "cprobe/model/forward.h"

namespace cprobe {

/// The model behind a site, with the state of one token of every row replaced: activation patching. Each row is changed
/// for itself, though rows share prefixes: the trie branches where they are patched. Refers to `model`, which must
/// outlive it.
class Patching {
 public:
  /// @param stream   of all nodes of `trie` at `site`.
  /// @param position of the token that is patched in every row, as TokenTrie::nodes_at.
  /// @throws Error (kInput) if a row has no such token.
  Patching(const Model& model, const TokenTrie& trie, const Stream& stream, Site site, int64_t position);

  int64_t n_rows() const { return trie_.n_rows(); }

  /// Some of the rows alone, in the order given; made once for a batch that is run many times.
  /// @param rows [n] int64, distinct.
  Patching of_rows(const at::Tensor& rows) const;

  /// The end of the stream at the last token of each row.
  /// @param states [n_rows, d_model] in place of those of the patched tokens, on any device; differentiable.
  /// @return       [n_rows, d_model] on the model's device.
  at::Tensor run(const at::Tensor& states) const;

  /// The same about a thousand rows at a time; without gradients.
  at::Tensor run_all(const at::Tensor& states) const;

 private:
  Patching(const Patching& all, const at::Tensor& rows);
  void find_nodes();

  const Model& model_;
  Site site_;
  int64_t position_;
  TokenTrie trie_;      ///< With private nodes for each row from the patched token on.
  Stream stream_;       ///< Of it at the site.
  at::Tensor patched_;  ///< [n_rows] int64 node of each row's patched token.
  at::Tensor last_;     ///< [n_rows] int64 node of each row's last token.
};

}  // namespace cprobe
