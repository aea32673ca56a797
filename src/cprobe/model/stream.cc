#include "cprobe/model/stream.h"

#include <algorithm>

#include "cprobe/core/error.h"
#include "cprobe/core/half_precision.h"
#include "cprobe/core/rows.h"
#include "cprobe/model/component.h"
#include "cprobe/model/gemm.h"

namespace cprobe {

at::Tensor rows_in_memory(int64_t n_rows, int64_t d_model, at::Device device) {
  return at::empty({n_rows, d_model}, device);
}

at::Tensor Stream::at_nodes(const at::Tensor& nodes) const {
  return rows_at(rows, row_of_node.index_select(0, nodes));
}

Stream Stream::expanded(const NewRows& new_rows) const {
  const at::Tensor in_order = at::arange(row_of_node.size(0), row_of_node.options());
  if (at::equal(row_of_node, in_order)) return *this;
  const auto by_node = [&](const at::Tensor& shared) {
    at::Tensor own = new_rows(row_of_node.size(0), shared.size(1), shared.device());
    return at::index_select_out(own, shared, 0, row_of_node.to(shared.device()));
  };
  return {by_node(rows), in_order, before_layer.defined() ? by_node(before_layer) : at::Tensor()};
}

Stream Stream::selected(const at::Tensor& which, const at::Tensor& new_row_of_node) const {
  return {rows_at(rows, which), new_row_of_node, before_layer.defined() ? rows_at(before_layer, which) : at::Tensor()};
}

void Stream::begin_layer(const ModelConfig& config, int64_t layer) {
  if (reads_before_layer(config, {layer, Block::kMlp})) before_layer = rows;
}

int64_t stream_bytes(const ModelConfig& config, int64_t n_nodes) {
  const int64_t n_arrays = std::ranges::any_of(config.layers, &LayerConfig::parallel_residual) ? 2 : 1;
  return n_arrays * n_nodes * config.d_model * static_cast<int64_t>(sizeof(float));
}

Stream embed(const Model& model, const TokenTrie& trie) {
  const int64_t n_positions = model.config.max_row();
  if (trie.max_length() > n_positions) {
    throw input_error("a sequence of {} tokens is longer than the model's context of {}", trie.max_length(),
                      n_positions);
  }
  const int64_t largest = trie.n_nodes() == 0 ? 0 : trie.token.max().item<int64_t>();
  if (largest >= model.config.vocab) {
    throw input_error("token {} is outside the model's vocabulary of {}", largest, model.config.vocab);
  }
  const auto [pairs, row_of_node, unused] = at::_unique2(trie.token * n_positions + trie.position, true, true);
  const at::Tensor tokens = at::div(pairs, n_positions, "floor");
  at::Tensor rows = widened(rows_at(model.weight("embed.token"), tokens));
  if (model.config.embedding_scale != 1) rows = rows * model.config.embedding_scale;
  if (model.weights.contains("embed.in.weight")) rows = gemm(rows, model.weight("embed.in.weight"));
  if (model.weights.contains("embed.position")) {
    const at::Tensor positions = pairs - tokens * n_positions + model.config.first_position;
    rows = rows + widened(rows_at(model.weight("embed.position"), positions));
  }
  return {rows, row_of_node};
}

at::Tensor logits(const Model& model, const at::Tensor& states, const at::Tensor& vocab_rows) {
  const auto of_tokens = [&](const at::Tensor& all) { return vocab_rows.defined() ? rows_at(all, vocab_rows) : all; };
  at::Tensor end = model.config.final_norm ? normed(states, norm_of(model, "final_norm")) : states;
  if (model.weights.contains("unembed.in.weight")) end = gemm(end, model.weight("unembed.in.weight"));
  at::Tensor found = gemm(end, of_tokens(model.unembedding()).t());
  if (model.weights.contains("unembed_bias")) found = found + of_tokens(model.weight("unembed_bias"));
  const double cap = model.config.logit_cap;
  return cap > 0 ? at::tanh(found / cap) * cap : found;
}

}  // namespace cprobe
