#include "cprobe/model/rotary.h"

#include <numbers>

namespace cprobe {
namespace {

at::Tensor frequencies(const Rotary& rotary) {
  const at::Tensor i = at::arange(0, rotary.n_dims, 2, at::kFloat);
  at::Tensor frequency = at::reciprocal(at::pow(rotary.base, i / static_cast<double>(rotary.n_dims)));
  const RotaryScaling& scaling = rotary.scaling;
  switch (scaling.kind) {
    case RotaryScaling::Kind::kNone:
      return frequency;
    case RotaryScaling::Kind::kLinear:
      return frequency / scaling.factor;
    case RotaryScaling::Kind::kLlama3:
      break;
  }
  // Turns within the original context. Between the bounds low_frequency and high_frequency, the
  // share of the frequency that is kept rises from 0 to 1.
  const at::Tensor turns = static_cast<double>(scaling.n_original_positions) * frequency / (2 * std::numbers::pi);
  const at::Tensor kept =
      ((turns - scaling.low_frequency) / (scaling.high_frequency - scaling.low_frequency)).clamp(0, 1);
  return frequency * kept + frequency / scaling.factor * (1 - kept);
}

}  // namespace

RotaryTable rotary_table(const Rotary& rotary, int64_t n_positions) {
  const at::Tensor angle = at::outer(at::arange(n_positions, at::kFloat), frequencies(rotary));
  return {at::cos(angle), at::sin(angle)};
}

at::Tensor rotate(const at::Tensor& x, const at::Tensor& positions, const RotaryTable& table, int64_t d_head) {
  const int64_t n_half = table.cos.size(1);
  const at::Tensor heads = x.reshape({x.size(0), -1, d_head});
  const at::Tensor first = heads.narrow(2, 0, n_half);
  const at::Tensor second = heads.narrow(2, n_half, n_half);
  const at::Tensor cos = table.cos.index_select(0, positions).to(x.device(), x.scalar_type()).unsqueeze(1);
  const at::Tensor sin = table.sin.index_select(0, positions).to(x.device(), x.scalar_type()).unsqueeze(1);
  std::vector<at::Tensor> parts = {first * cos - second * sin, second * cos + first * sin};
  if (d_head > 2 * n_half) parts.push_back(heads.narrow(2, 2 * n_half, d_head - 2 * n_half));
  return at::cat(parts, 2).reshape(x.sizes());
}

}  // namespace cprobe
