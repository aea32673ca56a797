#include "cprobe/plant/exchanged_rows.h"

#include <ATen/ATen.h>

#include "cprobe/core/error.h"
#include "cprobe/model/forward.h"

namespace cprobe {

TokenTrie unshared(const TokenTrie& trie, const at::Tensor& rows) {
  TokenTrie result;
  std::vector<int64_t> token, position, parent;
  const auto row_numbers = rows.accessor<int64_t, 1>();
  const int64_t* tokens = trie.token.data_ptr<int64_t>();
  for (int64_t r = 0; r < rows.size(0); ++r) {
    const std::span<const int64_t> nodes = trie.row(row_numbers[r]);
    for (size_t i = 0; i < nodes.size(); ++i) {
      parent.push_back(i == 0 ? -1 : static_cast<int64_t>(token.size()) - 1);
      result.row_nodes.push_back(static_cast<int64_t>(token.size()));
      token.push_back(tokens[nodes[i]]);
      position.push_back(static_cast<int64_t>(i));
    }
    result.row_begin.push_back(static_cast<int64_t>(result.row_nodes.size()));
  }
  result.token = at::tensor(token, at::kLong);
  result.position = at::tensor(position, at::kLong);
  result.parent = at::tensor(parent, at::kLong);
  return result;
}

ExchangedRows::Parts ExchangedRows::parts(const Model& model, const ComponentRef& component, const TokenTrie& trie,
                                          const at::Tensor& rows, const at::Tensor& donors) {
  require_component(model.config, component);
  if (reads_before_layer(model.config, {component.layer, Block::kMlp})) {
    throw input_error("{}: exchanging rows of a planted model needs MLPs that read what attention writes",
                      to_string(component));
  }
  Parts parts{.trie = unshared(trie, rows)};
  parts.last = parts.trie.nodes_at(-1);
  const bool is_last_layer = component.layer + 1 == model.config.n_layers;
  const at::Tensor all = at::arange(parts.trie.n_nodes(), at::kLong);
  parts.written = is_last_layer ? parts.last : all;
  parts.places = parts.written;
  // Nodes of the trie for each node of the unshared one.
  const auto shared_nodes = [&](const at::Tensor& numbers) {
    std::vector<int64_t> nodes;
    const auto accessor = numbers.accessor<int64_t, 1>();
    for (int64_t r = 0; r < numbers.size(0); ++r) {
      const std::span<const int64_t> row = trie.row(accessor[r]);
      nodes.insert(nodes.end(), row.begin(), row.end());
    }
    return at::tensor(nodes, at::kLong);
  };
  const at::Tensor base_nodes = shared_nodes(rows), donor_nodes = shared_nodes(donors);
  if (base_nodes.size(0) != donor_nodes.size(0)) throw failure("rows and donors have other lengths");
  const Site site = Site::before(component);
  if (is_last_layer && component.block == Block::kMlp) {
    // Nothing reads other tokens any more.
    const at::Tensor needed = distinct(trie.nodes_at(-1)).nodes;
    const Stream stream = run_span(model, trie, embed(model, trie), Site::start(), site, {.read_nodes = needed});
    at::Tensor row_of_node = at::full({parts.trie.n_nodes()}, -1, at::kLong);
    parts.places = at::arange(parts.last.size(0), at::kLong);
    row_of_node.index_put_({parts.last}, parts.places);
    parts.before = {stream.at_nodes(base_nodes.index_select(0, parts.last)), row_of_node};
    parts.donor_before = {stream.at_nodes(donor_nodes.index_select(0, parts.last)), row_of_node};
    return parts;
  }
  const Stream stream = run_span(model, trie, embed(model, trie), Site::start(), site);
  parts.before = {stream.at_nodes(base_nodes), all};
  parts.donor_before = {stream.at_nodes(donor_nodes), all};
  return parts;
}

ExchangedRows::ExchangedRows(const Model& model, const ComponentRef& component, const TokenTrie& trie,
                             const at::Tensor& rows, const at::Tensor& donors)
    : ExchangedRows(model, component, parts(model, component, trie, rows, donors)) {}

ExchangedRows::ExchangedRows(const Model& model, const ComponentRef& component, Parts parts)
    : model_(model),
      ref_(component),
      parts_(std::move(parts)),
      component_(model, component, MaskUnit::kNeuron, parts_.trie, parts_.before, parts_.donor_before, parts_.places) {}

at::Tensor ExchangedRows::at_last_tokens(const at::Tensor& update, const at::Tensor& which) const {
  if (parts_.written.size(0) == parts_.last.size(0)) return update;
  // A node keeps its own update if its row is one of those, and the node is not the row's last.
  std::vector<int64_t> row_of_node;
  for (int64_t r = 0; r < parts_.trie.n_rows(); ++r) {
    row_of_node.insert(row_of_node.end(), parts_.trie.row(r).size(), r);
  }
  at::Tensor keeps = which.index_select(0, at::tensor(row_of_node, at::kLong));
  keeps = keeps.index_fill(0, parts_.last, false);
  return at::where(keeps.unsqueeze(1), component_.update(ExchangeSide::kBase), update);
}

at::Tensor ExchangedRows::logits_after(const at::Tensor& update) const {
  at::Tensor all = update;
  if (parts_.written.size(0) < parts_.trie.n_nodes()) {
    all = at::zeros({parts_.trie.n_nodes(), update.size(1)}, update.options()).index_copy(0, parts_.written, update);
  }
  const Stream end = run_span(model_, parts_.trie, parts_.before, Site::before(ref_), Site::end(model_.config),
                              {.read_nodes = parts_.last, .updates = {{ref_, all}}});
  return logits(model_, end.at_nodes(parts_.last));
}

}  // namespace cprobe
