#include "cprobe/evaluate/patching.h"

#include <algorithm>
#include <vector>

namespace cprobe {
namespace {

constexpr int64_t kSlab = 1024;

}  // namespace

Patching::Patching(const Model& model, const TokenTrie& trie, const Stream& stream, Site site, int64_t position)
    : model_(model), site_(site) {
  const at::Tensor positions = trie.position.index_select(0, trie.nodes_at(position));
  BranchedTrie branched = branch(trie, at::arange(trie.n_rows()), positions);
  trie_ = std::move(branched.trie);
  stream_ = stream;
  stream_.row_of_node = stream.row_of_node.index_select(0, branched.source_node);
  patched_ = trie_.nodes_at(position);
  last_ = trie_.nodes_at(-1);
}

at::Tensor Patching::run(const at::Tensor& rows, const at::Tensor& states) const {
  // Only the nodes of these rows, so that a few rows cost little however many there are.
  std::vector<int64_t> nodes;
  const at::Tensor row_numbers = rows.contiguous();
  for (int64_t i = 0; i < row_numbers.size(0); ++i) {
    const std::span<const int64_t> of_row = trie_.row(row_numbers.data_ptr<int64_t>()[i]);
    nodes.insert(nodes.end(), of_row.begin(), of_row.end());
  }
  std::ranges::sort(nodes);
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
  const at::Tensor kept = at::tensor(nodes, at::kLong);
  const at::Tensor source = stream_.row_of_node.index_select(0, kept);
  const at::Tensor patched = patched_.index_select(0, rows);
  Stream stream{.row_of_node = at::full({trie_.n_nodes()}, -1, at::kLong).index_put_({kept}, at::arange(kept.size(0)))};
  stream.rows = stream_.rows.index_select(0, source).index_copy(0, stream.row_of_node.index_select(0, patched), states);
  if (stream_.before_layer.defined()) stream.before_layer = stream_.before_layer.index_select(0, source);
  const at::Tensor last = last_.index_select(0, rows);
  return run_span(model_, trie_, std::move(stream), site_, Site::end(model_.config), {.read_nodes = last})
      .at_nodes(last);
}

at::Tensor Patching::run_all(const at::Tensor& states) const {
  const at::NoGradGuard no_gradients;
  const int64_t n = n_rows();
  at::Tensor end = at::empty({n, model_.config.d_model});
  for (int64_t begin = 0; begin < n; begin += kSlab) {
    const int64_t size = std::min(kSlab, n - begin);
    end.narrow(0, begin, size).copy_(run(at::arange(begin, begin + size), states.narrow(0, begin, size)));
  }
  return end;
}

}  // namespace cprobe
