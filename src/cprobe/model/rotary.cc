#include "cprobe/model/rotary.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "cprobe/core/error.h"

namespace cprobe {
namespace {

/// The number, not whole, of the coordinate pair that makes so many turns within the original
/// context, times two.
double coordinate_of_turns(const Rotary& rotary, double turns) {
  const auto n = static_cast<double>(rotary.n_dims);
  const auto positions = static_cast<double>(rotary.scaling.n_original_positions);
  return n * std::log(positions / (2 * std::numbers::pi * turns)) / (2 * std::log(rotary.base));
}

/// The share of each frequency that yarn keeps (Peng et al. 2023, arXiv 2309.00071), [n_dims / 2]:
/// 1 for the high ones, falling to 0 for the low ones.
at::Tensor kept_by_yarn(const Rotary& rotary) {
  double low = coordinate_of_turns(rotary, rotary.scaling.high_frequency);
  double high = coordinate_of_turns(rotary, rotary.scaling.low_frequency);
  if (rotary.scaling.whole_bounds) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, static_cast<double>(rotary.n_dims - 1));
  if (low == high) high += 0.001;
  return 1 - ((at::arange(rotary.n_dims / 2, at::kFloat) - low) / (high - low)).clamp(0, 1);
}

/// The base that dynamic scaling makes of the model's.
double dynamic_base(const Rotary& rotary, int64_t longest_row) {
  const RotaryScaling& scaling = rotary.scaling;
  if (longest_row <= scaling.n_original_positions) return rotary.base;
  const double times = static_cast<double>(longest_row) / static_cast<double>(scaling.n_original_positions);
  const auto n = static_cast<double>(rotary.n_dims);
  return rotary.base * std::pow(scaling.factor * times - (scaling.factor - 1), n / (n - 2));
}

at::Tensor frequencies(const Rotary& rotary, int64_t longest_row) {
  using Kind = RotaryScaling::Kind;
  const RotaryScaling& scaling = rotary.scaling;
  const at::Tensor i = at::arange(0, rotary.n_dims, 2, at::kFloat);
  const double base = scaling.kind == Kind::kDynamic ? dynamic_base(rotary, longest_row) : rotary.base;
  const at::Tensor frequency = at::reciprocal(at::pow(base, i / static_cast<double>(rotary.n_dims)));
  switch (scaling.kind) {
    case Kind::kNone:
    case Kind::kDynamic:
      return frequency;
    case Kind::kLinear:
      return frequency / scaling.factor;
    case Kind::kLlama3: {
      // Turns within the original context. Between the bounds low_frequency and high_frequency, the
      // share of the frequency that is kept rises from 0 to 1.
      const at::Tensor turns = static_cast<double>(scaling.n_original_positions) * frequency / (2 * std::numbers::pi);
      const at::Tensor kept =
          ((turns - scaling.low_frequency) / (scaling.high_frequency - scaling.low_frequency)).clamp(0, 1);
      return frequency * kept + frequency / scaling.factor * (1 - kept);
    }
    case Kind::kYarn: {
      const at::Tensor kept = kept_by_yarn(rotary);
      return frequency * kept + frequency / scaling.factor * (1 - kept);
    }
    case Kind::kLongrope:
      return frequency /
             at::tensor(longest_row > scaling.n_original_positions ? scaling.long_factors : scaling.short_factors,
                        at::kFloat);
  }
  throw failure("unknown rotary scaling");
}

}  // namespace

RotaryTable rotary_table(const Rotary& rotary, int64_t n_positions, int64_t longest_row) {
  const at::Tensor angle = at::outer(at::arange(n_positions, at::kFloat), frequencies(rotary, longest_row));
  RotaryTable table{at::cos(angle), at::sin(angle), rotary.turns_neighbours};
  if (rotary.scaling.amplitude != 1) {
    table.cos = table.cos * rotary.scaling.amplitude;
    table.sin = table.sin * rotary.scaling.amplitude;
  }
  return table;
}

at::Tensor rotate(const at::Tensor& x, const at::Tensor& positions, const RotaryTable& table, int64_t d_head) {
  const int64_t n_half = table.cos.size(1);
  const at::Tensor heads = x.reshape({x.size(0), -1, d_head});
  const at::Tensor turned = heads.narrow(2, 0, 2 * n_half);
  const at::Tensor first = table.turns_neighbours ? turned.slice(2, 0, {}, 2) : turned.narrow(2, 0, n_half);
  const at::Tensor second = table.turns_neighbours ? turned.slice(2, 1, {}, 2) : turned.narrow(2, n_half, n_half);
  const at::Tensor cos = table.cos.index_select(0, positions).to(x.device(), x.scalar_type()).unsqueeze(1);
  const at::Tensor sin = table.sin.index_select(0, positions).to(x.device(), x.scalar_type()).unsqueeze(1);
  std::vector<at::Tensor> parts = {first * cos - second * sin, second * cos + first * sin};
  if (table.turns_neighbours) parts = {at::stack(parts, 3).flatten(2)};
  if (d_head > 2 * n_half) parts.push_back(heads.narrow(2, 2 * n_half, d_head - 2 * n_half));
  return at::cat(parts, 2).reshape(x.sizes());
}

}  // namespace cprobe
