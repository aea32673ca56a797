#include "cprobe/core/number_text.h"

#include <gtest/gtest.h>

namespace cprobe {
namespace {

TEST(NumberText, IsWhatPythonPrints) {
  EXPECT_EQ(number_text(1), "1.0");
  EXPECT_EQ(number_text(0.1), "0.1");
  EXPECT_EQ(number_text(1e-7), "1e-07");
  EXPECT_EQ(number_text(0.0088097102584181), "0.0088097102584181");
}

}  // namespace
}  // namespace cprobe
