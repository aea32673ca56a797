#include "cprobe/core/half_precision.h"

#include <gtest/gtest.h>

#include "cprobe/core/threads.h"

namespace cprobe {
namespace {

/// Every number of 16 bits, NaN among them.
at::Tensor every_number(at::ScalarType dtype) {
  return at::arange(-32768, 32768, at::kInt).to(at::kShort).view(dtype);
}

TEST(HalfPrecision, WidensEveryNumberExactly) {
  const ThreadsKept kept;
  set_threads(1);  // denormal numbers are zero in arithmetic from here on
  for (const at::ScalarType dtype : {at::kBFloat16, at::kHalf}) {
    const at::Tensor halves = every_number(dtype), wide = widened(halves);
    ASSERT_EQ(wide.scalar_type(), at::kFloat);
    const auto* numbers = static_cast<const uint16_t*>(halves.data_ptr());
    for (int64_t i = 0; i < halves.numel(); ++i) {
      const float expected = dtype == at::kHalf ? c10::detail::fp16_ieee_to_fp32_value(numbers[i])
                                                : c10::detail::f32_from_bits(numbers[i]);
      const float found = wide.data_ptr<float>()[i];
      if (std::isnan(expected)) {
        ASSERT_TRUE(std::isnan(found)) << numbers[i];
      } else {
        ASSERT_EQ(std::bit_cast<uint32_t>(found), std::bit_cast<uint32_t>(expected)) << numbers[i];
      }
    }
  }
}

TEST(HalfPrecision, KeepsSizesAndOrderInMemory) {
  const at::Tensor halves = at::arange(40'000).to(at::kHalf).view({200, 200});
  for (const at::Tensor& x : {halves, halves.t(), halves.narrow(1, 3, 50), halves.slice(0, 0, 200, 3)}) {
    EXPECT_TRUE(at::equal(widened(x), x.to(at::kFloat)));
  }
  EXPECT_EQ(widened(halves.t()).strides(), halves.t().strides());
  EXPECT_TRUE(widened(halves.narrow(0, 0, 0)).sizes() == at::IntArrayRef({0, 200}));
  const at::Tensor floats = at::ones({3}), numbers = at::ones({3}, at::kLong);
  EXPECT_TRUE(widened(floats).is_same(floats));
  EXPECT_TRUE(widened(numbers).is_same(numbers));
}

}  // namespace
}  // namespace cprobe
