#include "cprobe/evaluate/behaviour.h"

#include <algorithm>

#include "cprobe/core/error.h"
#include "cprobe/core/rows.h"

namespace cprobe {
namespace {

/// Number of rows whose logits over the whole vocabulary take 16 MB, at least 1.
int64_t slab_of_logits(int64_t vocab) {
  return std::max<int64_t>(1, (int64_t{1} << 22) / vocab);
}

/// The rows that some of the states answer, and the log-probability of each row's right next token.
struct AnsweredRows {
  at::Tensor rows;             ///< [n] int64.
  at::Tensor log_probability;  ///< [n], in nats.
};

/// @param log_p  [n_states, vocab]: log-probabilities of the states from `first_state` on.
/// @param place, answers  as for `answered_right`, of all rows.
AnsweredRows rows_answered_by(const at::Tensor& log_p, int64_t first_state, const at::Tensor& place,
                              const at::Tensor& answers) {
  const at::Tensor rows = (place.ge(first_state) & place.lt(first_state + log_p.size(0))).nonzero().squeeze(1);
  const at::Tensor states = place.index_select(0, rows) - first_state;
  return {rows, log_p.index({states.to(log_p.device()), answers.index_select(0, rows).to(log_p.device())})};
}

/// Whether the continuation of each row wins, [n_rows] bool.
at::Tensor continuation_wins(const Model& model, const at::Tensor& states, const at::Tensor& place,
                             const Contrast& contrast) {
  // Computes the logits of only those tokens that some row compares.
  const at::Tensor compared = at::cat({contrast.continuation.unsqueeze(1), contrast.against}, 1);
  const DistinctNodes tokens = distinct(compared.reshape(-1));
  const at::Tensor of_rows = logits(model, states, tokens.nodes).cpu().index_select(0, place);
  const at::Tensor values = of_rows.gather(1, tokens.place.view(compared.sizes()));
  return values.select(1, 0) > std::get<0>(values.narrow(1, 1, values.size(1) - 1).max(1));
}

}  // namespace

at::Tensor answered_right(const Model& model, const at::Tensor& states, const at::Tensor& place,
                          const at::Tensor& answers, const std::optional<Contrast>& contrast) {
  return outcomes_of(model, states, place, answers, contrast).right;
}

double Outcomes::accuracy() const {
  return share_of_rows(right);
}

Outcomes outcomes_of(const Model& model, const at::Tensor& states, const at::Tensor& place, const at::Tensor& answers,
                     const std::optional<Contrast>& contrast, bool with_log_probability) {
  if (contrast && contrast->whole) throw failure("one state does not answer for a continuation of several tokens");
  const at::NoGradGuard no_gradients;
  Outcomes outcomes;
  if (with_log_probability) outcomes.log_probability = at::empty({place.size(0)}, at::kDouble);
  at::Tensor top = at::empty({states.size(0)}, at::kLong);  // the most likely next token of each state
  if (!contrast || with_log_probability) {
    in_slabs(states.size(0), slab_of_logits(model.config.vocab), [&](int64_t begin, int64_t n) {
      const at::Tensor of_states = logits(model, states.narrow(0, begin, n));
      top.narrow(0, begin, n).copy_(of_states.argmax(1));
      if (!with_log_probability) return;
      const auto [rows, log_probability] =
          rows_answered_by(at::log_softmax(of_states.to(at::kDouble), 1), begin, place, answers);
      outcomes.log_probability.index_copy_(0, rows, log_probability.cpu());
    });
  }
  if (contrast) {
    const at::Tensor wins = continuation_wins(model, states, place, *contrast);
    outcomes.answer = wins.to(at::kLong);
    outcomes.right = wins.eq(answers.eq(contrast->continuation));
  } else {
    outcomes.answer = top.index_select(0, place);
    outcomes.right = outcomes.answer.eq(answers);
  }
  return outcomes;
}

double share_of_rows(const at::Tensor& rows) {
  return static_cast<double>(rows.sum().item<int64_t>()) / static_cast<double>(rows.size(0));
}

void require_single_tokens(const Dataset& data, std::string_view who) {
  if (!data.contrast || !data.contrast->whole) return;
  throw input_error("{}: {} needs continuations of one token each, because one state answers a row", data.source, who);
}

Behaviour::Behaviour(const Dataset& data) : answers_(data.answers), contrast_(data.contrast) {
  if (contrast_ && contrast_->whole) {
    const at::Tensor& nodes = contrast_->whole->node;
    last_ = distinct(nodes.masked_select(nodes.ge(0)));
  } else {
    last_ = distinct(data.trie.nodes_at(-1, data.source));
  }
}

at::Tensor Behaviour::whole_wins(const Model& model, const at::Tensor& states) const {
  const at::NoGradGuard no_gradients;
  const at::Tensor& token = contrast_->whole->token;
  const at::Tensor is_there = token.ge(0), tokens = token.masked_select(is_there);
  at::Tensor of_tokens = at::empty({tokens.size(0)}, at::kDouble);
  in_slabs(states.size(0), slab_of_logits(model.config.vocab), [&](int64_t begin, int64_t n) {
    const auto [which, log_probability] = rows_answered_by(
        at::log_softmax(logits(model, states.narrow(0, begin, n)).to(at::kDouble), 1), begin, last_.place, tokens);
    of_tokens.index_copy_(0, which, log_probability.cpu());
  });
  const at::Tensor sums = at::zeros(token.sizes(), at::kDouble).masked_scatter_(is_there, of_tokens).sum(2);
  return sums.select(1, 0) > std::get<0>(sums.narrow(1, 1, sums.size(1) - 1).max(1));
}

at::Tensor Behaviour::right(const Model& model, const at::Tensor& states) const {
  if (contrast_ && contrast_->whole) return whole_wins(model, states).eq(answers_.eq(contrast_->continuation));
  return answered_right(model, states, last_.place, answers_, contrast_);
}

double Behaviour::accuracy(const Model& model, const at::Tensor& states) const {
  return share_of_rows(right(model, states));
}

double Behaviour::accuracy_by_row(const Model& model, const at::Tensor& states) const {
  return share_of_rows(answered_right(model, states, at::arange(n_rows()), answers_, contrast_));
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
    sum.log_probability += rows_answered_by(now, begin, last_.place, answers_).log_probability.sum().item<double>();
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
