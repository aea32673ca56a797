#include "cprobe/circuit/component_inputs.h"

#include "cprobe/circuit/scaled_rows.h"
#include "cprobe/core/error.h"

namespace cprobe {
namespace {

/// Repeats per-key/value-head columns for every query head of the group. @param x a vector [n_kv_heads * d_head].
at::Tensor per_query_head(const at::Tensor& x, const AttentionShape& shape) {
  if (shape.n_heads == shape.n_kv_heads) return x;
  return x.view({shape.n_kv_heads, shape.d_head}).repeat_interleave(shape.n_heads / shape.n_kv_heads, 0).reshape(-1);
}

at::Tensor joined(const std::vector<at::Tensor>& parts) {
  return parts.size() == 1 ? parts[0] : at::cat(parts);
}

at::Tensor bias_or_zero(const Linear& map) {
  return map.bias.defined() ? map.bias : at::zeros({map.weight.size(1)}, map.weight.options());
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
  const auto [used, local, unused] = at::_unique2(wanted, true, true);
  if (attention) keys_.rows = local.reshape(wanted.sizes()).contiguous();
  query_rows_ = attention ? keys_.rows.gather(1, (keys_.length - 1).unsqueeze(1)).squeeze(1) : local.reshape(-1);

  inputs_ = normed_input(model, component, before.rows.index_select(0, used));
  if (unit_ == MaskUnit::kNeuron) {
    std::vector<at::Tensor> projected, biases;
    for (size_t i = 0; i + 1 < maps_.size(); ++i) {
      projected.push_back(at::mm(inputs_, maps_[i].weight));
      biases.push_back(bias_or_zero(maps_[i]));
    }
    inputs_ = projected.size() == 1 ? projected[0] : at::cat(projected, 1);
    joined_bias_ = joined(biases);
    if (attention) {
      const Projections views = split_projections(config_, inputs_);
      projections_ = {views.q.contiguous(), views.k.contiguous(), views.v.contiguous()};
      inputs_ = at::Tensor();
    }
  }
}

std::vector<at::Tensor> ComponentInputs::ones() const {
  std::vector<at::Tensor> multipliers;
  for (const MatrixInfo& matrix : matrices_) {
    multipliers.push_back(unit_ == MaskUnit::kNeuron ? at::ones({matrix.n_out})
                                                     : at::ones({matrix.n_in, matrix.n_out}));
  }
  return multipliers;
}

at::Tensor ComponentInputs::updates(const std::vector<at::Tensor>& multipliers, const at::Tensor& which) const {
  if (multipliers.size() != matrices_.size()) {
    throw failure("{}: {} multipliers for {} matrices", to_string(component_), multipliers.size(), matrices_.size());
  }
  const at::Tensor query_rows = which.defined() ? query_rows_.index_select(0, which) : query_rows_;
  at::Tensor hidden;
  if (component_.block == Block::kAttention) {
    const KeyRows keys =
        which.defined() ? KeyRows{keys_.rows.index_select(0, which), keys_.length.index_select(0, which)} : keys_;
    hidden = attention(multipliers, query_rows, keys);
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
  const at::Tensor m = joined({multipliers.begin(), multipliers.end() - 1});
  return mlp_hidden(config_, scaled_rows(inputs_, rows, m, joined_bias_));
}

at::Tensor ComponentInputs::joined_weight_masked(const std::vector<at::Tensor>& multipliers,
                                                 const at::Tensor& rows) const {
  const at::Tensor x = inputs_.index_select(0, rows);
  std::vector<at::Tensor> outputs;
  for (size_t i = 0; i + 1 < maps_.size(); ++i) {
    const LinearMask mask{.multiplier = multipliers[i]};
    outputs.push_back(masked_linear(maps_[i], x, &mask));
  }
  return outputs.size() == 1 ? outputs[0] : at::cat(outputs, 1);
}

at::Tensor ComponentInputs::attention(const std::vector<at::Tensor>& multipliers, const at::Tensor& query_rows,
                                      const KeyRows& keys) const {
  const AttentionShape shape = attention_shape(config_);
  if (unit_ == MaskUnit::kWeight) {
    const auto [used, local, unused] = at::_unique2(keys.rows, true, true);
    const Projections masked = split_projections(config_, joined_weight_masked(multipliers, used));
    const at::Tensor rows = local.reshape(keys.rows.sizes());
    const at::Tensor own = rows.gather(1, (keys.length - 1).unsqueeze(1)).squeeze(1);
    return trie_attention(masked.q.index_select(0, own), masked.k, masked.v, {rows, keys.length}, shape);
  }
  const Projections m = split_projections(config_, joined({multipliers.begin(), multipliers.end() - 1}));
  const Projections b = split_projections(config_, joined_bias_);
  const at::Tensor q = scaled_rows(projections_.q, query_rows, m.q, b.q) * per_query_head(m.k, shape);
  return at::addcmul(per_query_head(b.v, shape), trie_attention(q, projections_.k, projections_.v, keys, shape),
                     per_query_head(m.v, shape));
}

}  // namespace cprobe
