#pragma once

#include <torch/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace cprobe {

/// Token sequences with shared prefixes stored once. A causal model gives identical prefixes
/// identical states, so the prefix *node* is the unit of computation: there is no padding, and
/// template sentences shrink 4-5x.
///
/// Nodes are numbered so that ancestors come before descendants. Rows are the sequences, in the
/// order given; two rows may be the same sequence and then end at the same node.
struct TokenTrie {
  at::Tensor token;     ///< [n_nodes] int64: token id of the node.
  at::Tensor position;  ///< [n_nodes] int64: its place in the sequence, from 0.
  at::Tensor parent;    ///< [n_nodes] int64: node of the prefix one token shorter; -1 if none.

  /// [n_rows + 1]: row r's nodes are row_nodes[row_begin[r] .. row_begin[r + 1]).
  std::vector<int64_t> row_begin = {0};
  std::vector<int64_t> row_nodes;  ///< Node of every token of every row.

  int64_t n_nodes() const { return token.size(0); }
  int64_t n_rows() const { return static_cast<int64_t>(row_begin.size()) - 1; }
  int64_t max_length() const;  ///< Number of tokens of the longest row.

  /// The nodes of one row, first token first. @param r in [0, n_rows).
  std::span<const int64_t> row(int64_t r) const;

  /// The node of one token of every row.
  /// @param place  position from 0, or from the end if negative (-1: the last token).
  /// @param where  begins the error message, such as a file's name.
  /// @return       [n_rows] int64.
  /// @throws Error (kInput) naming the first row that has no such token.
  at::Tensor nodes_at(int64_t place, const std::string& where = "token trie") const;
};

/// The distinct nodes (or rows of a stream) among those given.
struct DistinctNodes {
  at::Tensor nodes;  ///< [n] int64, ascending.
  at::Tensor place;  ///< [number given] int64: the place in `nodes` of each node given.
};
DistinctNodes distinct(const at::Tensor& nodes);

/// The trie of some rows.
/// @param rows  token ids; no row may be empty.
/// @throws Error (kInput) naming a row that is empty or holds a negative id.
TokenTrie build_trie(std::span<const std::vector<int64_t>> rows);

/// Paths from the first token to each of some nodes: what an attention query at each may see.
struct Paths {
  /// [n_queries, max_length] int64, first token first. Behind its end, a path repeats its first
  /// node (a valid filler).
  at::Tensor nodes;
  at::Tensor length;  ///< [n_queries] int64: nodes in the path, the query's own included.
};

/// The paths to some nodes, in O(n_queries * longest path) memory.
/// @param queries  [n_queries] int64 nodes, in any order.
/// @throws Error (kInput) if the trie has no such node.
Paths ancestor_paths(const TokenTrie& trie, const at::Tensor& queries);

/// A copy of a trie in which some rows share nothing with other rows from a position on, so that a
/// state there can be changed for these rows alone.
struct BranchedTrie {
  TokenTrie trie;          ///< The old nodes, in order, then the copies. Rows keep their numbers.
  at::Tensor source_node;  ///< [n_nodes of `trie`] int64: the old node that a node is a copy of.
};

/// Gives some rows private nodes from a position on.
/// @param rows       [n] int64, distinct.
/// @param positions  [n] int64, from 0: where each row branches off.
/// @throws Error (kInput) if a row or position does not exist, a row comes twice, or the sizes
///         differ.
BranchedTrie branch(const TokenTrie& trie, const at::Tensor& rows, const at::Tensor& positions);

/// A trie of some rows of another trie, with the nodes of these rows only.
struct SelectedRows {
  TokenTrie trie;          ///< Row i is the other trie's row rows[i].
  at::Tensor source_node;  ///< [n_nodes of `trie`] int64, ascending: the old node of each node.
};

/// @param rows [n] int64. @throws Error (kInput) if the trie has no such row.
SelectedRows select_rows(const TokenTrie& trie, const at::Tensor& rows);

}  // namespace cprobe
