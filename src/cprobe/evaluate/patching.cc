#include "cprobe/evaluate/patching.h"

#include "cprobe/core/interrupt.h"
#include "cprobe/core/rows.h"

namespace cprobe {
Patching::Patching(const Model& model, const TokenTrie& trie, const Stream& stream, Site site, const Position& position)
    : model_(model), site_(site), position_(position), stream_(stream) {
  const at::Tensor positions = trie.position.index_select(0, trie.nodes_at(position));
  BranchedTrie branched = branch(trie, at::arange(trie.n_rows()), positions);
  trie_ = std::move(branched.trie);
  stream_.row_of_node = stream.row_of_node.index_select(0, branched.source_node);
  find_nodes();
}

Patching::Patching(const Patching& all, const at::Tensor& rows)
    : model_(all.model_), site_(all.site_), position_(all.position_) {
  SelectedRows selected = select_rows(all.trie_, rows);
  trie_ = std::move(selected.trie);
  const at::Tensor of_node = all.stream_.row_of_node.index_select(0, selected.source_node);
  stream_ = all.stream_.selected(of_node, at::arange(of_node.size(0)));
  find_nodes();
}

void Patching::find_nodes() {
  patched_ = trie_.nodes_at(position_);
  last_ = trie_.nodes_at(-1);
}

Patching Patching::of_rows(const at::Tensor& rows) const {
  return {*this, rows};
}

at::Tensor Patching::run(const at::Tensor& states) const {
  Stream stream = stream_.expanded();
  const at::Device device = stream.rows.device();
  stream.rows = stream.rows.index_copy(0, patched_.to(device), states.to(device));
  return run_span(model_, trie_, std::move(stream), site_, Site::end(model_.config), {.read_nodes = last_})
      .at_nodes(last_);
}

at::Tensor Patching::run_all(const at::Tensor& states) const {
  const at::NoGradGuard no_gradients;
  constexpr int64_t kSlab = 1024;
  at::Tensor end = at::empty({n_rows(), model_.config.d_model}, model_.device());
  in_slabs(n_rows(), kSlab, [&](int64_t begin, int64_t n) {
    stop_if_interrupted();
    const Patching slab = of_rows(at::arange(begin, begin + n));
    end.narrow(0, begin, n).copy_(slab.run(states.narrow(0, begin, n)));
  });
  return end;
}

}  // namespace cprobe
