#include "cprobe/evaluate/exchanged_component.h"

#include "cprobe/circuit/head_units.h"
#include "cprobe/core/error.h"
#include "cprobe/core/rows.h"

namespace cprobe {

ExchangedComponent::ExchangedComponent(const Model& model, const ComponentRef& component, MaskUnit unit,
                                       const TokenTrie& trie, const Stream& base, const Stream& donor,
                                       const at::Tensor& nodes)
    : component_(component_of(model, component)),
      unit_(unit),
      matrices_(matrices_of(model.config, component)),
      nodes_(nodes) {
  if (component.block == Block::kAttention) paths_ = attention_paths(component_, trie, base, nodes);
  sides_ = {untouched_on(base), untouched_on(donor)};
}

ExchangedComponent::Untouched ExchangedComponent::untouched_on(const Stream& stream) const {
  const bool attention = component_.ref.block == Block::kAttention;
  const at::Tensor x = normed_input(component_, attention ? stream.read() : rows_at(stream.read(), nodes_));
  const at::Tensor joined = project_in(component_, x);
  const at::Tensor z = hidden(joined);
  const at::Tensor written = written_by(component_, z);
  const at::Tensor update = normed(written, component_.norm_after);
  if (unit_ != MaskUnit::kWeight) return {.first = joined, .written = written, .update = update};
  return {.first = x, .hidden = z, .update = update};
}

at::Tensor ExchangedComponent::hidden(const at::Tensor& joined) const {
  if (component_.ref.block == Block::kMlp) return hidden_layer(hidden_layer_of(component_.config), joined);
  Projections rows = split_projections(component_.config, joined);
  rows.q = rows_at(rows.q, nodes_);
  return attend(component_, rows, paths_);
}

std::vector<at::Tensor> ExchangedComponent::checked(const std::vector<at::Tensor>& members) const {
  if (members.size() != matrices_.size()) {
    throw failure("{}: units of {} matrices to exchange, expected {}", to_string(component_.ref), members.size(),
                  matrices_.size());
  }
  std::vector<at::Tensor> units;
  for (size_t i = 0; i < members.size(); ++i) {
    const std::vector<int64_t> shape = unit_shape(matrices_[i], unit_);
    if (members[i].sizes() != at::IntArrayRef(shape)) {
      throw failure("{}: units to exchange are [{}], expected [{}]", matrices_[i].name,
                    fmt::join(members[i].sizes(), ", "), fmt::join(shape, ", "));
    }
    units.push_back(members[i].to(sides_[0].update.device(), at::kBool));
  }
  return over_outputs(component_.config, matrices_, unit_, std::move(units), HeadPart::kAll);
}

at::Tensor ExchangedComponent::along_paths(const std::vector<at::Tensor>& members, ExchangeSide own_side) const {
  const bool is_base = own_side == ExchangeSide::kBase;
  const Untouched& own = untouched(own_side);
  const Untouched& other = untouched(is_base ? ExchangeSide::kDonor : ExchangeSide::kBase);
  std::vector<at::Tensor> units = checked(members);
  const at::Tensor last = units.back();
  units.pop_back();
  if (unit_ != MaskUnit::kWeight) {
    // Picks outputs and does not weigh them, so that units with their own input keep their bits.
    const at::Tensor z_mix = hidden(at::where(at::cat(units), other.first, own.first));
    return normed(at::where(last, written_by(component_, z_mix), own.written), component_.norm_after);
  }
  ComponentMask masks;
  for (const at::Tensor& unit : units) {
    masks.push_back({.multiplier = unit.logical_not().to(at::kFloat), .fill = other.first});
  }
  const at::Tensor z_mix = hidden(project_in(component_, own.first, masks));
  return update_from(component_, z_mix, {.multiplier = last.to(at::kFloat), .fill = own.hidden});
}

}  // namespace cprobe
