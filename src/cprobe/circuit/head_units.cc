#include "cprobe/circuit/head_units.h"

#include <algorithm>
#include <iterator>

#include "cprobe/core/error.h"
#include "cprobe/model/component.h"

namespace cprobe {
namespace {

/// The head of each output of an attention block's input matrices, [sum of their n_out] int64. The
/// number of heads stands for none.
at::Tensor head_of_outputs(const ModelConfig& config, HeadPart part) {
  const int64_t n_heads = config.n_kv_heads;
  const int64_t n_outputs = (config.n_heads + 2 * n_heads) * config.d_head;
  at::Tensor heads = at::full({n_outputs}, n_heads, at::kLong);
  const auto fill = [&](const at::Tensor& outputs) {
    heads.index_copy_(0, outputs, at::arange(n_heads).repeat_interleave(outputs.size(0) / n_heads));
  };
  const Projections outputs = split_projections(config, at::arange(n_outputs));
  fill(outputs.v);
  if (part == HeadPart::kAll) {
    fill(outputs.q);
    fill(outputs.k);
  }
  return heads;
}

}  // namespace

std::vector<at::Tensor> over_outputs(const ModelConfig& config, const std::vector<MatrixInfo>& matrices, MaskUnit unit,
                                     std::vector<at::Tensor> of_units, HeadPart part) {
  if (unit != MaskUnit::kHead) return of_units;
  std::vector<at::Tensor> defined;
  std::ranges::copy_if(of_units, std::back_inserter(defined), [](const at::Tensor& x) { return x.defined(); });
  const bool has_heads = std::ranges::any_of(defined, [](const at::Tensor& x) { return x.size(-1) > 0; });
  if (!has_heads) return std::vector<at::Tensor>(of_units.size());
  const at::Tensor of_heads = at::cat(defined, -1);  // Other matrices than that of the values have no units.
  std::vector<int64_t> sizes = of_heads.sizes().vec();
  const auto ones = [&](int64_t n) {
    sizes.back() = n;
    return at::ones(sizes, of_heads.options());
  };
  const at::Tensor joined =
      at::cat({of_heads, ones(1)}, -1).index_select(-1, head_of_outputs(config, part).to(of_heads.device()));
  std::vector<at::Tensor> of_outputs;
  int64_t first = 0;
  for (size_t i = 0; i + 1 < matrices.size(); ++i) {
    of_outputs.push_back(joined.narrow(-1, first, matrices[i].n_out));
    first += matrices[i].n_out;
  }
  of_outputs.push_back(ones(matrices.back().n_out));
  return of_outputs;
}

HeadUnits head_units(const Circuit& circuit, const ModelConfig& config) {
  if (circuit.component().block != Block::kAttention) {
    throw input_error("units per head: {} is no attention block", to_string(circuit.component()));
  }
  const std::vector<at::Tensor> members =
      over_outputs(config, circuit.matrices, circuit.unit, circuit.members, HeadPart::kAll);
  std::vector<at::Tensor> counts;
  for (size_t i = 0; i + 1 < members.size(); ++i) {
    const at::Tensor member = members[i].to(at::kLong);
    counts.push_back(circuit.unit == MaskUnit::kWeight ? member.sum(0) : member);
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
