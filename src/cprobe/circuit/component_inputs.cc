#include "cprobe/circuit/component_inputs.h"

#include "cprobe/circuit/head_units.h"
#include "cprobe/core/error.h"
#include "cprobe/core/half_precision.h"
#include "cprobe/core/rows.h"
#include "cprobe/model/gemm.h"
#include "cprobe/model/scaled_rows.h"

namespace cprobe {
namespace {

/// Repeats the columns of each key/value head for every query head of its group.
/// @param x  [..., n_kv_heads * d_head]. @return [..., n_heads * d_head].
at::Tensor per_query_head(const at::Tensor& x, const AttentionShape& shape) {
  if (shape.n_heads == shape.n_kv_heads) return x;
  return x.unflatten(-1, {shape.n_kv_heads, shape.d_head})
      .repeat_interleave(shape.n_heads / shape.n_kv_heads, -2)
      .flatten(-2);
}

/// Rows `which` of x; all rows if `which` is undefined.
at::Tensor chosen(const at::Tensor& x, const at::Tensor& which) {
  return which.defined() ? rows_at(x, which) : x;
}

at::Tensor joined(const std::vector<at::Tensor>& parts) {
  return parts.size() == 1 ? parts[0] : at::cat(parts, -1);
}

/// Joins the multipliers of the matrices that read the stream: all matrices but the last.
at::Tensor joined_inputs(const std::vector<at::Tensor>& multipliers) {
  return joined({multipliers.begin(), multipliers.end() - 1});
}

/// The dtype and device of what a matrix makes.
at::TensorOptions options_of_products(const at::Tensor& weight) {
  return weight.options().dtype(is_half(weight.scalar_type()) ? at::kFloat : weight.scalar_type());
}

/// x W of some matrices, joined along the columns.
at::Tensor products(const at::Tensor& x, const std::vector<at::Tensor>& weights) {
  int64_t n_columns = 0;
  for (const at::Tensor& weight : weights) n_columns += weight.size(1);
  at::Tensor y = at::empty({x.size(0), n_columns}, x.options());
  int64_t first = 0;
  for (const at::Tensor& weight : weights) {
    gemm_into(y.narrow(1, first, weight.size(1)), x, weight);
    first += weight.size(1);
  }
  return y;
}

/// The matrices of an attention block's queries, keys and values.
Projections projections_of(const ModelConfig& config, const std::vector<at::Tensor>& weights) {
  return weights.size() == 1 ? split_projections(config, weights[0]) : Projections{weights[0], weights[1], weights[2]};
}

}  // namespace

ComponentInputs::ComponentInputs(const Model& model, const ComponentRef& component, MaskUnit unit,
                                 const TokenTrie& trie, const Stream& before, const at::Tensor& nodes)
    : component_(component_of(model, component)), unit_(unit), matrices_(matrices_of(model.config, component)) {
  const bool attention = component.block == Block::kAttention;
  if (unit_ == MaskUnit::kHead && !attention) throw input_error("{}: an MLP has no heads", to_string(component));
  at::NoGradGuard no_gradients;
  // Rows that are not read are dropped. An MLP reads only the labelled tokens; attention also reads
  // their ancestors.
  at::Tensor used;
  if (attention) {
    paths_ = attention_paths(component_, trie, before, nodes);
    used = paths_.drop_unread_keys();
    query_rows_ = paths_.own_rows();
  } else {
    const DistinctNodes rows = distinct(before.row_of_node.index_select(0, nodes));
    used = rows.nodes;
    query_rows_ = rows.place;
  }
  if (used.size(0) > 0 && used[0].item<int64_t>() < 0) {
    throw failure("{}: the state of a labelled token was not computed", to_string(component));
  }
  const at::Tensor& read = before.read();
  const bool all_used = used.size(0) == read.size(0);
  inputs_ = normed_input(component_, all_used ? read : rows_at(read, used));
  if (unit_ == MaskUnit::kWeight) return;
  std::vector<at::Tensor> weights, biases;
  for (size_t i = 0; i + 1 < matrices_.size(); ++i) {
    const auto& [weight, bias] = component_.maps[i];
    weights.push_back(weight);
    biases.push_back(bias.defined() ? bias : at::zeros({weight.size(1)}, options_of_products(weight)));
  }
  joined_bias_ = joined(biases);
  closed_hidden_ =
      attention
          ? per_query_head(split_projections(component_.config, joined_bias_).v, attention_shape(component_.config))
          : reference_hidden_layer(hidden_layer_of(component_.config), joined_bias_.unsqueeze(0)).squeeze(0);
  closed_hidden_is_zero_ = closed_hidden_.eq(0).all().item<bool>();
  if (!attention) {
    inputs_ = products(inputs_, weights);
    return;
  }
  const Projections w = projections_of(component_.config, weights);
  const auto [queries, place_of_query] = distinct(query_rows_);
  query_rows_ = place_of_query;
  projections_ = {gemm(rows_at(inputs_, queries), w.q), gemm(inputs_, w.k), gemm(inputs_, w.v)};
  inputs_ = at::Tensor();
}

std::vector<at::Tensor> ComponentInputs::weights() const {
  std::vector<at::Tensor> weights;
  for (const Linear& map : component_.maps) weights.push_back(map.weight);
  return weights;
}

std::vector<at::Tensor> ComponentInputs::ones() const {
  std::vector<at::Tensor> multipliers;
  for (const MatrixInfo& matrix : matrices_)
    multipliers.push_back(at::ones(unit_shape(matrix, unit_), options_of_products(component_.maps[0].weight)));
  return multipliers;
}

at::Tensor ComponentInputs::updates(std::vector<at::Tensor> multipliers, const at::Tensor& which) const {
  if (multipliers.size() != matrices_.size()) {
    throw failure("{}: {} multipliers for {} matrices", to_string(component_.ref), multipliers.size(),
                  matrices_.size());
  }
  for (at::Tensor& multiplier : multipliers) multiplier = multiplier.to(component_.maps[0].weight.device());
  multipliers = over_outputs(component_.config, matrices_, unit_, std::move(multipliers), HeadPart::kValues);
  if (!has_several_masks(multipliers[0], unit_)) {
    return update_from(component_, hidden(multipliers, which), {.multiplier = multipliers.back()});
  }
  const int64_t n_masks = multipliers[0].size(0);
  if (unit_ != MaskUnit::kWeight) {
    return update_from(component_, hidden(multipliers, which), {.multiplier = multipliers.back().unsqueeze(1)})
        .unflatten(0, {n_masks, -1});
  }
  std::vector<at::Tensor> updates_by_mask;
  for (int64_t i = 0; i < n_masks; ++i) {
    std::vector<at::Tensor> of_mask;
    of_mask.reserve(multipliers.size());
    for (const at::Tensor& multiplier : multipliers) of_mask.push_back(multiplier[i]);
    updates_by_mask.push_back(updates(of_mask, which));
  }
  return at::stack(updates_by_mask);
}

at::Tensor ComponentInputs::hidden(const std::vector<at::Tensor>& multipliers, const at::Tensor& which) const {
  if (component_.ref.block == Block::kAttention) return attention(multipliers, which);
  const at::Tensor rows = chosen(query_rows_, which);
  const HiddenLayer layer = hidden_layer_of(component_.config);
  return hidden_layer(layer, unit_ == MaskUnit::kWeight
                                 ? joined_weight_masked(multipliers, rows)
                                 : scaled_rows(inputs_, rows, joined_inputs(multipliers), joined_bias_));
}

at::Tensor ComponentInputs::joined_weight_masked(const std::vector<at::Tensor>& multipliers,
                                                 const at::Tensor& rows) const {
  ComponentMask masks;
  for (const at::Tensor& multiplier : multipliers) masks.push_back({.multiplier = multiplier});
  return project_in(component_, rows_at(inputs_, rows), masks);
}

at::Tensor ComponentInputs::attention(const std::vector<at::Tensor>& multipliers, const at::Tensor& which) const {
  if (unit_ == MaskUnit::kWeight) {
    AttentionPaths paths = paths_.of_queries(which);
    Projections masked =
        split_projections(component_.config, joined_weight_masked(multipliers, paths.drop_unread_keys()));
    masked.q = rows_at(masked.q, paths.own_rows());
    return attend(component_, masked, paths);
  }
  if (!has_linear_values(component_)) return read_by_heads(multipliers, which);
  const AttentionShape shape = attention_shape(component_.config);
  const at::Tensor of_values = split_projections(component_.config, joined_inputs(multipliers)).v;
  return scaled_rows(read_by_heads(multipliers, which), {}, per_query_head(of_values, shape), closed_hidden_);
}

bool ComponentInputs::has_open_hidden() const {
  return unit_ == MaskUnit::kNeuron && component_.norm_after.kind == Norm::kNone && has_linear_values(component_);
}

OpenHidden ComponentInputs::open_hidden(const std::vector<at::Tensor>& multipliers, const at::Tensor& which) const {
  const auto without_values = [&](const at::Tensor& open) {
    return OpenHidden{.open = open_units(open),
                      .values = {},
                      .closed = closed_hidden_is_zero_ ? at::Tensor() : closed_hidden_ * open.logical_not()};
  };
  if (component_.ref.block == Block::kAttention) {
    const at::Tensor m = per_query_head(split_projections(component_.config, joined_inputs(multipliers)).v,
                                        attention_shape(component_.config));
    OpenHidden hidden = without_values(m.ne(0));
    hidden.values = open_columns(read_by_heads(multipliers, which), {}, m, closed_hidden_, hidden.open);
    return hidden;
  }
  const at::Tensor rows = chosen(query_rows_, which);
  HiddenLayer layer = hidden_layer_of(component_.config);
  // Of act(x), or of act(gate) and up.
  const std::vector<at::Tensor> of_factors = at::split(joined_inputs(multipliers), layer.d_mlp, -1);
  at::Tensor open = of_factors[0].ne(0);
  if (of_factors.size() == 2) {
    // A factor that is 0 in all rows closes the unit, whatever the other does.
    const at::Tensor up_open = of_factors[1].ne(0);
    const at::Tensor up_bias = joined_bias_.narrow(0, layer.d_mlp, layer.d_mlp);
    const at::Tensor gate_is_zero =
        reference_hidden_layer(layer, joined_bias_.narrow(0, 0, layer.d_mlp).unsqueeze(0)).squeeze(0).eq(0);
    open = (open | up_open) & (open | gate_is_zero.logical_not()) & (up_open | up_bias.ne(0));
  }
  OpenHidden hidden = without_values(open);
  std::vector<at::Tensor> parts;
  for (size_t i = 0; i < of_factors.size(); ++i) {
    const int64_t first = static_cast<int64_t>(i) * layer.d_mlp;
    parts.push_back(open_columns(inputs_.narrow(1, first, layer.d_mlp), rows, of_factors[i],
                                 joined_bias_.narrow(0, first, layer.d_mlp), hidden.open)
                        .view({rows.size(0), hidden.open.n()}));
  }
  layer.d_mlp = hidden.open.n();
  hidden.values = hidden_layer(layer, joined(parts)).flatten();
  return hidden;
}

at::Tensor ComponentInputs::read_by_heads(const std::vector<at::Tensor>& multipliers, const at::Tensor& which) const {
  AttentionPaths paths = paths_.of_queries(which);
  const bool forms_keys = !has_plain_scores(component_);
  const at::Tensor keys = forms_keys ? paths.drop_unread_keys() : at::Tensor();
  const int64_t n_masks = has_several_masks(multipliers[0], unit_) ? multipliers[0].size(0) : 1;
  const at::Tensor queries = chosen(query_rows_, which);
  const Projections m = split_projections(component_.config, joined_inputs(multipliers));
  const Projections b = split_projections(component_.config, joined_bias_);
  const AttentionShape shape = attention_shape(component_.config);
  if (forms_keys) {
    at::Tensor values;
    if (has_linear_values(component_)) {
      values = rows_at(projections_.v, keys);
      if (n_masks > 1) values = values.repeat({n_masks, 1});
    } else {
      values = scaled_rows(projections_.v, keys, m.v, b.v);
    }
    return attend(component_,
                  {scaled_rows(projections_.q, queries, m.q, b.q), scaled_rows(projections_.k, keys, m.k, b.k), values},
                  paths.repeated(n_masks, keys.size(0)));
  }
  const at::Tensor of_keys = per_query_head(m.k, shape);
  const at::Tensor q = scaled_rows(projections_.q, queries, m.q * of_keys, b.q * of_keys);
  return attend(component_, {q, projections_.k, projections_.v}, paths.repeated(n_masks, 0));
}

}  // namespace cprobe
