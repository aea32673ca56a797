#pragma once

#include <torch/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace cprobe {

/// Token sequences with shared prefixes stored once. A causal model gives identical prefixes identical states, so the
/// prefix *node* is the unit of computation: there is no padding, and template sentences shrink 4-5x.
///
/// Nodes are numbered so that ancestors come before descendants. Rows are the sequences, in the order given; two rows
/// may be the same sequence and then end at the same node.
struct TokenTrie {
  at::Tensor token;     ///< [n_nodes] int64: token id of the node.
  at::Tensor position;  ///< [n_nodes] int64: its place in the sequence, from 0.
  at::Tensor parent;    ///< [n_nodes] int64: node of the prefix that is one token shorter; -1 for a first token.

  /// [n_rows + 1]: row r's nodes are row_nodes[row_begin[r] .. row_begin[r + 1]).
  std::vector<int64_t> row_begin = {0};
  std::vector<int64_t> row_nodes;  ///< Node of every token of every row.

  int64_t n_nodes() const { return token.size(0); }
  int64_t n_rows() const { return static_cast<int64_t>(row_begin.size()) - 1; }
  int64_t max_length() const;  ///< Tokens of the longest row.

  /// The nodes of one row, first token first. @param r in [0, n_rows).
  std::span<const int64_t> row(int64_t r) const;

  /// The node of one token of every row.
  /// @param place position from 0, or from the end when negative (-1: the last token).
  /// @param where what to put in front of a complaint, such as a file's name.
  /// @return [n_rows] int64. @throws Error (kInput) naming the first row that has no such token.
  at::Tensor nodes_at(int64_t place, const std::string& where = "token trie") const;
};

/// Some nodes (or rows of a stream), each once.
struct DistinctNodes {
  at::Tensor nodes;  ///< [n] int64, ascending.
  at::Tensor place;  ///< Of each node given, its place in `nodes`.
};
DistinctNodes distinct(const at::Tensor& nodes);

/// @param rows token ids; none may be empty.
/// @throws Error (kInput) naming the row that is empty or holds a negative id.
TokenTrie build_trie(std::span<const std::vector<int64_t>> rows);

/// The ancestors of some nodes, each node's own last: what an attention query at that node may see.
struct Paths {
  /// [n_queries, max_length] int64, first token first; behind a path's end its first node again (a valid filler).
  at::Tensor nodes;
  at::Tensor length;  ///< [n_queries] int64: nodes in the path, the query's own included.
};

/// @param queries [n_queries] int64 nodes, in any order. O(n_queries * longest path) memory.
/// @throws Error (kInput) if the trie has no such node.
Paths ancestor_paths(const TokenTrie& trie, const at::Tensor& queries);

/// A copy of a trie in which some rows share nothing with other rows from a position on, so that a state there can be
/// changed for these rows alone.
struct BranchedTrie {
  TokenTrie trie;          ///< The old nodes, in order, then the copies. Every row has its old number.
  at::Tensor source_node;  ///< [n_nodes of the new trie] int64: the old node each new node is a copy of.
};

/// @param rows      [n] int64, distinct rows to detach; each gets private nodes from its position on.
/// @param positions [n] int64, from 0. @throws Error (kInput) if a row or position does not exist, a row comes twice,
///                  or the sizes differ.
BranchedTrie branch(const TokenTrie& trie, const at::Tensor& rows, const at::Tensor& positions);

/// Some rows of a trie alone: row i is the old one's row rows[i], and the nodes of these rows are all there are.
struct SelectedRows {
  TokenTrie trie;
  at::Tensor source_node;  ///< [n_nodes of the new trie] int64, ascending: the old node of each.
};

/// @param rows [n] int64. @throws Error (kInput) if the trie has no such row.
SelectedRows select_rows(const TokenTrie& trie, const at::Tensor& rows);

}  // namespace cprobe
