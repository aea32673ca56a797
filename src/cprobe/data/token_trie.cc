#include "cprobe/data/token_trie.h"

#include <algorithm>
#include <unordered_set>

#include "cprobe/core/error.h"

namespace cprobe {
namespace {

/// Finds the child of a node that has a given token. An open-addressing hash set of node numbers,
/// keyed by the (parent, token) of each node, with linear probing. The size of the table is a power
/// of two, and at most half of it is full.
class ChildTable {
 public:
  ChildTable(const std::vector<int64_t>& parents, const std::vector<int64_t>& tokens)
      : parents_(parents), tokens_(tokens), slots_(kInitialSlots, kEmpty) {}

  /// The number of the child, or -1.
  int64_t find(int64_t parent, int64_t token) const { return slots_[slot_of(parent, token)]; }

  /// Adds a node. The vectors hold its parent and token already.
  void insert(int64_t node) {
    if (2 * (n_used_ + 1) > slots_.size()) grow();
    place(node);
    ++n_used_;
  }

 private:
  static constexpr int64_t kEmpty = -1;
  static constexpr size_t kInitialSlots = 1024;

  /// The slot that holds this key, or the empty slot where the key belongs.
  size_t slot_of(int64_t parent, int64_t token) const {
    // Multiplies by odd constants and folds the high bits down, to spread consecutive parents and
    // tokens over the table.
    uint64_t hash = static_cast<uint64_t>(parent + 1) * 0x9E3779B97F4A7C15u + static_cast<uint64_t>(token);
    hash = (hash ^ (hash >> 32)) * 0xD6E8FEB86659FD93u;
    const size_t mask = slots_.size() - 1;
    size_t slot = static_cast<size_t>(hash ^ (hash >> 32)) & mask;
    while (slots_[slot] != kEmpty) {
      const size_t node = static_cast<size_t>(slots_[slot]);
      if (parents_[node] == parent && tokens_[node] == token) break;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  void place(int64_t node) {
    const size_t i = static_cast<size_t>(node);
    slots_[slot_of(parents_[i], tokens_[i])] = node;
  }

  void grow() {
    std::vector<int64_t> old(2 * slots_.size(), kEmpty);
    old.swap(slots_);
    for (const int64_t node : old) {
      if (node != kEmpty) place(node);
    }
  }

  const std::vector<int64_t>& parents_;
  const std::vector<int64_t>& tokens_;
  std::vector<int64_t> slots_;
  size_t n_used_ = 0;
};

/// The values of a tensor of whole numbers.
std::vector<int64_t> to_vector(const at::Tensor& tensor) {
  const at::Tensor values = tensor.to(at::kCPU, at::kLong).contiguous();
  const int64_t* data = values.data_ptr<int64_t>();
  return {data, data + values.numel()};
}

}  // namespace

int64_t TokenTrie::max_length() const {
  return n_nodes() == 0 ? 0 : position.max().item<int64_t>() + 1;
}

std::span<const int64_t> TokenTrie::row(int64_t r) const {
  const size_t begin = static_cast<size_t>(row_begin[static_cast<size_t>(r)]);
  const size_t end = static_cast<size_t>(row_begin[static_cast<size_t>(r) + 1]);
  return std::span(row_nodes).subspan(begin, end - begin);
}

at::Tensor TokenTrie::nodes_at(const Position& probed, const std::string& where) const {
  const int64_t* named = nullptr;
  if (!probed.name.empty()) {
    const auto found = places.find(probed.name);
    if (found == places.end()) throw input_error("{}: rows name no token '{}' to probe", where, probed.name);
    named = found->second.data_ptr<int64_t>();
  }
  std::vector<int64_t> nodes;
  nodes.reserve(static_cast<size_t>(n_rows()));
  for (int64_t r = 0; r < n_rows(); ++r) {
    const std::span<const int64_t> path = row(r);
    const int64_t length = static_cast<int64_t>(path.size());
    const int64_t place = named == nullptr ? probed.index : named[r];
    const int64_t index = place < 0 ? length + place : place;
    if (index < 0 || index >= length) {
      throw input_error("{}: row {} (from 0) has no token at position {}: it has {} tokens", where, r, place, length);
    }
    nodes.push_back(path[static_cast<size_t>(index)]);
  }
  return at::tensor(nodes);
}

DistinctNodes distinct(const at::Tensor& nodes) {
  const auto [distinct_nodes, place, unused] = at::_unique2(nodes, /*sorted=*/true, /*return_inverse=*/true);
  return {distinct_nodes, place};
}

TokenTrie build_trie(std::span<const std::vector<int64_t>> rows) {
  std::vector<int64_t> tokens;
  std::vector<int64_t> positions;
  std::vector<int64_t> parents;
  ChildTable children(parents, tokens);
  TokenTrie trie;
  trie.row_begin.reserve(rows.size() + 1);

  for (size_t r = 0; r < rows.size(); ++r) {
    if (rows[r].empty()) throw input_error("row {} has no tokens; every row needs at least one", r);
    int64_t parent = -1;
    for (size_t i = 0; i < rows[r].size(); ++i) {
      const int64_t token = rows[r][i];
      if (token < 0) throw input_error("row {}, token {}: id {} is negative", r, i, token);
      int64_t node = children.find(parent, token);
      if (node < 0) {
        node = static_cast<int64_t>(tokens.size());
        tokens.push_back(token);
        positions.push_back(static_cast<int64_t>(i));
        parents.push_back(parent);
        children.insert(node);
      }
      trie.row_nodes.push_back(node);
      parent = node;
    }
    trie.row_begin.push_back(static_cast<int64_t>(trie.row_nodes.size()));
  }
  trie.token = at::tensor(tokens);
  trie.position = at::tensor(positions);
  trie.parent = at::tensor(parents);
  return trie;
}

Paths ancestor_paths(const TokenTrie& trie, const at::Tensor& queries) {
  const std::vector<int64_t> nodes = to_vector(queries);
  const std::vector<int64_t> positions = to_vector(trie.position);
  const std::vector<int64_t> parents = to_vector(trie.parent);
  const int64_t n_queries = static_cast<int64_t>(nodes.size());

  Paths paths{.nodes = {}, .length = at::empty({n_queries}, at::kLong)};
  int64_t* lengths = paths.length.data_ptr<int64_t>();
  int64_t longest = 0;
  for (size_t q = 0; q < nodes.size(); ++q) {
    if (nodes[q] < 0 || nodes[q] >= trie.n_nodes()) {
      throw input_error("query {} asks for node {} of a trie with {} nodes", q, nodes[q], trie.n_nodes());
    }
    lengths[q] = positions[static_cast<size_t>(nodes[q])] + 1;
    longest = std::max(longest, lengths[q]);
  }

  paths.nodes = at::empty({n_queries, longest}, at::kLong);
  int64_t* path = paths.nodes.data_ptr<int64_t>();
  for (size_t q = 0; q < nodes.size(); ++q, path += longest) {
    int64_t node = nodes[q];
    for (int64_t i = lengths[q] - 1; i >= 0; --i) {
      path[i] = node;
      node = parents[static_cast<size_t>(node)];
    }
    std::fill(path + lengths[q], path + longest, path[0]);
  }
  return paths;
}

BranchedTrie branch(const TokenTrie& trie, const at::Tensor& rows, const at::Tensor& positions) {
  const std::vector<int64_t> detached = to_vector(rows);
  const std::vector<int64_t> starts = to_vector(positions);
  if (detached.size() != starts.size()) {
    throw input_error("{} rows to branch off but {} positions", detached.size(), starts.size());
  }
  std::vector<int64_t> source;
  std::vector<int64_t> parents;
  std::vector<int64_t> row_nodes = trie.row_nodes;
  std::unordered_set<int64_t> seen;
  for (size_t k = 0; k < detached.size(); ++k) {
    const int64_t r = detached[k];
    if (r < 0 || r >= trie.n_rows()) {
      throw input_error("no row {} to branch off: the trie has {} rows", r, trie.n_rows());
    }
    if (!seen.insert(r).second) throw input_error("row {} is to be branched off twice", r);
    const std::span<const int64_t> old_row = trie.row(r);
    const int64_t length = static_cast<int64_t>(old_row.size());
    if (starts[k] < 0 || starts[k] >= length) {
      throw input_error("row {} cannot branch off at position {}: it has {} tokens", r, starts[k], length);
    }
    int64_t parent = starts[k] == 0 ? -1 : old_row[static_cast<size_t>(starts[k] - 1)];
    const int64_t begin = trie.row_begin[static_cast<size_t>(r)];
    for (int64_t i = starts[k]; i < length; ++i) {
      source.push_back(old_row[static_cast<size_t>(i)]);
      parents.push_back(parent);
      parent = trie.n_nodes() + static_cast<int64_t>(source.size()) - 1;
      row_nodes[static_cast<size_t>(begin + i)] = parent;
    }
  }

  const at::Tensor copied = at::tensor(source);
  BranchedTrie branched;
  branched.source_node = at::cat({at::arange(trie.n_nodes(), at::kLong), copied});
  branched.trie.token = at::cat({trie.token, trie.token.index_select(0, copied)});
  branched.trie.position = at::cat({trie.position, trie.position.index_select(0, copied)});
  branched.trie.parent = at::cat({trie.parent, at::tensor(parents)});
  branched.trie.row_begin = trie.row_begin;
  branched.trie.places = trie.places;
  branched.trie.row_nodes = std::move(row_nodes);
  return branched;
}

SelectedRows select_rows(const TokenTrie& trie, const at::Tensor& rows) {
  TokenTrie selected;
  for (const int64_t r : to_vector(rows)) {
    if (r < 0 || r >= trie.n_rows()) throw input_error("no row {} to select: the trie has {} rows", r, trie.n_rows());
    const std::span<const int64_t> nodes = trie.row(r);
    selected.row_nodes.insert(selected.row_nodes.end(), nodes.begin(), nodes.end());
    selected.row_begin.push_back(static_cast<int64_t>(selected.row_nodes.size()));
  }
  for (const auto& [name, of_rows] : trie.places) selected.places[name] = of_rows.index_select(0, rows.to(at::kLong));
  std::vector<int64_t> kept = selected.row_nodes;
  std::sort(kept.begin(), kept.end());
  kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
  const auto new_number = [&](int64_t node) { return std::lower_bound(kept.begin(), kept.end(), node) - kept.begin(); };
  for (int64_t& node : selected.row_nodes) node = new_number(node);
  const at::Tensor source = at::tensor(kept, at::kLong);
  selected.token = trie.token.index_select(0, source);
  selected.position = trie.position.index_select(0, source);
  selected.parent = trie.parent.index_select(0, source);
  for (int64_t& parent : std::span(selected.parent.data_ptr<int64_t>(), kept.size())) {
    if (parent >= 0) parent = new_number(parent);
  }
  return {std::move(selected), source};
}

}  // namespace cprobe
