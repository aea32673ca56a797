#include "cprobe/evaluate/behaviour.h"

#include "cprobe/model/cross_entropy.h"

namespace cprobe {

Behaviour::Behaviour(const Dataset& data)
    : last_(distinct(data.trie.nodes_at(-1, data.source))), answers_(data.answers) {}

double Behaviour::accuracy(const Model& model, const at::Tensor& states) const {
  at::NoGradGuard no_gradients;
  return top_token_accuracy(logits(model, states), last_.place, answers_);
}

double behaviour_accuracy(const Model& model, const Dataset& data) {
  at::NoGradGuard no_gradients;
  const Behaviour behaviour(data);
  return behaviour.accuracy(model, run_in_slabs(model, data.trie, embed(model, data.trie), Site::start(),
                                                Site::end(model.config), {.read_nodes = behaviour.read_nodes()}));
}

}  // namespace cprobe
