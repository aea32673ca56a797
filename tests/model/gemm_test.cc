#include "cprobe/model/gemm.h"

#include "cprobe/core/seed.h"
#include "tests/numeric_jacobian.h"
#include "tests/tensors.h"

namespace cprobe {
namespace {

using testing::agree;

constexpr double kProductTolerance = 2e-6;  // sums of 5 float32 products, in another order

at::Tensor drawn(const char* name, at::IntArrayRef sizes) {
  return at::randn(sizes, Seed(1).derive(name).generator());
}

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

}  // namespace
}  // namespace cprobe
