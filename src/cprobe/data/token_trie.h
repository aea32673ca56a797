#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "cprobe/data/position.h"

namespace cprobe {

/// Token sequences (rows), with each shared prefix stored once. A *node* is a prefix, and stands
/// for the prefix's last token. A causal model gives identical prefixes identical states, so one
/// state is computed per node. Nothing is padded, and sentences made from templates have 4-5 times
/// fewer nodes than tokens.
///
/// The ancestors of a node are the shorter prefixes of its sequence, and have smaller numbers. Rows
/// keep the order given. Rows that are the same sequence end at the same node. A trie may have
/// nodes behind the ends of its rows: those of continuations.
struct TokenTrie {
  at::Tensor token;     ///< [n_nodes] int64: token id of the node.
  at::Tensor position;  ///< [n_nodes] int64: its place in the sequence, from 0.
  at::Tensor parent;    ///< [n_nodes] int64: node of the prefix one token shorter; -1 if none.

  /// [n_rows + 1]: row r's nodes are row_nodes[row_begin[r] .. row_begin[r + 1]).
  std::vector<int64_t> row_begin = {0};
  std::vector<int64_t> row_nodes;  ///< Node of every token of every row.

  /// Name -> [n_rows] int64: tokens that rows name, such as the one of a certain word. Each is a
  /// place in its row, from 0. `branch` and `select_rows` keep them.
  std::map<std::string, at::Tensor> places;

  int64_t n_nodes() const { return token.size(0); }
  int64_t n_rows() const { return static_cast<int64_t>(row_begin.size()) - 1; }
  int64_t max_length() const;  ///< Number of tokens of the longest prefix.

  /// The nodes of one row, first token first. @param r in [0, n_rows).
  std::span<const int64_t> row(int64_t r) const;

  /// For every row, the node of the token at one position.
  /// @param where  begins the error message: a file's name, for example.
  /// @return       [n_rows] int64.
  /// @throws Error (kInput) naming the first row that has no such token, or if rows have no places
  ///         of that name.
  at::Tensor nodes_at(const Position& probed, const std::string& where = "token trie") const;
};

/// The distinct nodes (or rows of a stream) among those given.
struct DistinctNodes {
  at::Tensor nodes;  ///< [n] int64, ascending.
  at::Tensor place;  ///< [number given] int64: index in `nodes` of each node given.
};
DistinctNodes distinct(const at::Tensor& nodes);

/// Builds the trie of some rows.
/// @param rows  token ids of each row.
/// @throws Error (kInput) if a row is empty or holds a negative id; names the row.
TokenTrie build_trie(std::span<const std::vector<int64_t>> rows);

/// For each of some nodes (queries), the path from the row's first token to the node. These are the
/// tokens that causal attention at the node may read.
struct Paths {
  /// [n_queries, length of the longest path] int64, first token first. Shorter paths are filled up
  /// with their first node, so that every entry is a valid node.
  at::Tensor nodes;
  at::Tensor length;  ///< [n_queries] int64: nodes in each path, including the query itself.
};

/// The paths to some nodes, in O(n_queries * longest path) memory.
/// @param queries  [n_queries] int64: nodes, in any order.
/// @throws Error (kInput) if the trie has no such node.
Paths ancestor_paths(const TokenTrie& trie, const at::Tensor& queries);

/// A copy of a trie in which some rows have nodes of their own from a position on. The state at
/// such a node can be changed for one row without changing any other row.
struct BranchedTrie {
  TokenTrie trie;  ///< The old nodes, in order, then the copied nodes. Rows keep their numbers.
  /// [n_nodes of `trie`] int64: the old node that each node copies. An old node has itself.
  at::Tensor source_node;
};

/// Gives some rows nodes of their own from a position on.
/// @param rows       [n] int64, distinct.
/// @param positions  [n] int64, from 0: where each row branches off.
/// @throws Error (kInput)
///   - if a row or position does not exist;
///   - if a row comes twice;
///   - if `rows` and `positions` differ in size.
BranchedTrie branch(const TokenTrie& trie, const at::Tensor& rows, const at::Tensor& positions);

/// A trie of some rows of an old trie, with the nodes of these rows only.
struct SelectedRows {
  TokenTrie trie;          ///< Row i is the old trie's row rows[i].
  at::Tensor source_node;  ///< [n_nodes of `trie`] int64, ascending: the old node of each node.
};

/// Selects some rows of a trie.
/// @param rows  [n] int64, in any order. May repeat rows.
/// @throws Error (kInput) if the trie has no such row.
SelectedRows select_rows(const TokenTrie& trie, const at::Tensor& rows);

}  // namespace cprobe
