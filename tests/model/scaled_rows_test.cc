#include "cprobe/model/scaled_rows.h"

#include "cprobe/core/seed.h"
#include "tests/numeric_jacobian.h"
#include "tests/support.h"
#include "tests/tensors.h"

namespace cprobe {
namespace {

using testing::agree;

at::Tensor drawn(const char* name, at::IntArrayRef sizes) {
  return at::randn(sizes, Seed(1).derive(name).generator());
}

/// Some rows, out of order, one of them twice. The matrix is a column slice of a wider matrix.
struct Example {
  at::Tensor x = drawn("x", {9, 50}).narrow(1, 3, 40);
  at::Tensor rows = at::tensor({8, 0, 8, 3}, at::kLong);
  at::Tensor scale = drawn("scale", {40});
  at::Tensor shift = drawn("shift", {40});
};

TEST(ScaledRows, AreTheRowsScaledAndShifted) {
  const Example e;
  EXPECT_TRUE(agree(scaled_rows(e.x, e.rows, e.scale, e.shift), e.x.index_select(0, e.rows) * e.scale + e.shift, 1e-6));
}

TEST(ScaledRows, AreTheSameInDoublePrecision) {
  const Example e;
  const at::Tensor expected = scaled_rows(e.x, e.rows, e.scale, e.shift);
  EXPECT_TRUE(agree(scaled_rows(e.x.to(at::kDouble), e.rows, e.scale.to(at::kDouble), e.shift.to(at::kDouble)),
                    expected, 1e-6));
}

TEST(ScaledRows, AreAllRowsWithoutShiftByDefault) {
  const Example e;
  EXPECT_TRUE(agree(scaled_rows(e.x, {}, e.scale, {}), e.x * e.scale, 1e-6));
}

/// Compares the gradient by `argument` with the numeric Jacobian.
/// @param f  computes in the dtype of its argument.
void expect_exact_gradient(const std::function<at::Tensor(const at::Tensor&)>& f, const at::Tensor& argument) {
  EXPECT_TRUE(agree(testing::autograd_jacobian(f, argument), testing::numeric_jacobian(f, argument), 1e-6));
}

TEST(ScaledRows, GradientsAreTheNumericJacobian) {
  const Example e;
  const auto as = [](const at::Tensor& x, const at::Tensor& like) { return x.to(like.scalar_type()); };
  for (const at::Tensor& rows : {e.rows, at::Tensor()}) {
    expect_exact_gradient([&](const at::Tensor& m) { return scaled_rows(as(e.x, m), rows, m, as(e.shift, m)); },
                          e.scale);
    expect_exact_gradient([&](const at::Tensor& b) { return scaled_rows(as(e.x, b), rows, as(e.scale, b), b); },
                          e.shift);
  }
  expect_exact_gradient([&](const at::Tensor& x) { return scaled_rows(x, {}, as(e.scale, x), as(e.shift, x)); }, e.x);
}

TEST(ScaledRows, RefusesOtherNumbersOfColumns) {
  const Example e;
  EXPECT_FAILED_ERROR(scaled_rows(e.x, e.rows, e.scale.narrow(0, 0, 1), e.shift), "scale [1]");
  EXPECT_FAILED_ERROR(scaled_rows(e.x, {}, e.scale, e.shift.narrow(0, 0, 39)), "shift [39]");
}

TEST(ScaledRows, HaveNoGradientByAMatrixOfWhichRowsAreTaken) {
  const Example e;
  EXPECT_FAILED_ERROR(scaled_rows(e.x.clone().requires_grad_(), e.rows, e.scale, e.shift), "no gradient");
}

}  // namespace
}  // namespace cprobe
