#include "cprobe/model/forward.h"

#include <algorithm>
#include <span>

#include "cprobe/core/error.h"
#include "cprobe/core/rows.h"
#include "cprobe/model/gemm.h"
#include "cprobe/model/rotary.h"
#include "cprobe/model/scaled_rows.h"

namespace cprobe {
namespace {

/// Nodes whose states `run_in_slabs` computes at a time, besides their ancestors: GEMMs are then large enough, and an
/// MLP's hidden layer takes 12 KB a node in GPT-2 small.
constexpr int64_t kSlab = 1024;

at::Tensor norm(const Model& model, const std::string& name, const at::Tensor& x) {
  if (find_architecture(model.config.architecture).norm == Norm::kRms) {
    const at::Tensor mean_square = at::mean(at::square(x), {1}, true);
    return x * at::rsqrt(mean_square + model.config.norm_epsilon) * model.weight(name + ".weight");
  }
  return at::layer_norm(x, {model.config.d_model}, model.weight(name + ".weight"), model.weight(name + ".bias"),
                        model.config.norm_epsilon);
}

at::Tensor activate(Activation activation, const at::Tensor& x) {
  switch (activation) {
    case Activation::kRelu:
      return at::relu(x);
    case Activation::kGeluTanh:
      return at::gelu(x, "tanh");
    case Activation::kGelu:
      return at::gelu(x);
    case Activation::kSilu:
      return at::silu(x);
  }
  throw failure("unknown activation");
}

/// row_of_node for a stream whose rows are those of `nodes`, in order.
at::Tensor index_by_node(int64_t n_nodes, const at::Tensor& nodes) {
  const at::Tensor row_of_node = at::full({n_nodes}, -1, nodes.options());
  return row_of_node.index_put_({nodes}, at::arange(nodes.size(0), nodes.options()));
}

/// `nodes` and all their ancestors, ascending.
at::Tensor with_ancestors(const TokenTrie& trie, const at::Tensor& nodes) {
  const at::Tensor wanted = at::zeros({trie.n_nodes()}, at::kBool);
  bool* flag = wanted.data_ptr<bool>();
  const int64_t* parent = trie.parent.data_ptr<int64_t>();
  const at::Tensor from = nodes.contiguous();
  for (const int64_t node : std::span(from.data_ptr<int64_t>(), static_cast<size_t>(from.size(0)))) {
    for (int64_t ancestor = node; ancestor >= 0 && !flag[ancestor]; ancestor = parent[ancestor]) flag[ancestor] = true;
  }
  return wanted.nonzero().squeeze(1);
}

/// Fills come by node, so they fit rows of a stream only where row i is node i's.
void require_row_per_node(const ComponentMask& masks, const Stream& stream, const ComponentRef& component) {
  const bool has_fill = std::ranges::any_of(masks, [](const LinearMask& mask) { return mask.fill.defined(); });
  if (has_fill && !at::equal(stream.row_of_node, at::arange(stream.row_of_node.size(0)))) {
    throw failure("{}: fills have one row per node, the stream has not; expand the stream first", to_string(component));
  }
}

struct ComponentRun {
  const Model& model;
  ComponentRef component;
  const ComponentMask* masks;  ///< Null or empty: not masked.
  const InputObserver& on_input;

  /// One matrix of the component. @param nodes of x's rows; undefined: one row per node of the trie, or rows that nodes
  /// share.
  at::Tensor apply(const std::vector<Linear>& maps, size_t matrix, const at::Tensor& x, const at::Tensor& nodes) const {
    if (masks == nullptr || masks->empty()) return masked_linear(maps[matrix], x, nullptr);
    LinearMask mask = masks->at(matrix);
    if (mask.fill.defined() && nodes.defined()) mask.fill = rows_at(mask.fill, nodes);
    return masked_linear(maps[matrix], x, &mask);
  }

  /// The matrices that read the stream, outputs joined along the columns.
  at::Tensor project_in(const std::vector<Linear>& maps, const at::Tensor& rows, const at::Tensor& nodes) const {
    const at::Tensor x = normed_input(model, component, rows);
    if (on_input) on_input(component, 0, x);
    std::vector<at::Tensor> outputs;
    for (size_t i = 0; i + 1 < maps.size(); ++i) outputs.push_back(apply(maps, i, x, nodes));
    return outputs.size() == 1 ? outputs[0] : at::cat(outputs, 1);
  }

  at::Tensor project_out(const std::vector<Linear>& maps, const at::Tensor& x, const at::Tensor& nodes) const {
    if (on_input) on_input(component, maps.size() - 1, x);
    return apply(maps, maps.size() - 1, x, nodes);
  }

  /// @param row_nodes nodes of the stream's rows; undefined: one row per node of the trie, or rows that nodes share.
  /// @param nodes     nodes to compute.
  at::Tensor attention(const TokenTrie& trie, const Stream& stream, const at::Tensor& row_nodes,
                       const at::Tensor& nodes) const {
    const std::vector<Linear> maps = model.linears(component);
    const auto weighted_values = [&] {
      const Projections rows = split_projections(model.config, project_in(maps, stream.rows, row_nodes));
      at::Tensor q = rows_at(rows.q, stream.row_of_node.index_select(0, nodes));
      at::Tensor k = rows.k;
      if (model.config.rotary.n_dims > 0) {
        const RotaryTable table = rotary_table(model.config.rotary, trie.max_length());
        q = rotate(q, trie.position.index_select(0, nodes), table, model.config.d_head);
        k = rotate(k, row_positions(trie, stream), table, model.config.d_head);
      }
      return trie_attention(q, k, rows.v, key_rows(trie, stream, nodes), attention_shape(model.config));
    };
    return project_out(maps, weighted_values(), nodes);
  }

  at::Tensor mlp(const at::Tensor& rows, const at::Tensor& nodes) const {
    const std::vector<Linear> maps = model.linears(component);
    return project_out(maps, mlp_hidden(model.config, project_in(maps, rows, nodes)), nodes);
  }
};

}  // namespace

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

at::Tensor masked_linear(const Linear& map, const at::Tensor& x, const LinearMask* mask) {
  const bool masked = mask != nullptr && mask->multiplier.defined();
  if (!masked) return gemm(x, map.weight, map.bias);
  const at::Tensor& m = mask->multiplier;
  const at::Tensor& fill = mask->fill;
  at::Tensor y;
  if (m.dim() == 1) {
    y = gemm(x, map.weight);
    if (!fill.defined()) return scaled_rows(y, {}, m, map.bias);
    y = y * m + gemm(fill, map.weight) * (1 - m);
  } else {
    const at::Tensor kept = map.weight * m;
    if (!fill.defined()) return gemm(x, kept, map.bias);
    y = gemm(x, kept) + gemm(fill, map.weight - kept);
  }
  return map.bias.defined() ? y + map.bias : y;
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

at::Tensor mlp_hidden(const ModelConfig& config, const at::Tensor& joined) {
  if (joined.size(1) == 2 * config.d_mlp) {
    const std::vector<at::Tensor> parts = at::split_with_sizes(joined, {config.d_mlp, config.d_mlp}, 1);
    return activate(config.activation, parts[0]) * parts[1];
  }
  return activate(config.activation, joined);
}

AttentionShape attention_shape(const ModelConfig& config) {
  return {config.n_heads, config.n_kv_heads, config.d_head};
}

at::Tensor normed_input(const Model& model, const ComponentRef& component, const at::Tensor& rows) {
  return norm(model, fmt::format("layers.{}.{}.norm", component.layer, to_string(component.block)), rows);
}

KeyRows key_rows(const TokenTrie& trie, const Stream& stream, const at::Tensor& nodes) {
  const Paths paths = ancestor_paths(trie, nodes);
  const at::Tensor rows = stream.row_of_node.index_select(0, paths.nodes.reshape(-1));
  if (rows.numel() > 0 && rows.min().item<int64_t>() < 0) {
    throw failure("attention reads the state of a token that was not computed");
  }
  return {rows.view(paths.nodes.sizes()), paths.length};
}

Stream embed(const Model& model, const TokenTrie& trie) {
  const int64_t n_positions = model.config.n_positions;
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
  at::Tensor rows = rows_at(model.weight("embed.token"), tokens);
  if (model.config.rotary.n_dims == 0) {
    rows = rows + rows_at(model.weight("embed.position"), pairs - tokens * n_positions);
  }
  return {rows, row_of_node};
}

at::Tensor row_positions(const TokenTrie& trie, const Stream& stream) {
  const at::Tensor nodes = (stream.row_of_node >= 0).nonzero().squeeze(1);
  return at::zeros({stream.rows.size(0)}, nodes.options())
      .index_put_({stream.row_of_node.index_select(0, nodes)}, trie.position.index_select(0, nodes));
}

Stream run_span(const Model& model, const TokenTrie& trie, Stream stream, Site from, Site to,
                const SpanOptions& options) {
  if (model.config.parallel_residual && from < to && from.next().block == Block::kMlp &&
      !stream.before_layer.defined()) {
    throw failure("{}: reads the stream before its layer, which is not given", to_string(from.next()));
  }
  Site last_attention{-1};
  for (Site site = from; site < to; ++site.index) {
    if (site.next().block == Block::kAttention) last_attention = site;
  }
  const bool reads_all = !options.read_nodes.defined();
  const at::Tensor read = reads_all ? at::arange(trie.n_nodes()) : options.read_nodes;
  const at::Tensor needed = reads_all || last_attention < from ? read : with_ancestors(trie, read);
  at::Tensor nodes;  // of the stream's rows; undefined while several nodes may share a row
  const auto keep_only = [&](const at::Tensor& wanted) {
    const at::Tensor kept = stream.row_of_node.index_select(0, wanted);
    if (stream.before_layer.defined()) stream.before_layer = rows_at(stream.before_layer, kept);
    stream.rows = rows_at(stream.rows, kept);
    stream.row_of_node = index_by_node(trie.n_nodes(), wanted);
    nodes = wanted;
  };
  if (needed.size(0) < stream.rows.size(0)) keep_only(needed);
  for (Site site = from; site < to; ++site.index) {
    const ComponentRef component = site.next();
    const auto mask = options.masks.find(component);
    const auto known = options.updates.find(component);
    if (mask != options.masks.end() && !nodes.defined()) require_row_per_node(mask->second, stream, component);
    const ComponentRun run{model, component, mask == options.masks.end() ? nullptr : &mask->second, options.on_input};
    at::Tensor update;
    if (component.block == Block::kAttention) {
      const at::Tensor computed = site == last_attention ? read : needed;
      if (known == options.updates.end()) update = run.attention(trie, stream, nodes, computed);
      keep_only(computed);
      if (model.config.parallel_residual) stream.before_layer = stream.rows;
    } else {
      if (site > last_attention && !nodes.defined()) keep_only(read);
      if (known == options.updates.end()) update = run.mlp(stream.read(), nodes);
      stream.before_layer = at::Tensor();
    }
    if (known != options.updates.end()) {
      if (!nodes.defined()) keep_only(needed);
      update = rows_at(known->second, nodes);
    }
    stream.rows = stream.rows + update;
    if (options.on_update) options.on_update(component, nodes, update, stream.rows);
  }
  return stream;
}

at::Tensor run_in_slabs(const Model& model, const TokenTrie& trie, const Stream& stream, Site from, Site to,
                        SpanOptions options, const NewRows& new_rows) {
  const at::NoGradGuard no_gradients;
  const at::Tensor nodes = options.read_nodes.defined() ? options.read_nodes : at::arange(trie.n_nodes());
  at::Tensor states = new_rows(nodes.size(0), model.config.d_model, model.device());
  in_slabs(nodes.size(0), kSlab, [&](int64_t begin, int64_t n) {
    options.read_nodes = nodes.narrow(0, begin, n);
    const Stream slab = run_span(model, trie, stream, from, to, options);
    states.narrow(0, begin, n).copy_(slab.at_nodes(options.read_nodes));
  });
  return states;
}

Stream advance(const Model& model, const TokenTrie& trie, const Stream& stream, Site from, Site to,
               const NewRows& new_rows) {
  const at::NoGradGuard no_gradients;
  if (from == to) return stream;
  const bool between_blocks = model.config.parallel_residual && to.next().block == Block::kMlp;
  if (!between_blocks) return {run_in_slabs(model, trie, stream, from, to, {}, new_rows), at::arange(trie.n_nodes())};
  const Site layer_start{to.index - 1};
  const Stream before = advance(model, trie, stream, from, layer_start, new_rows).expanded(new_rows);
  return {run_in_slabs(model, trie, before, layer_start, to, {}, new_rows), before.row_of_node, before.rows};
}

Stream stream_at(const Model& model, const TokenTrie& trie, Site site) {
  const at::NoGradGuard no_gradients;
  return advance(model, trie, embed(model, trie), Site::start(), site);
}

at::Tensor logits(const Model& model, const at::Tensor& states, const at::Tensor& vocab_rows) {
  const at::Tensor unembedding = vocab_rows.defined() ? rows_at(model.unembedding(), vocab_rows) : model.unembedding();
  return gemm(norm(model, "final_norm", states), unembedding.t());
}

}  // namespace cprobe
