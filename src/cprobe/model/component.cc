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

}  // namespace

NormMap norm_of(const Model& model, const std::string& name) {
  const Linear weights = model.linear(name);
  return {find_architecture(model.config.architecture).norm, model.config.norm_epsilon, weights.weight, weights.bias};
}

at::Tensor normed(const at::Tensor& x, const NormMap& norm) {
  switch (norm.kind) {
    case Norm::kLayer:
      return at::layer_norm(x, {x.size(1)}, norm.weight, norm.bias, norm.epsilon);
    case Norm::kRms:
      return x * at::rsqrt(at::mean(at::square(x), {1}, true) + norm.epsilon) * norm.weight;
  }
  throw failure("unknown norm");
}

Component component_of(const Model& model, const ComponentRef& ref) {
  return {.ref = ref,
          .config = model.config,
          .norm = norm_of(model, fmt::format("layers.{}.{}.norm", ref.layer, to_string(ref.block))),
          .maps = model.linears(ref)};
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
    paths.rotary = rotary_table(rotary, trie.max_length());
    paths.query_positions = trie.position.index_select(0, nodes);
    paths.key_positions = row_positions(trie, stream);
  }
  return paths;
}

bool has_plain_scores(const Component& component) {
  return component.layer().rotary.n_dims == 0 && component.layer().attention.soft_cap == 0;
}

AttentionShape attention_shape(const ModelConfig& config) {
  return {config.n_heads, config.n_kv_heads, config.d_head};
}

at::Tensor attend(const Component& component, const Projections& rows, const AttentionPaths& paths) {
  const auto turned = [&](const at::Tensor& heads, const at::Tensor& positions) {
    return positions.defined() ? rotate(heads, positions, paths.rotary, component.config.d_head) : heads;
  };
  return trie_attention(turned(rows.q, paths.query_positions), turned(rows.k, paths.key_positions), rows.v, paths.keys,
                        attention_shape(component.config), component.layer().attention);
}

HiddenLayer hidden_layer_of(const ModelConfig& config) {
  return {config.activation, config.d_mlp};
}

at::Tensor update_from(const Component& component, const at::Tensor& hidden, const LinearMask& mask) {
  return masked_linear(component.maps.back(), hidden, mask);
}

}  // namespace cprobe
