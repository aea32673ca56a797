#include "cprobe/evaluate/behaviour.h"

namespace cprobe {

Behaviour::Behaviour(const Dataset& data) : answers_(data.answers) {
  const auto [nodes, row, unused] = at::_unique2(data.trie.nodes_at(-1), true, true);
  read_nodes_ = nodes;
  state_of_row_ = row;
}

double Behaviour::accuracy(const Model& model, const at::Tensor& states) const {
  at::NoGradGuard no_gradients;
  const at::Tensor answered = logits(model, states).argmax(1).index_select(0, state_of_row_);
  return (answered == answers_).sum().item<double>() / static_cast<double>(n_rows());
}

double behaviour_accuracy(const Model& model, const Dataset& data) {
  at::NoGradGuard no_gradients;
  const Behaviour behaviour(data);
  const Stream end = run_span(model, data.trie, embed(model, data.trie), Site::start(), Site::end(model.config),
                              {.read_nodes = behaviour.read_nodes()});
  return behaviour.accuracy(model, end.at_nodes(behaviour.read_nodes()));
}

}  // namespace cprobe
