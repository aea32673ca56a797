#include "cprobe/evaluate/controls.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace cprobe {
namespace {

/// Draws `n` units of a pool.
/// @param pool   [n_pool] int64: numbers of units of the flattened matrix, n <= n_pool.
/// @param shape  of the matrix's units.
at::Tensor drawn_from(const at::Tensor& pool, int64_t n, at::IntArrayRef shape, at::Generator& generator) {
  const at::Tensor order = at::randperm(pool.size(0), generator, at::kLong);
  at::Tensor units = at::zeros(shape, at::kBool);
  units.view(-1).index_fill_(0, pool.index_select(0, order.narrow(0, 0, n)), true);
  return units;
}

}  // namespace

void add_beside_controls(std::vector<Metric>& metrics, Metric figure, const std::vector<double>& draws,
                         Stronger stronger, const std::string& control, const std::string& note) {
  if (!draws.empty()) figure.p = p_value(figure.value, draws, stronger);
  metrics.push_back(figure);
  if (!draws.empty()) metrics.push_back(control_metric(figure.metric, draws, control, note));
}

Seed seed_of_random_sets(const Circuit& circuit, uint64_t seed) {
  const auto model = circuit.provenance.find("model_fingerprint");
  return Seed(seed)
      .derive("random sets")
      .derive(model == circuit.provenance.end() ? std::string() : model->second)
      .derive(to_string(circuit.component()));
}

std::vector<at::Tensor> draw_random_units(const std::vector<at::Tensor>& members, RandomSets sets,
                                          at::Generator& generator) {
  const std::vector<bool> from_all = drawn_from_all(members);
  std::vector<at::Tensor> units;
  units.reserve(members.size());
  for (size_t i = 0; i < members.size(); ++i) {
    const at::Tensor member = members[i].reshape(-1);
    if (sets == RandomSets::kUniform) {
      const at::Tensor order = at::randperm(member.numel(), generator, at::kLong);
      units.push_back(member.index_select(0, order).reshape(members[i].sizes()));
      continue;
    }
    const at::Tensor pool = from_all[i] ? at::arange(member.numel()) : member.logical_not().nonzero().squeeze(1);
    units.push_back(drawn_from(pool, member.sum().item<int64_t>(), members[i].sizes(), generator));
  }
  return units;
}

std::vector<at::Tensor> draw_input_halves(const std::vector<MatrixInfo>& matrices, MaskUnit unit,
                                          at::Generator& generator) {
  std::vector<at::Tensor> units;
  units.reserve(matrices.size());
  for (const MatrixInfo& matrix : matrices) units.push_back(at::ones(unit_shape(matrix, unit), at::kBool));
  for (size_t i = 0; i + 1 < units.size(); ++i) {
    units[i] = drawn_from(at::arange(units[i].numel()), units[i].numel() / 2, units[i].sizes(), generator);
  }
  return units;
}

std::vector<bool> drawn_from_all(const std::vector<at::Tensor>& members) {
  std::vector<bool> from_all;
  from_all.reserve(members.size());
  for (const at::Tensor& member : members) from_all.push_back(2 * member.sum().item<int64_t>() > member.numel());
  return from_all;
}

}  // namespace cprobe
