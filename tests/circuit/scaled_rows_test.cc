#include "cprobe/circuit/scaled_rows.h"

#include "cprobe/core/seed.h"
#include "tests/numeric_jacobian.h"
#include "tests/tensors.h"

namespace cprobe {
namespace {

using testing::agree;

at::Tensor drawn(const char* name, at::IntArrayRef sizes) {
  return at::randn(sizes, Seed(1).derive(name).generator());
}

/// Rows come twice, out of order, and not all of them; the matrix is a slice of the columns of a wider one.
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

TEST(ScaledRows, GradientByTheScaleIsTheNumericJacobian) {
  const Example e;
  const auto in_type_of = [&](const at::Tensor& scale) {
    const auto type = scale.scalar_type();
    return scaled_rows(e.x.to(type), e.rows, scale, e.shift.to(type));
  };
  EXPECT_TRUE(
      agree(testing::autograd_jacobian(in_type_of, e.scale), testing::numeric_jacobian(in_type_of, e.scale), 1e-6));
}

}  // namespace
}  // namespace cprobe
