#include "cprobe/model/scaled_rows.h"

#include "tests/drawn.h"
#include "tests/numeric_jacobian.h"
#include "tests/support.h"
#include "tests/tensors.h"

namespace cprobe {
namespace {

using testing::agree;
using testing::drawn;

/// Some rows, out of order, one of them twice. The matrix is a column slice of a wider matrix.
struct Scaling {
  at::Tensor x = drawn("x", {9, 50}).narrow(1, 3, 40);
  at::Tensor rows = at::tensor({8, 0, 8, 3}, at::kLong);
  at::Tensor scale = drawn("scale", {40});
  at::Tensor shift = drawn("shift", {40});
};

TEST(ScaledRows, AreTheRowsScaledAndShifted) {
  const Scaling e;
  EXPECT_TRUE(agree(scaled_rows(e.x, e.rows, e.scale, e.shift), e.x.index_select(0, e.rows) * e.scale + e.shift, 1e-6));
}

TEST(ScaledRows, AreTheSameInDoublePrecision) {
  const Scaling e;
  const at::Tensor expected = scaled_rows(e.x, e.rows, e.scale, e.shift);
  EXPECT_TRUE(agree(scaled_rows(e.x.to(at::kDouble), e.rows, e.scale.to(at::kDouble), e.shift.to(at::kDouble)),
                    expected, 1e-6));
}

TEST(ScaledRows, AreAllRowsWithoutShiftByDefault) {
  const Scaling e;
  EXPECT_TRUE(agree(scaled_rows(e.x, {}, e.scale, {}), e.x * e.scale, 1e-6));
}

/// Compares the gradient by `argument` with the numeric Jacobian.
/// @param f  computes in the dtype of its argument.
void expect_exact_gradient(const std::function<at::Tensor(const at::Tensor&)>& f, const at::Tensor& argument) {
  EXPECT_TRUE(agree(testing::autograd_jacobian(f, argument), testing::numeric_jacobian(f, argument), 1e-6));
}

TEST(ScaledRows, GradientsAreTheNumericJacobian) {
  const Scaling e;
  const auto as = [](const at::Tensor& x, const at::Tensor& like) { return x.to(like.scalar_type()); };
  for (const at::Tensor& rows : {e.rows, at::Tensor()}) {
    expect_exact_gradient([&](const at::Tensor& m) { return scaled_rows(as(e.x, m), rows, m, as(e.shift, m)); },
                          e.scale);
    expect_exact_gradient([&](const at::Tensor& b) { return scaled_rows(as(e.x, b), rows, as(e.scale, b), b); },
                          e.shift);
  }
  expect_exact_gradient([&](const at::Tensor& x) { return scaled_rows(x, {}, as(e.scale, x), as(e.shift, x)); }, e.x);
}

TEST(ScaledRows, OfSeveralMasksShareRowsOrHaveTheirOwn) {
  const Scaling e;
  const at::Tensor scales = drawn("scales", {3, 40}), shifts = drawn("shifts", {3, 40});
  for (const at::Tensor& shift : {shifts, e.shift}) {
    const auto shift_of = [&](int64_t mask) { return shift.dim() == 2 ? shift[mask] : shift; };
    const at::Tensor shared = scaled_rows(e.x, e.rows, scales, shift), own = scaled_rows(e.x, {}, scales, shift);
    EXPECT_EQ(shared.sizes(), (std::vector<int64_t>{12, 40}));
    EXPECT_EQ(own.sizes(), (std::vector<int64_t>{9, 40}));
    for (int64_t i = 0; i < 3; ++i) {
      EXPECT_TRUE(agree(shared.narrow(0, 4 * i, 4), scaled_rows(e.x, e.rows, scales[i], shift_of(i)), 0));
      EXPECT_TRUE(agree(own.narrow(0, 3 * i, 3), scaled_rows(e.x.narrow(0, 3 * i, 3), {}, scales[i], shift_of(i)), 0));
    }
    const auto as = [](const at::Tensor& x, const at::Tensor& like) { return x.to(like.scalar_type()); };
    for (const at::Tensor& rows : {e.rows, at::Tensor()}) {
      expect_exact_gradient([&](const at::Tensor& m) { return scaled_rows(as(e.x, m), rows, m, as(shift, m)); },
                            scales);
      expect_exact_gradient([&](const at::Tensor& b) { return scaled_rows(as(e.x, b), rows, as(scales, b), b); },
                            shift);
    }
    expect_exact_gradient([&](const at::Tensor& x) { return scaled_rows(x, {}, as(scales, x), as(shift, x)); }, e.x);
  }
}

TEST(ScaledRows, RefusesOtherNumbersOfColumns) {
  const Scaling e;
  EXPECT_FAILED_ERROR(scaled_rows(e.x, e.rows, e.scale.narrow(0, 0, 1), e.shift), "scale [1]");
  EXPECT_FAILED_ERROR(scaled_rows(e.x, {}, e.scale, e.shift.narrow(0, 0, 39)), "shift [39]");
  EXPECT_FAILED_ERROR(scaled_rows(e.x, {}, e.scale.repeat({2, 1}), e.shift), "x [9, 40], scale [2, 40]");
}

TEST(ScaledRows, HaveNoGradientByAMatrixOfWhichRowsAreTaken) {
  const Scaling e;
  EXPECT_FAILED_ERROR(scaled_rows(e.x.clone().requires_grad_(), e.rows, e.scale, e.shift), "no gradient");
}

}  // namespace
}  // namespace cprobe
