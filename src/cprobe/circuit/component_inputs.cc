#include "cprobe/circuit/component_inputs.h"

#include "cprobe/core/error.h"
#include "cprobe/core/rows.h"
#include "cprobe/model/gemm.h"
#include "cprobe/model/scaled_rows.h"

namespace cprobe {
namespace {

/// Repeats per-key/value-head columns for every query head of the group. @param x a vector [n_kv_heads * d_head].
at::Tensor per_query_head(const at::Tensor& x, const AttentionShape& shape) {
  if (shape.n_heads == shape.n_kv_heads) return x;
  return x.view({shape.n_kv_heads, shape.d_head}).repeat_interleave(shape.n_heads / shape.n_kv_heads, 0).reshape(-1);
}

/// Rows `which` of x; all of them where `which` is undefined.
at::Tensor chosen(const at::Tensor& x, const at::Tensor& which) {
  return which.defined() ? rows_at(x, which) : x;
}

at::Tensor joined(const std::vector<at::Tensor>& parts, int64_t dim) {
  return parts.size() == 1 ? parts[0] : at::cat(parts, dim);
}

/// Multipliers of the matrices that read the stream, joined.
at::Tensor joined_inputs(const std::vector<at::Tensor>& multipliers) {
  return joined({multipliers.begin(), multipliers.end() - 1}, 0);
}

}  // namespace

ComponentInputs::ComponentInputs(const Model& model, const ComponentRef& component, MaskUnit unit,
                                 const TokenTrie& trie, const Stream& before, const at::Tensor& nodes)
    : config_(model.config),
      component_(component),
      unit_(unit),
      matrices_(matrices_of(model.config, component)),
      maps_(model.linears(component)) {
  const bool attention = component.block == Block::kAttention;
  at::NoGradGuard no_gradients;
  // Rows that nobody reads are dropped: an MLP needs the labelled tokens only, attention their ancestors as well.
  at::Tensor wanted;
  if (attention) {
    keys_ = key_rows(trie, before, nodes);
    wanted = keys_.rows;
  } else {
    wanted = before.row_of_node.index_select(0, nodes);
  }
  const auto [used, place_of_used] = distinct(wanted.reshape(-1));
  if (used.size(0) > 0 && used[0].item<int64_t>() < 0) {
    throw failure("{}: the state of a labelled token was not computed", to_string(component));
  }
  const at::Tensor place = place_of_used.reshape(wanted.sizes());
  if (attention) keys_.rows = place;
  query_rows_ = attention ? place.gather(1, (keys_.length - 1).unsqueeze(1)).squeeze(1) : place;

  const at::Tensor& read = before.read();
  const bool all_used = used.size(0) == read.size(0);
  inputs_ = normed_input(model, component, all_used ? read : rows_at(read, used));
  if (attention && config_.rotary.n_dims > 0) {
    rotary_ = rotary_table(config_.rotary, trie.max_length());
    key_positions_ = row_positions(trie, before).index_select(0, used);
    query_positions_ = trie.position.index_select(0, nodes);
  }
  if (unit_ == MaskUnit::kWeight) return;
  std::vector<at::Tensor> weights, biases;
  for (size_t i = 0; i + 1 < maps_.size(); ++i) {
    weights.push_back(maps_[i].weight);
    biases.push_back(maps_[i].bias.defined() ? maps_[i].bias
                                             : at::zeros({maps_[i].weight.size(1)}, maps_[i].weight.options()));
  }
  joined_bias_ = joined(biases, 0);
  if (!attention) {
    inputs_ = gemm(inputs_, joined(weights, 1));
    return;
  }
  const Projections w = split_projections(config_, joined(weights, 1));
  const auto [queries, place_of_query] = distinct(query_rows_);
  query_rows_ = place_of_query;
  projections_ = {gemm(rows_at(inputs_, queries), w.q), gemm(inputs_, w.k), gemm(inputs_, w.v)};
  inputs_ = at::Tensor();
}

std::vector<at::Tensor> ComponentInputs::weights() const {
  std::vector<at::Tensor> weights;
  for (const Linear& map : maps_) weights.push_back(map.weight);
  return weights;
}

std::vector<at::Tensor> ComponentInputs::ones() const {
  std::vector<at::Tensor> multipliers;
  for (const MatrixInfo& matrix : matrices_)
    multipliers.push_back(at::ones(unit_shape(matrix, unit_), maps_[0].weight.options()));
  return multipliers;
}

at::Tensor ComponentInputs::updates(std::vector<at::Tensor> multipliers, const at::Tensor& which) const {
  if (multipliers.size() != matrices_.size()) {
    throw failure("{}: {} multipliers for {} matrices", to_string(component_), multipliers.size(), matrices_.size());
  }
  for (at::Tensor& multiplier : multipliers) multiplier = multiplier.to(maps_[0].weight.device());
  const at::Tensor query_rows = chosen(query_rows_, which);
  at::Tensor hidden;
  if (component_.block == Block::kAttention) {
    hidden = attention(multipliers, which);
  } else if (unit_ == MaskUnit::kNeuron) {
    hidden = hidden_neuron_masked(multipliers, query_rows);
  } else {
    hidden = mlp_hidden(config_, joined_weight_masked(multipliers, query_rows));
  }
  const LinearMask mask{.multiplier = multipliers.back()};
  return masked_linear(maps_.back(), hidden, &mask);
}

at::Tensor ComponentInputs::hidden_neuron_masked(const std::vector<at::Tensor>& multipliers,
                                                 const at::Tensor& rows) const {
  return mlp_hidden(config_, scaled_rows(inputs_, rows, joined_inputs(multipliers), joined_bias_));
}

at::Tensor ComponentInputs::joined_weight_masked(const std::vector<at::Tensor>& multipliers,
                                                 const at::Tensor& rows) const {
  const at::Tensor x = rows_at(inputs_, rows);
  std::vector<at::Tensor> outputs;
  for (size_t i = 0; i + 1 < maps_.size(); ++i) {
    const LinearMask mask{.multiplier = multipliers[i]};
    outputs.push_back(masked_linear(maps_[i], x, &mask));
  }
  return joined(outputs, 1);
}

at::Tensor ComponentInputs::attention(const std::vector<at::Tensor>& multipliers, const at::Tensor& which) const {
  const AttentionShape shape = attention_shape(config_);
  KeyRows keys{chosen(keys_.rows, which), chosen(keys_.length, which)};
  const auto turn = [&](const at::Tensor& heads, const at::Tensor& positions) {
    return has_rotary() ? rotate(heads, positions, rotary_, config_.d_head) : heads;
  };
  const at::Tensor query_positions = has_rotary() ? chosen(query_positions_, which) : at::Tensor();
  at::Tensor used;  // Key rows of this batch, where masked keys are formed.
  if (unit_ == MaskUnit::kWeight || has_rotary()) {
    const DistinctNodes rows = distinct(keys.rows.reshape(-1));
    used = rows.nodes;
    keys.rows = rows.place.reshape(keys.rows.sizes());
  }
  const at::Tensor used_positions = has_rotary() ? key_positions_.index_select(0, used) : at::Tensor();
  if (unit_ == MaskUnit::kWeight) {
    const Projections masked = split_projections(config_, joined_weight_masked(multipliers, used));
    const at::Tensor own = keys.rows.gather(1, (keys.length - 1).unsqueeze(1)).squeeze(1);
    return trie_attention(turn(rows_at(masked.q, own), query_positions), turn(masked.k, used_positions), masked.v, keys,
                          shape);
  }
  const at::Tensor query_rows = chosen(query_rows_, which);
  const Projections m = split_projections(config_, joined_inputs(multipliers));
  const Projections b = split_projections(config_, joined_bias_);
  at::Tensor z;
  if (has_rotary()) {
    const at::Tensor q = turn(scaled_rows(projections_.q, query_rows, m.q, b.q), query_positions);
    const at::Tensor k = turn(scaled_rows(projections_.k, used, m.k, b.k), used_positions);
    z = trie_attention(q, k, rows_at(projections_.v, used), keys, shape);
  } else {
    const at::Tensor of_keys = per_query_head(m.k, shape);
    const at::Tensor q = scaled_rows(projections_.q, query_rows, m.q * of_keys, b.q * of_keys);
    z = trie_attention(q, projections_.k, projections_.v, keys, shape);
  }
  return scaled_rows(z, {}, per_query_head(m.v, shape), per_query_head(b.v, shape));
}

}  // namespace cprobe
