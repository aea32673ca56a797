#include "cprobe/circuit/soft_nearest_neighbours.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "cprobe/core/error.h"
#include "cprobe/core/vector_clones.h"
#include "cprobe/model/gemm.h"

namespace cprobe {
namespace {

constexpr float kEpsilon = 1e-5f;

/// Taylor series of exp(s - 1) at s = 0, up to s^10. For cosines, |s| <= 1, the remainder is below
/// 7e-8 of the value: one unit in float32's last place. The series has no branches, so a row takes
/// one pass of multiplications and additions.
constexpr std::array<float, 11> kExpTerms = [] {
  std::array<float, 11> terms{};
  double term = 1 / std::numbers::e;
  for (size_t k = 0; k < terms.size(); ++k) {
    terms[k] = static_cast<float>(term);
    term /= static_cast<double>(k + 1);
  }
  return terms;
}();

/// e^-(1 - s) for a cosine s.
inline float exp_of_minus_distance(float s) {
  float e = kExpTerms[10];
  for (size_t k = 10; k-- > 0;) e = e * s + kExpTerms[k];
  return e;
}

/// Rows of a strip. The kernel is symmetric in each of its stages: S = U U^T, then E = e^-d with a
/// zero diagonal, then dL/dS + (dL/dS)^T. The kernel's rows are divided into strips. In each strip,
/// only the columns from the strip's first row on are computed.
///
/// Low strips save more of the square; high strips make efficient GEMMs. There are two strips per
/// thread, or more if two would be higher than 128 rows.
/// @return a multiple of 16, at most 128.
int64_t strip_height(int64_t n) {
  constexpr int64_t kHighest = 128, kMultiple = 16;
  const int64_t n_strips = 2 * at::get_num_threads();
  const int64_t height = (n + n_strips - 1) / n_strips;
  return std::min(kHighest, (height + kMultiple - 1) / kMultiple * kMultiple);
}

/// Rows [begin, end) and columns [begin, n) of the kernel.
struct Strip {
  int64_t number;
  int64_t begin;
  int64_t end;
};

/// Arrays of one evaluation over n rows. Each strip writes only its own parts.
struct Arrays {
  int64_t n = 0;
  int64_t d = 0;
  int64_t height = 0;  ///< Rows of a strip.
  int64_t n_strips = 0;
  /// Number of each row's class. int32, so that rows compare with vector instructions.
  std::vector<int32_t> label;
  /// [n, n]; valid in the strips only.
  float* kernel = nullptr;
  /// Sums of E, over columns of the row's class (`same`) or all columns (`all`). The sum of a row
  /// has two parts:
  ///   - row_*, [n]: over the columns from the row's strip on;
  ///   - column_*, [n_strips, n]: over the columns of one earlier strip. By symmetry, this is a sum
  ///     down that strip's column.
  std::vector<float> row_same, row_all, column_same, column_all;
  /// [n] each: 1 / |v_i| (0 for zero rows), 1 / (same_i + eps), 1 / (all_i + eps).
  std::vector<float> inverse_norm, inverse_same, inverse_all;
};

/// Calls `work` for every strip, in parallel. A thread takes a strip together with its mirror from
/// the other end, so that all tasks have equal parts of the triangle.
template <typename Work>
void by_strips(const Arrays& x, const Work& work) {
  const auto run = [&](int64_t number) {
    work(Strip{number, number * x.height, std::min(x.n, (number + 1) * x.height)});
  };
  at::parallel_for(0, (x.n_strips + 1) / 2, 1, [&](int64_t begin, int64_t end) {
    for (int64_t number = begin; number < end; ++number) {
      const int64_t mirror = x.n_strips - 1 - number;
      run(number);
      if (mirror != number) run(mirror);
    }
  });
}

/// Divides the rows of `updates` by their lengths, into `unit`. A zero row stays zero.
CPROBE_VECTOR_CLONES
void normalise(const float* updates, const Strip& strip, Arrays& x, float* unit) {
  for (int64_t i = strip.begin; i < strip.end; ++i) {
    const float* v = updates + i * x.d;
    float* u = unit + i * x.d;
    float squares = 0;
#pragma omp simd reduction(+ : squares)
    for (int64_t c = 0; c < x.d; ++c) squares += v[c] * v[c];
    const float inverse = squares > 0 ? 1 / std::sqrt(squares) : 0.0f;
    x.inverse_norm[static_cast<size_t>(i)] = inverse;
#pragma omp simd
    for (int64_t c = 0; c < x.d; ++c) u[c] = v[c] * inverse;
  }
}

/// Turns a strip's cosines into E. Sums E over same-label rows and over all rows, the row itself
/// excluded.
CPROBE_VECTOR_CLONES
void exponentiate(const Strip& strip, Arrays& x) {
  const int32_t* label = x.label.data();
  float* column_same = x.column_same.data() + strip.number * x.n;
  float* column_all = x.column_all.data() + strip.number * x.n;
  for (int64_t i = strip.begin; i < strip.end; ++i) {
    float* row = x.kernel + i * x.n;
    const int32_t own = label[i];
    float same = 0, all = 0;
    // The loop adds kExpTerms[0] for a cosine of 0. This term is taken off the sums below.
    row[i] = 0;
#pragma omp simd reduction(+ : same, all)
    for (int64_t j = strip.begin; j < strip.end; ++j) {
      const float e = row[j] = exp_of_minus_distance(row[j]);
      all += e;
      same += label[j] == own ? e : 0.0f;
    }
    row[i] = 0;
#pragma omp simd reduction(+ : same, all)
    for (int64_t j = strip.end; j < x.n; ++j) {
      const float e = row[j] = exp_of_minus_distance(row[j]);
      const float e_same = label[j] == own ? e : 0.0f;
      all += e;
      same += e_same;
      column_all[j] += e;
      column_same[j] += e_same;
    }
    x.row_same[static_cast<size_t>(i)] = same - kExpTerms[0];
    x.row_all[static_cast<size_t>(i)] = all - kExpTerms[0];
  }
}

/// Adds up the strips' sums for each row. @return the loss.
double total(Arrays& x) {
  double loss = 0;
  for (int64_t i = 0; i < x.n; ++i) {
    float same = x.row_same[static_cast<size_t>(i)], all = x.row_all[static_cast<size_t>(i)];
    for (int64_t strip = 0; strip < i / x.height; ++strip) {
      same += x.column_same[static_cast<size_t>(strip * x.n + i)];
      all += x.column_all[static_cast<size_t>(strip * x.n + i)];
    }
    x.inverse_same[static_cast<size_t>(i)] = 1 / (same + kEpsilon);
    x.inverse_all[static_cast<size_t>(i)] = 1 / (all + kEpsilon);
    loss += std::log((all + kEpsilon) / (same + kEpsilon));
  }
  return loss / static_cast<double>(x.n);
}

/// Turns E into dL/dS + (dL/dS)^T:
///
///     E_ij ((1/all_i + 1/all_j) - [same label] (1/same_i + 1/same_j)) / n
CPROBE_VECTOR_CLONES
void weigh(const Strip& strip, Arrays& x) {
  const float scale = 1.0f / static_cast<float>(x.n);
  const int32_t* label = x.label.data();
  const float* inverse_same = x.inverse_same.data();
  const float* inverse_all = x.inverse_all.data();
  for (int64_t i = strip.begin; i < strip.end; ++i) {
    float* row = x.kernel + i * x.n;
    const int32_t own = label[i];
    const float same = inverse_same[i], all = inverse_all[i];
#pragma omp simd
    for (int64_t j = strip.begin; j < x.n; ++j) {
      const float pull = label[j] == own ? same + inverse_same[j] : 0.0f;
      row[j] *= (all + inverse_all[j] - pull) * scale;
    }
  }
}

/// Turns the gradient g by u = v / |v| into the gradient by v, in place: (g - u (u . g)) / |v|.
CPROBE_VECTOR_CLONES
void through_norm(const float* unit, const Strip& strip, const Arrays& x, float* gradient) {
  for (int64_t i = strip.begin; i < strip.end; ++i) {
    const float* u = unit + i * x.d;
    float* g = gradient + i * x.d;
    float along = 0;
#pragma omp simd reduction(+ : along)
    for (int64_t c = 0; c < x.d; ++c) along += u[c] * g[c];
    const float inverse = x.inverse_norm[static_cast<size_t>(i)];
#pragma omp simd
    for (int64_t c = 0; c < x.d; ++c) g[c] = (g[c] - u[c] * along) * inverse;
  }
}

std::vector<int32_t> class_numbers(const at::Tensor& labels) {
  const std::span<const int64_t> values(labels.data_ptr<int64_t>(), static_cast<size_t>(labels.size(0)));
  const auto narrowed = [](int64_t value) { return static_cast<int32_t>(value); };
  if (std::ranges::all_of(values, [&](int64_t value) { return narrowed(value) == value; })) {
    std::vector<int32_t> numbers(values.size());
    std::ranges::transform(values, numbers.begin(), narrowed);
    return numbers;
  }
  std::vector<int64_t> classes(values.begin(), values.end());
  std::ranges::sort(classes);
  classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
  std::vector<int32_t> numbers;
  numbers.reserve(values.size());
  for (const int64_t value : values) {
    numbers.push_back(static_cast<int32_t>(std::ranges::lower_bound(classes, value) - classes.begin()));
  }
  return numbers;
}

class SoftNearestNeighbours : public torch::autograd::Function<SoftNearestNeighbours> {
 public:
  /// Threads divide the masks if there is one for each thread, and the rows of each mask otherwise.
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& updates,
                            const at::Tensor& labels) {
    const int64_t n_masks = updates.size(0);
    const at::Tensor losses = at::empty({n_masks}, updates.options());
    const at::Tensor gradient = updates.requires_grad() ? at::empty_like(updates) : at::Tensor();
    const int64_t masks_at_once = n_masks < at::get_num_threads() ? n_masks : 1;
    at::parallel_for(0, n_masks, masks_at_once, [&](int64_t begin, int64_t end) {
      const at::NoGradGuard no_gradients;  // the gradient mode is per thread
      for (int64_t mask = begin; mask < end; ++mask) {
        losses.data_ptr<float>()[mask] = static_cast<float>(soft_nearest_neighbours_with_gradient(
            updates[mask], labels[mask], gradient.defined() ? gradient[mask] : at::Tensor()));
      }
    });
    if (gradient.defined()) context->save_for_backward({gradient});
    return losses;
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               torch::autograd::tensor_list gradients) {
    const at::Tensor gradient = context->get_saved_variables()[0], &upstream = gradients[0];
    const bool is_one = upstream.eq(1).all().item<bool>();  // in mask training
    return {is_one ? gradient : gradient * upstream.view({-1, 1, 1}), at::Tensor()};
  }
};

void check_shapes(const at::Tensor& updates, const at::Tensor& labels) {
  const bool fits =
      (updates.dim() == 2 || updates.dim() == 3) && labels.sizes() == updates.sizes().slice(0, updates.dim() - 1);
  if (!fits || labels.numel() < 1) {
    throw failure("soft nearest neighbours: updates [{}] and labels [{}] do not match, or there are no rows",
                  fmt::join(updates.sizes(), ", "), fmt::join(labels.sizes(), ", "));
  }
}

}  // namespace

double soft_nearest_neighbours_with_gradient(const at::Tensor& updates, const at::Tensor& labels,
                                             const at::Tensor& gradient) {
  const int64_t n = updates.size(0), d = updates.size(1);
  const int64_t height = strip_height(n), n_strips = (n + height - 1) / height;
  const auto size = static_cast<size_t>(n), column_size = static_cast<size_t>(n_strips * n);
  const at::Tensor unit = at::empty_like(updates), kernel = at::empty({n, n}, updates.options());
  Arrays x{.n = n,
           .d = d,
           .height = height,
           .n_strips = n_strips,
           .label = class_numbers(labels),
           .kernel = kernel.data_ptr<float>(),
           .row_same = std::vector<float>(size),
           .row_all = std::vector<float>(size),
           .column_same = std::vector<float>(column_size),
           .column_all = std::vector<float>(column_size),
           .inverse_norm = std::vector<float>(size),
           .inverse_same = std::vector<float>(size),
           .inverse_all = std::vector<float>(size)};
  const FloatMatrix u = float_matrix(unit), similarities = float_matrix(kernel);
  by_strips(x, [&](const Strip& strip) { normalise(updates.data_ptr<float>(), strip, x, u.data); });
  by_strips(x, [&](const Strip& strip) {
    multiply_into(similarities.rows(strip.begin, strip.end).columns(strip.begin, n), u.rows(strip.begin, strip.end),
                  u.rows(strip.begin, n).t());
    exponentiate(strip, x);
  });
  const double loss = total(x);
  if (!gradient.defined()) return loss;
  by_strips(x, [&](const Strip& strip) { weigh(strip, x); });
  by_strips(x, [&](const Strip& strip) {
    const FloatMatrix to = float_matrix(gradient).rows(strip.begin, strip.end);
    const FloatMatrix own = similarities.rows(strip.begin, strip.end).columns(strip.begin, n);
    const FloatMatrix above = similarities.rows(0, strip.begin).columns(strip.begin, strip.end);
    multiply_into(to, own, u.rows(strip.begin, n));
    if (strip.begin > 0) multiply_into(to, above.t(), u.rows(0, strip.begin), true);
    through_norm(u.data, strip, x, gradient.data_ptr<float>());
  });
  return loss;
}

at::Tensor reference_soft_nearest_neighbours(const at::Tensor& updates, const at::Tensor& labels) {
  check_shapes(updates, labels);
  const at::Tensor squares = updates.square().sum(-1, true);
  const at::Tensor is_zero = squares.eq(0);
  const at::Tensor unit = updates * at::rsqrt(squares.masked_fill(is_zero, 1)).masked_fill(is_zero, 0);
  const at::Tensor own = at::eye(updates.size(-2), updates.options().dtype(at::kBool).requires_grad(false));
  const at::Tensor kernel = at::exp(at::matmul(unit, unit.transpose(-2, -1)) - 1).masked_fill(own, 0);
  const at::Tensor label = labels.to(updates.device());
  const at::Tensor same = kernel.masked_fill(label.unsqueeze(-2).ne(label.unsqueeze(-1)), 0).sum(-1);
  return at::log((kernel.sum(-1) + kEpsilon) / (same + kEpsilon)).mean(-1);
}

at::Tensor soft_nearest_neighbours(const at::Tensor& updates, const at::Tensor& labels) {
  check_shapes(updates, labels);
  if (!updates.device().is_cpu()) return reference_soft_nearest_neighbours(updates, labels);
  if (updates.dim() == 3) return SoftNearestNeighbours::apply(updates.contiguous(), labels.contiguous());
  return SoftNearestNeighbours::apply(updates.contiguous().unsqueeze(0), labels.contiguous().unsqueeze(0)).squeeze(0);
}

}  // namespace cprobe
