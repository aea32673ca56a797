#include "cprobe/circuit/masked_view.h"

#include "cprobe/core/error.h"

namespace cprobe {

std::map<ComponentRef, ComponentMask> component_masks(const Model& model, const std::vector<MatrixInfo>& matrices,
                                                      const std::vector<at::Tensor>& multipliers) {
  std::map<ComponentRef, ComponentMask> masks;
  for (size_t i = 0; i < matrices.size(); ++i) {
    ComponentMask& mask = masks[matrices[i].component];
    mask.push_back({.multiplier = multipliers[i].defined() ? multipliers[i].to(model.device()) : at::Tensor()});
  }
  return masks;
}

MaskedComponents::MaskedComponents(const Model& model, std::vector<ComponentRef> components, MaskUnit unit)
    : model_(model), components_(std::move(components)), unit_(unit) {
  for (const ComponentRef& component : components_) {
    for (MatrixInfo& matrix : matrices_of(model.config, component)) matrices_.push_back(std::move(matrix));
  }
}

std::vector<at::Tensor> MaskedComponents::weights() const {
  std::vector<at::Tensor> all;
  for (const ComponentRef& component : components_) {
    for (const Linear& map : model_.linears(component)) all.push_back(map.weight);
  }
  return all;
}

MaskedView::MaskedView(const MaskedComponents& masked, const TokenTrie& trie, at::Tensor nodes, Seen what)
    : masked_(masked), trie_(trie), nodes_(std::move(nodes)) {
  const at::NoGradGuard no_gradients;
  Stream before = stream_at(masked.model(), trie, masked.from());
  if (what == Seen::kState) {
    before_ = std::move(before);
    return;
  }
  if (masked.components().size() > 1) throw failure("masks: the update of {} components", masked.components().size());
  component_.emplace(masked.model(), masked.components().front(), masked.unit(), trie, before, nodes_);
}

at::Tensor MaskedView::seen(const std::vector<at::Tensor>& multipliers, const at::Tensor& which) const {
  if (component_) return component_->updates(multipliers, which).cpu();
  const Model& model = masked_.model();
  const DistinctNodes read = distinct(which.defined() ? nodes_.index_select(0, which) : nodes_);
  const SpanOptions options{.read_nodes = read.nodes, .masks = component_masks(model, masked_.matrices(), multipliers)};
  const at::Tensor states =
      which.defined() ? run_span(model, trie_, before_, masked_.from(), masked_.to(), options).at_nodes(read.nodes)
                      : run_in_slabs(model, trie_, before_, masked_.from(), masked_.to(), options);
  return states.cpu().index_select(0, read.place);
}

}  // namespace cprobe
