#include "cprobe/model/gemm.h"

#include "cprobe/core/half_precision.h"
#include "tests/drawn.h"
#include "tests/numeric_jacobian.h"
#include "tests/support.h"
#include "tests/tensors.h"

namespace cprobe {
namespace {

using testing::agree;
using testing::drawn;

constexpr double kProductTolerance = 2e-6;  // sums of 5 float32 products, in another order

struct Example {
  at::Tensor a = drawn("a", {70, 5});  // more rows than one thread computes
  at::Tensor b = drawn("b", {3, 5}).t();
  at::Tensor bias = drawn("bias", {3});
};

TEST(Gemm, IsTheProduct) {
  const Example e;
  EXPECT_TRUE(agree(gemm(e.a, e.b), at::mm(e.a, e.b), kProductTolerance));
  EXPECT_TRUE(agree(gemm(e.a, e.b, e.bias), at::addmm(e.bias, e.a, e.b), kProductTolerance));
  EXPECT_TRUE(agree(gemm(e.b.t(), e.a.t()), at::mm(e.b.t(), e.a.t()), kProductTolerance));
  EXPECT_TRUE(at::equal(gemm(e.a.narrow(0, 0, 0), e.b), at::empty({0, 3})));
}

TEST(Gemm, TakesAnyStrides) {
  const at::Tensor wide = drawn("wide", {9, 8});
  const std::vector<at::Tensor> lefts = {wide.narrow(1, 2, 5),          wide.t().narrow(1, 1, 5),
                                         wide.slice(1, 0, 8, 2),        wide.slice(0, 0, 9, 3).narrow(1, 0, 1),
                                         wide.narrow(1, 3, 1).t(),      wide.select(0, 1).expand({4, 8}),
                                         wide.select(1, 0).unsqueeze(1)};
  for (const at::Tensor& left : lefts) {
    const at::Tensor right = drawn("right", {7, 2 * left.size(1)}).slice(1, 0, 2 * left.size(1), 2).t();
    EXPECT_TRUE(agree(gemm(left, right), at::mm(left, right), kProductTolerance)) << left.sizes() << left.strides();
    EXPECT_TRUE(agree(gemm(right.t(), left.t()), at::mm(right.t(), left.t()), kProductTolerance)) << left.strides();
  }
}

TEST(Gemm, MultipliesIntoPartOfAMatrix) {
  const Example e;
  at::Tensor whole = at::ones({72, 7});
  const at::Tensor part = whole.narrow(0, 1, 70).narrow(1, 2, 3);
  multiply_into(part, e.a, e.b);
  EXPECT_TRUE(agree(part, at::mm(e.a, e.b), kProductTolerance));
  multiply_into(part, e.a, e.b, true);
  EXPECT_TRUE(agree(part, 2 * at::mm(e.a, e.b), kProductTolerance));
  part.fill_(1);
  EXPECT_TRUE(at::equal(whole, at::ones({72, 7}))) << "nothing beside it is touched";
}

TEST(Gemm, GivesTheSameBitsAgain) {
  const at::Tensor a = drawn("a", {300, 64}), b = drawn("b", {64, 113}), bias = drawn("bias", {113});
  const at::Tensor first = gemm(a, b, bias);
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(at::equal(gemm(a, b, bias), first));
}

TEST(Gemm, GradientsAreTheNumericJacobian) {
  const Example e;
  const auto expect_exact = [](const testing::TensorFunction& f, const at::Tensor& x) {
    EXPECT_TRUE(agree(testing::autograd_jacobian(f, x), testing::numeric_jacobian(f, x), kProductTolerance));
  };
  const auto as = [](const at::Tensor& x, const at::Tensor& like) { return x.to(like.scalar_type()); };
  const at::Tensor few = e.a.narrow(0, 0, 4);
  expect_exact([&](const at::Tensor& a) { return gemm(a, as(e.b, a), as(e.bias, a)); }, few);
  expect_exact([&](const at::Tensor& b) { return gemm(as(few, b), b, as(e.bias, b)); }, e.b);
  expect_exact([&](const at::Tensor& bias) { return gemm(as(few, bias), as(e.b, bias), bias); }, e.bias);
  expect_exact([&](const at::Tensor& a) { return gemm(a, as(e.b, a)); }, few);
}

constexpr double kLongProductTolerance = 1e-5;  // sums of 1,031 float32 products, in another order

/// A matrix [1031, 4099] that is too large to be multiplied as a whole, in each layout.
std::vector<at::Tensor> large_matrices() {
  const at::Tensor numbers = drawn("large", {1031, 4120});
  return {numbers.narrow(1, 7, 4099).contiguous(), numbers.narrow(1, 7, 4099),
          numbers.t().narrow(0, 7, 4099).contiguous().t(), numbers.as_strided({1031, 4099}, {1, 1034}),
          numbers.reshape(-1).narrow(0, 0, 1031 * 2 * 4099 / 2).view({4099, 1031}).t()};
}

/// The same numbers, rounded to a dtype, with the same strides.
at::Tensor rounded(const at::Tensor& x, at::ScalarType dtype) {
  const at::Tensor storage =
      x.as_strided({x.storage_offset() + (x.size(0) - 1) * x.stride(0) + (x.size(1) - 1) * x.stride(1) + 1}, {1}, 0);
  return storage.to(dtype).as_strided(x.sizes(), x.strides(), x.storage_offset());
}

const std::vector<at::ScalarType> kHalves = {at::kBFloat16, at::kHalf};

TEST(Gemm, OfLargeMatricesIsTheProduct) {
  for (const at::Tensor& b : large_matrices()) {
    for (const int64_t n_rows : {0, 1, 5, 70}) {
      const at::Tensor a = drawn("a", {n_rows, 1031}), bias = drawn("bias", {4099});
      EXPECT_TRUE(agree(gemm(a, b), at::mm(a, b), kLongProductTolerance)) << n_rows << b.strides();
      EXPECT_TRUE(agree(gemm(a, b, bias), at::addmm(bias, a, b), kLongProductTolerance)) << n_rows << b.strides();
    }
    const at::Tensor dy = drawn("dy", {70, 4099});
    EXPECT_TRUE(agree(gemm(dy, b.t()), at::mm(dy, b.t()), kLongProductTolerance)) << b.strides();
  }
}

TEST(Gemm, OfHalvesGivesTheBitsOfTheSameNumbersAsFloat32) {
  std::vector<at::Tensor> matrices = large_matrices();
  matrices.push_back(drawn("small", {1031, 33}));
  matrices.push_back(drawn("small", {33, 1031}).t());
  matrices.push_back(drawn("narrow", {1031, 66}).narrow(1, 3, 33));
  matrices.push_back(drawn("strided", {1031, 66}).slice(1, 0, 66, 2));
  matrices.push_back(drawn("strided", {1031, 8200}).slice(1, 0, 8198, 2));
  for (const at::Tensor& matrix : matrices) {
    for (const at::ScalarType dtype : kHalves) {
      const at::Tensor half = rounded(matrix, dtype), wide = rounded(half, at::kFloat);
      for (const int64_t n_rows : {0, 1, 5, 70}) {
        const at::Tensor a = drawn("a", {n_rows, 1031}), bias = drawn("bias", {half.size(1)});
        EXPECT_TRUE(at::equal(gemm(a, half, bias), gemm(a, wide, bias))) << n_rows << dtype << half.strides();
        const at::Tensor dy = drawn("dy", {n_rows, half.size(1)});
        EXPECT_TRUE(at::equal(gemm(dy, half.t()), gemm(dy, wide.t()))) << n_rows << dtype << half.strides();
      }
    }
  }
}

TEST(Gemm, HasTheGradientOfFloat32WhereTheMatrixIsOfHalves) {
  for (const at::Tensor& matrix : {large_matrices()[0], large_matrices()[2], drawn("small", {1031, 33})}) {
    const at::Tensor half = rounded(matrix, at::kBFloat16), dy = drawn("dy", {20, half.size(1)});
    const auto gradient = [&](const at::Tensor& b) {
      const at::Tensor a = drawn("a", {20, 1031}).requires_grad_();
      (gemm(a, b) * dy).sum().backward();
      return a.grad();
    };
    EXPECT_TRUE(at::equal(gradient(half), gradient(rounded(half, at::kFloat)))) << half.strides();
    EXPECT_TRUE(agree(gradient(half), at::mm(dy, half.to(at::kFloat).t()), kLongProductTolerance)) << half.strides();
  }
  const at::Tensor half = drawn("small", {5, 3}).to(at::kBFloat16).requires_grad_();
  EXPECT_FAILED_ERROR(gemm(drawn("a", {2, 5}), half), "no gradient");
}

TEST(Gemm, OfLargeMatricesTouchesNothingBesideTheResult) {
  const at::Tensor a = drawn("a", {3, 1031});
  for (const at::Tensor& b : large_matrices()) {
    const at::Tensor whole = at::ones({5, 4103}), part = whole.narrow(0, 1, 3).narrow(1, 2, 4099);
    gemm_into(part, a, b);
    EXPECT_TRUE(agree(part, at::mm(a, b), kLongProductTolerance)) << b.strides();
    part.fill_(1);
    EXPECT_TRUE(at::equal(whole, at::ones({5, 4103}))) << b.strides();
  }
}

}  // namespace
}  // namespace cprobe
