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

}  // namespace
}  // namespace cprobe
