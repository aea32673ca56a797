#include "cprobe/core/memory.h"

#include <ATen/ATen.h>

#include "tests/support.h"

namespace cprobe {
namespace {

TEST(FormatBytes, KeepsThreeDigitsAtMost) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(999), "999 B");
  EXPECT_EQ(format_bytes(12'345), "12 kB");
  EXPECT_EQ(format_bytes(540'400'000), "540 MB");
  EXPECT_EQ(format_bytes(1'070'000'000), "1.07 GB");
}

TEST(PeakMemory, GrowsByWhatIsTouched) {
  constexpr int64_t kBytes = 64'000'000;
  const int64_t before = peak_memory();
  // Larger than all that the process has held so far.
  const at::Tensor touched = at::ones({before / 4 + kBytes / 4});
  EXPECT_GE(peak_memory(), before + kBytes);
  EXPECT_EQ(touched[0].item<float>(), 1);
}

}  // namespace
}  // namespace cprobe
