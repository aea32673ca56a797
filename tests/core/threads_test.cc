#include "cprobe/core/threads.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <omp.h>

#include "tests/support.h"

namespace cprobe {
namespace {

TEST(Threads, EachTakesDenormalsForZero) {
  const int before = at::get_num_threads();
  for (const int n : {1, 2}) {
    set_threads(n);
    // Large enough for each thread to get a part.
    const at::Tensor tiny = at::full({1'000'000}, 1e-30F) * 1e-10F;
    EXPECT_EQ(at::count_nonzero(tiny).item<int64_t>(), 0);
  }
  set_threads(before);
}

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

TEST(Blas, WarnsWhereTheLibraryIsNotAFastOne) {
  EXPECT_FALSE(blas_name().empty());
  EXPECT_EQ(blas_warning("OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH SkylakeX"), "");
  EXPECT_EQ(blas_warning("oneDNN 2.6.3 (AVX2)"), "");
  EXPECT_EQ(blas_warning("MKL: Math Kernel Library Version 2022"), "");
  EXPECT_THAT(blas_warning("unknown BLAS"), ::testing::StartsWith("unknown BLAS: matrix products may be about 40"));
}

}  // namespace
}  // namespace cprobe
