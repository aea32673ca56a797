#include "cprobe/circuit/open_units.h"

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>

#include "cprobe/circuit/soft_nearest_neighbours.h"
#include "cprobe/core/error.h"
#include "cprobe/core/vector_clones.h"
#include "cprobe/model/gemm.h"

namespace cprobe {
namespace {

/// Rows whose gradients are summed by one thread. Fixed, so that sums do not depend on the number
/// of threads.
constexpr int64_t kChunk = 64;

/// Entries of a vector.
std::vector<float> entries(const float* of, std::span<const int32_t> units) {
  std::vector<float> found(units.size());
  std::ranges::transform(units, found.begin(), [&](int32_t unit) { return of[unit]; });
  return found;
}

/// Some columns of some rows of x, and where their scaled values are.
struct Columns {
  const float* x;
  int64_t stride;
  const int64_t* rows;  ///< Null: all rows in order.
  std::span<const int32_t> units;
  std::vector<float> scale;

  const float* row(int64_t i) const { return x + (rows == nullptr ? i : rows[i]) * stride; }
};

CPROBE_VECTOR_CLONES
void scale_columns(const Columns& from, const float* shift, int64_t begin, int64_t end, float* to) {
  const auto n = static_cast<int64_t>(from.units.size());
  const int32_t* units = from.units.data();
  const float* scale = from.scale.data();
  for (int64_t i = begin; i < end; ++i) {
    const float* x = from.row(i);
    float* y = to + i * n;
#pragma omp simd
    for (int64_t c = 0; c < n; ++c) y[c] = x[units[c]] * scale[c] + shift[c];
  }
}

/// Adds to dscale from the gradients dy of rows [begin, end); writes rows of dx, [*, dx_stride],
/// unless it is null.
CPROBE_VECTOR_CLONES
void differentiate_columns(const Columns& from, const float* dy, int64_t begin, int64_t end, float* dscale, float* dx,
                           int64_t dx_stride) {
  const auto n = static_cast<int64_t>(from.units.size());
  const int32_t* units = from.units.data();
  const float* scale = from.scale.data();
  for (int64_t i = begin; i < end; ++i) {
    const float *x = from.row(i), *by = dy + i * n;
#pragma omp simd
    for (int64_t c = 0; c < n; ++c) dscale[c] += by[c] * x[units[c]];
    if (dx == nullptr) continue;
    float* to = dx + i * dx_stride;
#pragma omp simd
    for (int64_t c = 0; c < n; ++c) to[units[c]] = by[c] * scale[c];
  }
}

class OpenColumns : public torch::autograd::Function<OpenColumns> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x,
                            const c10::optional<at::Tensor>& some_rows, const at::Tensor& scale,
                            const at::Tensor& shift, const OpenUnits& open) {
    const at::Tensor rows = some_rows.value_or(at::Tensor());
    const int64_t n = rows.defined() ? rows.size(0) : x.size(0) / open.n_masks();
    at::Tensor y = at::empty({n * open.n()}, x.options());
    by_chunks(open, n, [&](int64_t mask, int64_t begin, int64_t end) {
      const std::vector<float> shifts = entries(shift.data_ptr<float>(), open.of(mask));
      scale_columns(columns_of(x, rows, scale, open, mask, n), shifts.data(), begin, end,
                    y.data_ptr<float>() + n * open.first_of(mask));
    });
    context->save_for_backward({x, rows, scale, open.first, open.units});
    context->saved_data["n"] = n;
    return y;
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               torch::autograd::tensor_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &rows = saved[1], &scale = saved[2], dy = gradients[0].contiguous();
    const int64_t n = context->saved_data["n"].toInt(), n_chunks = (n + kChunk - 1) / kChunk;
    const OpenUnits open{.first = saved[3], .units = saved[4]};
    const at::Tensor dx = x.requires_grad() ? at::zeros(x.sizes(), dy.options()) : at::Tensor();
    const at::Tensor sums = at::zeros({n_chunks, open.n()}, dy.options());
    by_chunks(open, n, [&](int64_t mask, int64_t begin, int64_t end) {
      const int64_t first = open.first_of(mask);
      differentiate_columns(columns_of(x, rows, scale, open, mask, n), dy.data_ptr<float>() + n * first, begin, end,
                            sums.data_ptr<float>() + begin / kChunk * open.n() + first,
                            dx.defined() ? dx.data_ptr<float>() + mask * n * dx.size(1) : nullptr, x.size(1));
    });
    const at::Tensor totals = sums.sum(0), dscale = at::zeros(scale.sizes(), dy.options());
    for (int64_t mask = 0; mask < open.n_masks(); ++mask) {
      const float* total = totals.data_ptr<float>() + open.first_of(mask);
      for (const int32_t unit : open.of(mask)) dscale.data_ptr<float>()[mask * scale.size(1) + unit] = *total++;
    }
    return {dx, at::Tensor(), dscale, at::Tensor(), at::Tensor()};
  }

 private:
  /// Calls `work(mask, begin, end)` for chunks of each mask's n rows, in parallel.
  template <typename Work>
  static void by_chunks(const OpenUnits& open, int64_t n, const Work& work) {
    const int64_t n_chunks = (n + kChunk - 1) / kChunk;
    at::parallel_for(0, open.n_masks() * n_chunks, 1, [&](int64_t first, int64_t last) {
      const at::NoGradGuard no_gradients;  // the gradient mode is per thread
      for (int64_t number = first; number < last; ++number) {
        const int64_t begin = number % n_chunks * kChunk;
        work(number / n_chunks, begin, std::min(n, begin + kChunk));
      }
    });
  }

  static Columns columns_of(const at::Tensor& x, const at::Tensor& rows, const at::Tensor& scale, const OpenUnits& open,
                            int64_t mask, int64_t n) {
    const int64_t first_row = rows.defined() ? 0 : mask * n;
    return {.x = x.data_ptr<float>() + first_row * x.stride(0),
            .stride = x.stride(0),
            .rows = rows.defined() ? rows.data_ptr<int64_t>() : nullptr,
            .units = open.of(mask),
            .scale = entries(scale.data_ptr<float>() + mask * scale.size(1), open.of(mask))};
  }
};

/// The block of a matrix that joins open inputs to open outputs, its columns scaled.
class Block {
 public:
  /// @param weight  [n_in, n_out], of any of a model's dtypes; rows or columns contiguous.
  /// @param scale   one number per output.
  Block(const at::Tensor& weight, std::span<const int32_t> inputs, std::span<const int32_t> outputs,
        std::span<const float> scale)
      : by_outputs_(weight.stride(1) != 1), values_(inputs.size() * outputs.size()) {
    AT_DISPATCH_FLOATING_TYPES_AND2(at::kBFloat16, at::kHalf, weight.scalar_type(), "block", [&] {
      const auto* from = weight.data_ptr<scalar_t>();
      float* to = values_.data();
      const auto scaled = [&](int32_t input, size_t o) {
        return static_cast<float>(from[input * weight.stride(0) + outputs[o] * weight.stride(1)]) * scale[o];
      };
      if (by_outputs_) {
        for (size_t o = 0; o < outputs.size(); ++o) {
          for (const int32_t input : inputs) *to++ = scaled(input, o);
        }
      } else {
        for (const int32_t input : inputs) {
          for (size_t o = 0; o < outputs.size(); ++o) *to++ = scaled(input, o);
        }
      }
    });
    n_in_ = static_cast<int64_t>(inputs.size());
    n_out_ = static_cast<int64_t>(outputs.size());
  }

  FloatMatrix matrix() { return by_outputs_ ? stored().t() : stored(); }
  FloatMatrix transposed() { return by_outputs_ ? stored() : stored().t(); }

 private:
  FloatMatrix stored() {
    return by_outputs_ ? FloatMatrix{values_.data(), n_out_, n_in_, n_in_}
                       : FloatMatrix{values_.data(), n_in_, n_out_, n_out_};
  }

  bool by_outputs_;  ///< Stored as [n_out, n_in].
  std::vector<float> values_;
  int64_t n_in_ = 0, n_out_ = 0;
};

/// y = a b. Zeros where the product has no terms.
void multiply(const FloatMatrix& y, const FloatMatrix& a, const FloatMatrix& b) {
  if (y.n_columns == 0) return;
  if (a.n_columns > 0) return multiply_into(y, a, b);
  for (int64_t i = 0; i < y.n_rows; ++i) std::fill_n(y.data + i * y.stride, y.n_columns, 0.0f);
}

/// What the objective of one mask needs, and its gradients.
struct MaskTerms {
  FloatMatrix hidden;                 ///< [n, n_open]
  std::span<const int32_t> inputs;    ///< Open inputs of the last matrix.
  const float* closed = nullptr;      ///< [n_out]: what closed inputs add to each output. Null: nothing.
  const float* multiplier = nullptr;  ///< [n_out]
  at::Tensor labels;
  FloatMatrix dhidden;           ///< Written.
  float* dmultiplier = nullptr;  ///< [n_out], zeros; written where outputs are open.
};

double objective_of(const MaskTerms& mask, const Linear& map, std::span<const int32_t> outputs) {
  const int64_t n = mask.hidden.n_rows;
  const size_t n_open = outputs.size();
  const auto n_outputs = static_cast<int64_t>(n_open);
  const std::vector<float> scale = entries(mask.multiplier, outputs);
  std::vector<float> shift(n_open), by_closed(n_open);
  if (mask.closed != nullptr) by_closed = entries(mask.closed, outputs);
  if (map.bias.defined()) shift = entries(map.bias.data_ptr<float>(), outputs);
  for (size_t o = 0; o < n_open; ++o) shift[o] += by_closed[o] * scale[o];
  double of_closed = 0;  // the square of what closed outputs are, which is their bias
  if (map.bias.defined()) {
    const float* bias = map.bias.data_ptr<float>();
    for (int64_t o = 0; o < map.bias.size(0); ++o) of_closed += bias[o] * bias[o];
    for (const int32_t o : outputs) of_closed -= bias[o] * bias[o];
    of_closed = std::max(0.0, of_closed);
  }
  const int64_t width = n_outputs + (of_closed > 0 || n_open == 0 ? 1 : 0);
  Block block(map.weight, mask.inputs, outputs, scale);
  const at::Tensor products = at::empty({n, n_outputs}), updates = at::empty({n, width}),
                   gradient = at::empty({n, width});
  multiply(float_matrix(products), mask.hidden, block.matrix());
  const float* product = products.data_ptr<float>();
  for (int64_t i = 0; i < n; ++i) {
    float* to = updates.data_ptr<float>() + i * width;
    for (int64_t o = 0; o < n_outputs; ++o) to[o] = product[i * n_outputs + o] + shift[static_cast<size_t>(o)];
    if (width > n_outputs) to[n_outputs] = static_cast<float>(std::sqrt(of_closed));
  }
  const double loss = soft_nearest_neighbours_with_gradient(updates, mask.labels, gradient);
  FloatMatrix by_updates = float_matrix(gradient);
  by_updates = by_updates.columns(0, n_outputs);
  multiply(mask.dhidden, by_updates, block.transposed());
  std::vector<float> along(n_open), sums(n_open);
  for (int64_t i = 0; i < n; ++i) {
    const float *dy = gradient.data_ptr<float>() + i * width, *y = product + i * n_outputs;
    for (size_t o = 0; o < n_open; ++o) along[o] += dy[o] * y[o], sums[o] += dy[o];
  }
  // Products were made of scaled columns.
  for (size_t o = 0; o < n_open; ++o) mask.dmultiplier[outputs[o]] = along[o] / scale[o] + sums[o] * by_closed[o];
  return loss;
}

class OpenObjective : public torch::autograd::Function<OpenObjective> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& values,
                            const at::Tensor& multiplier, const OpenHidden& hidden, const Linear& map,
                            const at::Tensor& labels) {
    const int64_t n_masks = multiplier.size(0), n_out = multiplier.size(1), n = labels.size(1);
    const OpenUnits outputs = open_units(multiplier.ne(0));
    at::Tensor losses = at::empty({n_masks});
    const at::Tensor dvalues = at::empty_like(values), dmultiplier = at::zeros({n_masks, n_out});
    const at::Tensor by_closed = hidden.closed.defined() ? gemm(hidden.closed, map.weight) : at::Tensor();
    const int64_t masks_at_once = n_masks < at::get_num_threads() ? n_masks : 1;
    at::parallel_for(0, n_masks, masks_at_once, [&](int64_t begin, int64_t end) {
      const at::NoGradGuard no_gradients;  // the gradient mode is per thread
      for (int64_t mask = begin; mask < end; ++mask) {
        const std::span<const int32_t> inputs = hidden.open.of(mask);
        const auto n_open = static_cast<int64_t>(inputs.size());
        const int64_t first = n * hidden.open.first_of(mask);
        losses.data_ptr<float>()[mask] = static_cast<float>(
            objective_of({.hidden = {values.data_ptr<float>() + first, n, n_open, n_open},
                          .inputs = inputs,
                          .closed = by_closed.defined() ? by_closed.data_ptr<float>() + mask * n_out : nullptr,
                          .multiplier = multiplier.data_ptr<float>() + mask * n_out,
                          .labels = labels[mask],
                          .dhidden = {dvalues.data_ptr<float>() + first, n, n_open, n_open},
                          .dmultiplier = dmultiplier.data_ptr<float>() + mask * n_out},
                         map, outputs.of(mask)));
      }
    });
    context->save_for_backward({dvalues, dmultiplier});
    context->saved_data["sizes"] = hidden.open.first.diff() * n;
    return losses;
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               torch::autograd::tensor_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor& upstream = gradients[0];
    if (upstream.eq(1).all().item<bool>()) return {saved[0], saved[1], {}, {}, {}};  // in mask training
    const at::Tensor of_values = upstream.repeat_interleave(context->saved_data["sizes"].toTensor());
    return {saved[0] * of_values, saved[1] * upstream.unsqueeze(1), {}, {}, {}};
  }
};

}  // namespace

std::span<const int32_t> OpenUnits::of(int64_t mask) const {
  return {units.data_ptr<int32_t>() + first_of(mask), static_cast<size_t>(first_of(mask + 1) - first_of(mask))};
}

OpenUnits open_units(const at::Tensor& open) {
  const at::Tensor all = open.contiguous(), units = at::empty({all.numel()}, at::kInt),
                   first = at::zeros({all.size(0) + 1}, at::kLong);
  const bool* is_open = all.data_ptr<bool>();
  int32_t* to = units.data_ptr<int32_t>();
  int64_t n = 0;
  for (int64_t mask = 0; mask < all.size(0); ++mask) {
    for (int64_t unit = 0; unit < all.size(1); ++unit) {
      to[n] = static_cast<int32_t>(unit);
      n += *is_open++ ? 1 : 0;
    }
    first.data_ptr<int64_t>()[mask + 1] = n;
  }
  return {.first = first, .units = units.narrow(0, 0, n)};
}

at::Tensor open_columns(const at::Tensor& x, const at::Tensor& rows, const at::Tensor& scale, const at::Tensor& shift,
                        const OpenUnits& open) {
  if (x.size(1) != scale.size(1) || shift.size(0) != scale.size(1) || scale.size(0) != open.n_masks() ||
      (!rows.defined() && x.size(0) % open.n_masks() != 0) || x.stride(1) != 1) {
    throw failure("open columns: x [{}], scale [{}] and shift [{}] do not fit {} masks", fmt::join(x.sizes(), ", "),
                  fmt::join(scale.sizes(), ", "), shift.size(0), open.n_masks());
  }
  const c10::optional<at::Tensor> some_rows = rows.defined() ? c10::make_optional(rows.contiguous()) : c10::nullopt;
  return OpenColumns::apply(x, some_rows, scale.contiguous(), shift.contiguous(), open);
}

at::Tensor soft_nearest_neighbours(const OpenHidden& hidden, const Linear& map, const at::Tensor& multiplier,
                                   const at::Tensor& labels) {
  return OpenObjective::apply(hidden.values, multiplier.contiguous(), hidden, map, labels);
}

}  // namespace cprobe
