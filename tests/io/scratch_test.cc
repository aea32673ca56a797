#include "cprobe/io/scratch.h"

#include <ATen/ATen.h>

#include "tests/support.h"

namespace cprobe {
namespace {

using testing::TemporaryFolder;

TEST(ScratchArray, HoldsWhatIsWrittenAndLeavesNoFile) {
  const TemporaryFolder folder;
  const at::Tensor array = scratch_array(folder.path(), 300, 70);
  EXPECT_EQ(array.sizes(), (std::vector<int64_t>{300, 70}));
  EXPECT_EQ(array.abs().max().item<float>(), 0);
  const at::Tensor values = at::rand({300, 70});
  array.copy_(values);
  EXPECT_TRUE(at::equal(array, values));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(ScratchArray, MayBeEmpty) {
  const TemporaryFolder folder;
  EXPECT_EQ(scratch_array(folder.path(), 0, 70).numel(), 0);
}

TEST(ScratchArray, SaysWhereTheDiskHasNoRoom) {
  const TemporaryFolder folder;
  // About 10^18 bytes, more than any disk has.
  EXPECT_FAILED_ERROR(scratch_array(folder.path(), int64_t{1} << 30, int64_t{1} << 28),
                      folder.path().string() + ": no room for a scratch file");
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(ScratchArray, SaysWhereThereIsNoFolder) {
  const TemporaryFolder folder;
  EXPECT_FAILED_ERROR(scratch_array(folder.path() / "nowhere", 1, 1), "nowhere: cannot make a scratch");
}

}  // namespace
}  // namespace cprobe
