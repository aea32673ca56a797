#pragma once

#include <torch/types.h>

#include "cprobe/model/forward.h"

namespace cprobe {

/// Activation patching: the model after a site, with the state of one token of every row replaced.
/// Each row is changed alone, although rows share prefixes: the trie branches at the patched
/// tokens. Refers to `model`, which must outlive the patching.
class Patching {
 public:
  /// @param stream    of all nodes of `trie` at `site`.
  /// @param position  of the patched token in every row.
  /// @throws Error (kInput) if a row has no such token.
  Patching(const Model& model, const TokenTrie& trie, const Stream& stream, Site site, const Position& position);

  int64_t n_rows() const { return trie_.n_rows(); }

  /// Selects some of the rows, in the order given. Make one selection for a batch that is run many
  /// times.
  /// @param rows  [n] int64, distinct.
  Patching of_rows(const at::Tensor& rows) const;

  /// The end of the stream at the last token of each row. Differentiable in the states.
  /// @param states  [n_rows, d_model]: the new states of the patched tokens, on any device.
  /// @return        [n_rows, d_model] on the model's device.
  at::Tensor run(const at::Tensor& states) const;

  /// As `run`, but about a thousand rows at a time and without gradients.
  /// @throws Error (kInterrupted) once a stop is requested.
  at::Tensor run_all(const at::Tensor& states) const;

 private:
  Patching(const Patching& all, const at::Tensor& rows);
  void find_nodes();

  const Model& model_;
  Site site_;
  Position position_;
  TokenTrie trie_;      ///< Each row has private nodes from the patched token on.
  Stream stream_;       ///< The stream of `trie_` at the site.
  at::Tensor patched_;  ///< [n_rows] int64 node of each row's patched token.
  at::Tensor last_;     ///< [n_rows] int64 node of each row's last token.
};

}  // namespace cprobe
