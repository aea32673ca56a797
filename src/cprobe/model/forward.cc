#include "cprobe/model/forward.h"

#include <algorithm>

#include "cprobe/core/error.h"
#include "cprobe/core/rows.h"

namespace cprobe {
namespace {

/// Nodes of one slab, ancestors not counted. Large enough for fast GEMMs, small enough for memory:
/// an MLP's hidden layer takes 12 KB per node in GPT-2 small.
constexpr int64_t kSlab = 1024;

/// `row_of_node` of a stream whose row i is the state of nodes[i].
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

/// Refuses fills unless row i of the stream is the state of node i, as row i of a fill belongs to
/// node i.
void require_row_per_node(const ComponentMask& masks, const Stream& stream, const ComponentRef& component) {
  const bool has_fill = std::ranges::any_of(masks, [](const LinearMask& mask) { return mask.fill.defined(); });
  if (has_fill && !at::equal(stream.row_of_node, at::arange(stream.row_of_node.size(0)))) {
    throw failure("{}: fills have one row per node, the stream has not; expand the stream first", to_string(component));
  }
}

/// The mask of one matrix, with fills for some rows.
/// @param nodes  nodes of the rows. Undefined: fills stay as they are, and need one row per node.
LinearMask mask_of(const ComponentMask& masks, size_t matrix, const at::Tensor& nodes) {
  if (masks.empty()) return {};
  LinearMask mask = masks.at(matrix);
  if (mask.fill.defined() && nodes.defined()) mask.fill = rows_at(mask.fill, nodes);
  return mask;
}

/// The update of a component at some nodes.
/// @param row_nodes  nodes of the stream's rows. Undefined: as in `mask_of`.
/// @param nodes      nodes to compute. For an MLP: the nodes of the stream's rows.
at::Tensor update_of(const Component& component, const TokenTrie& trie, const Stream& stream,
                     const at::Tensor& row_nodes, const at::Tensor& nodes, const ComponentMask& masks,
                     const InputObserver& on_input) {
  const size_t last = component.maps.size() - 1;
  const auto shown = [&](size_t matrix, at::Tensor x) {
    if (on_input) on_input(component.ref, matrix, x);
    return x;
  };
  const auto joined = [&] {
    ComponentMask input_masks;
    for (size_t i = 0; i < last; ++i) input_masks.push_back(mask_of(masks, i, row_nodes));
    return project_in(component, shown(0, normed_input(component, stream.read())), input_masks);
  };
  const auto hidden = [&] {
    if (component.ref.block == Block::kMlp) return hidden_layer(hidden_layer_of(component.config), joined());
    Projections rows = split_projections(component.config, joined());
    rows.q = rows_at(rows.q, stream.row_of_node.index_select(0, nodes));
    return attend(component, rows, attention_paths(component, trie, stream, nodes));
  };
  return update_from(component, shown(last, hidden()), mask_of(masks, last, nodes));
}

}  // namespace

Stream run_span(const Model& model, const TokenTrie& trie, Stream stream, Site from, Site to,
                const SpanOptions& options) {
  if (from < to && reads_before_layer(model.config, from.next()) && !stream.before_layer.defined()) {
    throw failure("{}: reads the stream before its layer, which is not given", to_string(from.next()));
  }
  Site last_attention{-1};
  for (Site site = from; site < to; ++site.index) {
    if (site.next().block == Block::kAttention) last_attention = site;
  }
  const bool reads_all = !options.read_nodes.defined();
  const at::Tensor read = reads_all ? at::arange(trie.n_nodes()) : options.read_nodes;
  const at::Tensor needed = reads_all || last_attention < from ? read : with_ancestors(trie, read);
  at::Tensor nodes;  // nodes of the stream's rows; undefined while several nodes may share a row
  const auto keep_only = [&](const at::Tensor& wanted) {
    stream = stream.selected(stream.row_of_node.index_select(0, wanted), index_by_node(trie.n_nodes(), wanted));
    nodes = wanted;
  };
  if (needed.size(0) < stream.rows.size(0)) keep_only(needed);
  for (Site site = from; site < to; ++site.index) {
    const ComponentRef component = site.next();
    const auto mask = options.masks.find(component);
    const auto known = options.updates.find(component);
    if (mask != options.masks.end() && !nodes.defined()) require_row_per_node(mask->second, stream, component);
    const auto compute = [&](const at::Tensor& computed) {
      return update_of(component_of(model, component), trie, stream, nodes, computed,
                       mask == options.masks.end() ? ComponentMask() : mask->second, options.on_input);
    };
    at::Tensor update;
    if (component.block == Block::kAttention) {
      const at::Tensor computed = site == last_attention ? read : needed;
      if (known == options.updates.end()) update = compute(computed);
      keep_only(computed);
      stream.begin_layer(model.config, component.layer);
    } else {
      if (site > last_attention && !nodes.defined()) keep_only(read);
      if (known == options.updates.end()) update = compute(nodes);
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
  if (!reads_before_layer(model.config, to.next())) {
    return {run_in_slabs(model, trie, stream, from, to, {}, new_rows), at::arange(trie.n_nodes())};
  }
  const Site layer_start{to.index - 1};
  const Stream before = advance(model, trie, stream, from, layer_start, new_rows).expanded(new_rows);
  return {run_in_slabs(model, trie, before, layer_start, to, {}, new_rows), before.row_of_node, before.rows};
}

std::map<ComponentRef, at::Tensor> unaffected_updates(const Model& model, const TokenTrie& trie, const Stream& before,
                                                      const ComponentRef& component) {
  const at::NoGradGuard no_gradients;
  const ComponentRef mlp{component.layer, Block::kMlp};
  if (component == mlp || !reads_before_layer(model.config, mlp)) return {};
  Stream mid = before.expanded();
  mid.begin_layer(model.config, component.layer);
  return {{mlp, run_in_slabs(model, trie, mid, Site::before(mlp), Site::after(mlp)) - mid.rows}};
}

Stream stream_at(const Model& model, const TokenTrie& trie, Site site) {
  const at::NoGradGuard no_gradients;
  return advance(model, trie, embed(model, trie), Site::start(), site);
}

}  // namespace cprobe
