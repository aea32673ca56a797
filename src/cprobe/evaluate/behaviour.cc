#include "cprobe/evaluate/behaviour.h"

#include <algorithm>

#include "cprobe/core/rows.h"

namespace cprobe {
namespace {

double share(const at::Tensor& right) {
  return static_cast<double>(right.sum().item<int64_t>()) / static_cast<double>(right.size(0));
}

/// Number of rows whose logits over the whole vocabulary take 16 MB, at least 1.
int64_t slab_of_logits(int64_t vocab) {
  return std::max<int64_t>(1, (int64_t{1} << 22) / vocab);
}

/// The most likely next token of each state.
/// @param states  [n, d_model] end of the stream. @return [n] int64.
at::Tensor top_tokens(const Model& model, const at::Tensor& states) {
  at::Tensor top = at::empty({states.size(0)}, at::kLong);
  in_slabs(states.size(0), slab_of_logits(model.config.vocab), [&](int64_t begin, int64_t n) {
    top.narrow(0, begin, n).copy_(logits(model, states.narrow(0, begin, n)).argmax(1));
  });
  return top;
}

}  // namespace

at::Tensor answered_right(const Model& model, const at::Tensor& states, const at::Tensor& place,
                          const at::Tensor& answers, const std::optional<Contrast>& contrast) {
  const at::NoGradGuard no_gradients;
  if (!contrast) return top_tokens(model, states).index_select(0, place).eq(answers);
  // Computes the logits of only those tokens that some row compares.
  const at::Tensor compared = at::cat({contrast->continuation.unsqueeze(1), contrast->against}, 1);
  const DistinctNodes tokens = distinct(compared.reshape(-1));
  const at::Tensor of_rows = logits(model, states, tokens.nodes).cpu().index_select(0, place);
  const at::Tensor values = of_rows.gather(1, tokens.place.view(compared.sizes()));
  const at::Tensor wins = values.select(1, 0) > std::get<0>(values.narrow(1, 1, values.size(1) - 1).max(1));
  return wins.eq(answers.eq(contrast->continuation));
}

Behaviour::Behaviour(const Dataset& data)
    : last_(distinct(data.trie.nodes_at(-1, data.source))), answers_(data.answers), contrast_(data.contrast) {}

double Behaviour::accuracy(const Model& model, const at::Tensor& states) const {
  return share(answered_right(model, states, last_.place, answers_, contrast_));
}

double Behaviour::accuracy_by_row(const Model& model, const at::Tensor& states) const {
  return share(answered_right(model, states, at::arange(n_rows()), answers_, contrast_));
}

NextTokenEffect Behaviour::effect(const Model& model, const at::Tensor& states, const at::Tensor& untouched) const {
  at::NoGradGuard no_gradients;
  const int64_t n = states.size(0);
  // Rows that end at one node share a distribution, but may have different answers.
  const at::Tensor n_rows_of_node =
      at::zeros({n}, at::kDouble).index_add_(0, last_.place, at::ones({answers_.size(0)}, at::kDouble));
  NextTokenEffect sum;
  in_slabs(n, slab_of_logits(model.config.vocab), [&](int64_t begin, int64_t part) {
    const auto log_probabilities = [&](const at::Tensor& from) {
      return at::log_softmax(logits(model, from.narrow(0, begin, part)).to(at::kDouble), 1);
    };
    const at::Tensor now = log_probabilities(states);
    const at::Tensor before = log_probabilities(untouched);
    const at::Tensor divergence = (before.exp() * (before - now)).sum(1);
    sum.divergence += (divergence.cpu() * n_rows_of_node.narrow(0, begin, part)).sum().item<double>();
    const at::Tensor rows = (last_.place.ge(begin) & last_.place.lt(begin + part)).nonzero().squeeze(1);
    const at::Tensor place = last_.place.index_select(0, rows) - begin;
    sum.log_probability +=
        now.index({place.to(now.device()), answers_.index_select(0, rows).to(now.device())}).sum().item<double>();
  });
  const auto total = static_cast<double>(answers_.size(0));
  return {sum.log_probability / total, sum.divergence / total};
}

Untouched run_untouched(const Model& model, const Dataset& data, const Stream& stream, Site site) {
  const Behaviour behaviour(data);
  const at::Tensor states =
      run_in_slabs(model, data.trie, stream, site, Site::end(model.config), {.read_nodes = behaviour.read_nodes()});
  return {behaviour.accuracy(model, states), states};
}

}  // namespace cprobe
