#include "cprobe/evaluate/controls.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace cprobe {

void add_beside_controls(std::vector<Metric>& metrics, Metric figure, const std::vector<double>& draws,
                         Stronger stronger, const std::string& control, const std::string& note) {
  if (!draws.empty()) figure.p = p_value(figure.value, draws, stronger);
  metrics.push_back(figure);
  if (!draws.empty()) metrics.push_back(control_metric(figure.metric, draws, control, note));
}

std::vector<at::Tensor> draw_random_units(const std::vector<at::Tensor>& members, at::Generator& generator) {
  const std::vector<bool> from_all = drawn_from_all(members);
  std::vector<at::Tensor> units;
  for (size_t i = 0; i < members.size(); ++i) {
    const at::Tensor member = members[i].reshape(-1);
    const at::Tensor pool = from_all[i] ? at::arange(member.size(0)) : member.logical_not().nonzero().squeeze(1);
    const at::Tensor order = at::randperm(pool.size(0), generator, at::kLong);
    const at::Tensor pick = pool.index_select(0, order.narrow(0, 0, member.sum().item<int64_t>()));
    units.push_back(at::zeros_like(member).index_fill_(0, pick, true).view(members[i].sizes()));
  }
  return units;
}

std::vector<bool> drawn_from_all(const std::vector<at::Tensor>& members) {
  std::vector<bool> from_all;
  for (const at::Tensor& member : members) from_all.push_back(2 * member.sum().item<int64_t>() > member.numel());
  return from_all;
}

}  // namespace cprobe
