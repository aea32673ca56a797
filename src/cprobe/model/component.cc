#include "cprobe/model/component.h"

#include "cprobe/core/error.h"
#include "cprobe/core/rows.h"

namespace cprobe {
namespace {

/// The position of each row of a stream, [n_rows] int64. Nodes that share a row have the same
/// position.
at::Tensor row_positions(const TokenTrie& trie, const Stream& stream) {
  const at::Tensor nodes = (stream.row_of_node >= 0).nonzero().squeeze(1);
  return at::zeros({stream.rows.size(0)}, nodes.options())
      .index_put_({stream.row_of_node.index_select(0, nodes)}, trie.position.index_select(0, nodes));
}

KeyRows key_rows(const TokenTrie& trie, const Stream& stream, const at::Tensor& nodes) {
  const Paths paths = ancestor_paths(trie, nodes);
  const at::Tensor rows = stream.row_of_node.index_select(0, paths.nodes.reshape(-1));
  if (rows.numel() > 0 && rows.min().item<int64_t>() < 0) {
    throw failure("attention reads the state of a token that was not computed");
  }
  return {rows.view(paths.nodes.sizes()), paths.length};
}

/// The norm of queries or keys; none if the model has none.
/// @param name  of the matrix that makes them.
NormMap norm_of_heads(const Model& model, const std::string& name, int64_t n_heads) {
  if (model.weights.contains(name + "_norm.weight")) return norm_of(model, name + "_norm");
  const auto of_head = [&](int64_t head) { return fmt::format("{}.{}.norm", name, head); };
  if (!model.weights.contains(of_head(0) + ".weight")) return {};
  NormMap norm = norm_of(model, of_head(0));
  std::vector<at::Tensor> weights;
  for (int64_t head = 0; head < n_heads; ++head) weights.push_back(model.weight(of_head(head) + ".weight"));
  norm.weight = at::stack(weights);
  return norm;
}

/// @param heads  [n, heads * d_head].
at::Tensor normed_heads(const at::Tensor& heads, const NormMap& norm, int64_t d_head) {
  if (norm.kind == Norm::kNone) return heads;
  const bool all_together = norm.weight.dim() == 1 && norm.weight.size(0) == heads.size(1);
  if (all_together) return normed(heads, norm);
  return normed(heads.reshape({heads.size(0), -1, d_head}), norm).reshape(heads.sizes());
}

}  // namespace

NormMap norm_of(const Model& model, const std::string& name) {
  NormMap norm{.kind = find_architecture(model.config.architecture).norm, .epsilon = model.config.norm_epsilon};
  if (!model.config.norm_weights) return norm;
  const Linear weights = model.linear(name);
  norm.weight = weights.weight;
  norm.bias = weights.bias;
  return norm;
}

at::Tensor normed(const at::Tensor& x, const NormMap& norm) {
  const auto root_mean_square = [&] { return x * at::rsqrt(at::mean(at::square(x), {-1}, true) + norm.epsilon); };
  switch (norm.kind) {
    case Norm::kLayer: {
      if (!norm.weight.defined() || norm.weight.dim() == 1) {
        return at::layer_norm(x, {x.size(-1)}, norm.weight, norm.bias, norm.epsilon);
      }
      return at::layer_norm(x, {x.size(-1)}, {}, {}, norm.epsilon) * norm.weight;
    }
    case Norm::kRms:
      return norm.weight.defined() ? root_mean_square() * norm.weight : root_mean_square();
    case Norm::kRmsPlusOne:
      return root_mean_square() * (1 + norm.weight);
    case Norm::kNone:
      return x;
  }
  throw failure("unknown norm");
}

Component component_of(const Model& model, const ComponentRef& ref) {
  const auto name_in = [&](Block block, std::string_view part) {
    return fmt::format("layers.{}.{}.{}", ref.layer, to_string(block), part);
  };
  Component component{.ref = ref, .config = model.config, .norm = {}, .maps = model.linears(ref)};
  if (find_architecture(model.config.architecture).norms_before) {
    component.norm = norm_of(model, name_in(model.config.shared_norm ? Block::kAttention : ref.block, "norm"));
  }
  const std::string after = name_in(ref.block, "post_norm");
  if (model.weights.contains(after + ".weight")) component.norm_after = norm_of(model, after);
  if (ref.block == Block::kAttention) {
    component.q_norm = norm_of_heads(model, name_in(ref.block, "q"), model.config.n_heads);
    component.k_norm = norm_of_heads(model, name_in(ref.block, "k"), model.config.n_kv_heads);
  }
  return component;
}

at::Tensor normed_input(const Component& component, const at::Tensor& rows) {
  return normed(rows, component.norm);
}

at::Tensor project_in(const Component& component, const at::Tensor& x, std::span<const LinearMask> masks) {
  std::vector<at::Tensor> outputs;
  for (size_t i = 0; i + 1 < component.maps.size(); ++i) {
    outputs.push_back(masked_linear(component.maps[i], x, masks.empty() ? LinearMask() : masks[i]));
  }
  return outputs.size() == 1 ? outputs[0] : at::cat(outputs, 1);
}

Projections split_projections(const ModelConfig& config, const at::Tensor& joined) {
  if (find_architecture(config.architecture).qkv_per_head) {
    std::vector<int64_t> sizes = joined.sizes().vec();
    sizes.back() = config.n_heads * config.d_head;
    const std::vector<at::Tensor> parts =
        at::unbind(joined.unflatten(-1, {config.n_heads, 3, config.d_head}), /*dim=*/-2);
    return {parts[0].reshape(sizes), parts[1].reshape(sizes), parts[2].reshape(sizes)};
  }
  const int64_t n_q = config.n_heads * config.d_head;
  const int64_t n_kv = config.n_kv_heads * config.d_head;
  const std::vector<at::Tensor> parts = at::split_with_sizes(joined, {n_q, n_kv, n_kv}, -1);
  return {parts[0], parts[1], parts[2]};
}

at::Tensor AttentionPaths::own_rows() const {
  return keys.rows.gather(1, (keys.length - 1).unsqueeze(1)).squeeze(1);
}

AttentionPaths AttentionPaths::of_queries(const at::Tensor& which) const {
  if (!which.defined()) return *this;
  const auto chosen = [&](const at::Tensor& x) { return x.defined() ? x.index_select(0, which) : x; };
  return {{chosen(keys.rows), chosen(keys.length)}, rotary, chosen(query_positions), key_positions};
}

AttentionPaths AttentionPaths::repeated(int64_t times, int64_t n_keys) const {
  if (times == 1) return *this;
  const auto copies = [&](const at::Tensor& x) { return x.defined() ? x.repeat({times}) : x; };
  const at::Tensor shift = at::arange(times, keys.rows.options()).view({-1, 1, 1}) * n_keys;
  return {{(keys.rows.unsqueeze(0) + shift).flatten(0, 1), copies(keys.length)},
          rotary,
          copies(query_positions),
          n_keys > 0 ? copies(key_positions) : key_positions};
}

at::Tensor AttentionPaths::drop_unread_keys() {
  const DistinctNodes read = distinct(keys.rows.reshape(-1));
  keys.rows = read.place.reshape(keys.rows.sizes());
  if (key_positions.defined()) key_positions = key_positions.index_select(0, read.nodes);
  return read.nodes;
}

AttentionPaths attention_paths(const Component& component, const TokenTrie& trie, const Stream& stream,
                               const at::Tensor& nodes) {
  AttentionPaths paths{.keys = key_rows(trie, stream, nodes)};
  if (const Rotary& rotary = component.layer().rotary; rotary.n_dims > 0) {
    const int64_t longest = component.config.longest_row;
    paths.rotary = rotary_table(rotary, trie.max_length(), longest > 0 ? longest : trie.max_length());
    paths.query_positions = trie.position.index_select(0, nodes);
    paths.key_positions = row_positions(trie, stream);
  }
  return paths;
}

bool has_plain_scores(const Component& component) {
  return component.layer().rotary.n_dims == 0 && component.layer().attention.soft_cap == 0 &&
         component.q_norm.kind == Norm::kNone && has_linear_values(component);
}

bool has_linear_values(const Component& component) {
  return component.config.qkv_clip == 0;
}

AttentionShape attention_shape(const ModelConfig& config) {
  return {config.n_heads, config.n_kv_heads, config.d_head};
}

at::Tensor attend(const Component& component, const Projections& rows, const AttentionPaths& paths) {
  const double clip = component.config.qkv_clip;
  const int64_t d_head = component.config.d_head;
  const auto clipped = [&](const at::Tensor& heads) { return clip > 0 ? at::clamp(heads, -clip, clip) : heads; };
  const auto turned = [&](const at::Tensor& projected, const NormMap& norm, const at::Tensor& positions) {
    const at::Tensor heads = normed_heads(clipped(projected), norm, d_head);
    return positions.defined() ? rotate(heads, positions, paths.rotary, d_head) : heads;
  };
  return trie_attention(turned(rows.q, component.q_norm, paths.query_positions),
                        turned(rows.k, component.k_norm, paths.key_positions), clipped(rows.v), paths.keys,
                        attention_shape(component.config), component.layer().attention);
}

HiddenLayer hidden_layer_of(const ModelConfig& config) {
  return {config.activation, config.d_mlp};
}

at::Tensor written_by(const Component& component, const at::Tensor& hidden, const LinearMask& mask) {
  return masked_linear(component.maps.back(), hidden, mask);
}

at::Tensor update_from(const Component& component, const at::Tensor& hidden, const LinearMask& mask) {
  return normed(written_by(component, hidden, mask), component.norm_after);
}

}  // namespace cprobe
