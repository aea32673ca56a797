#include "cprobe/core/threads.h"

#include <omp.h>

#include "tests/support.h"

namespace cprobe {
namespace {

TEST(Threads, SetsLibtorchAndOpenMpAlike) {
  const int before = at::get_num_threads();
  for (const int n : {1, 2}) {
    set_threads(n);
    EXPECT_EQ(at::get_num_threads(), n);
    EXPECT_EQ(omp_get_max_threads(), n);
  }
  set_threads(before);
}

TEST(Threads, RefusesLessThanOne) {
  EXPECT_INPUT_ERROR(set_threads(0), "at least 1");
  EXPECT_INPUT_ERROR(set_threads(-3), "-3");
}

TEST(Threads, AtLeastOneIsAvailable) {
  EXPECT_GE(available_threads(), 1);
}

TEST(Blas, WarnsExactlyWhereTheLibraryIsNotAFastOne) {
  const std::string name = blas_name();
  EXPECT_FALSE(name.empty());
  const bool fast = name.starts_with("OpenBLAS") || name.starts_with("MKL");
  EXPECT_EQ(blas_warning().empty(), fast) << name;
}

}  // namespace
}  // namespace cprobe
