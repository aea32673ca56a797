#include "cprobe/model/masked_linear.h"

#include "cprobe/model/gemm.h"
#include "cprobe/model/scaled_rows.h"

namespace cprobe {

at::Tensor masked_linear(const Linear& map, const at::Tensor& x, const LinearMask& mask) {
  const auto& [m, fill] = mask;
  if (!m.defined()) return gemm(x, map.weight, map.bias);
  if (m.dim() == 3) return scaled_rows(gemm(x, map.weight), {}, m.squeeze(1), map.bias);
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

}  // namespace cprobe
