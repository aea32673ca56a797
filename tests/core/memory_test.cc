#include "cprobe/core/memory.h"

#include <ATen/ATen.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

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

TEST(MappedMemory, GrowsByThePagesThatAreRead) {
  constexpr size_t kBytes = 16'000'000;
  const testing::TemporaryFolder folder;
  const auto file = testing::write_bytes(folder / "file", std::string(kBytes, 'x'));
  const int descriptor = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  void* mapped = mmap(nullptr, kBytes, PROT_READ, MAP_PRIVATE, descriptor, 0);
  close(descriptor);
  ASSERT_NE(mapped, MAP_FAILED);
  const int64_t before = mapped_memory();
  const std::string_view text(static_cast<const char*>(mapped), kBytes);
  EXPECT_EQ(std::count(text.begin(), text.end(), 'x'), kBytes);
  EXPECT_GE(mapped_memory(), before + static_cast<int64_t>(kBytes) * 9 / 10);
  munmap(mapped, kBytes);
}

}  // namespace
}  // namespace cprobe
