#include "cprobe/circuit/head_units.h"

#include "cprobe/core/error.h"
#include "cprobe/model/component.h"

namespace cprobe {

HeadUnits head_units(const Circuit& circuit, const ModelConfig& config) {
  if (circuit.component().block != Block::kAttention) {
    throw input_error("units per head: {} is no attention block", to_string(circuit.component()));
  }
  std::vector<at::Tensor> counts;
  for (size_t i = 0; i + 1 < circuit.members.size(); ++i) {
    const at::Tensor member = circuit.members[i].to(at::kLong);
    counts.push_back(circuit.unit == MaskUnit::kNeuron ? member : member.sum(0));
  }
  const Projections joined = split_projections(config, at::cat(counts));
  const auto per_head = [&](const at::Tensor& columns, int64_t n_heads) {
    const at::Tensor sums = columns.reshape({n_heads, config.d_head}).sum(1);
    return std::vector<int64_t>(sums.data_ptr<int64_t>(), sums.data_ptr<int64_t>() + n_heads);
  };
  return {per_head(joined.q, config.n_heads), per_head(joined.k, config.n_kv_heads),
          per_head(joined.v, config.n_kv_heads)};
}

bool has_head_units(const CircuitFile& file) {
  return file.components.size() == 1 && file.components.front().block == Block::kAttention;
}

}  // namespace cprobe
