#include <set>

#include "cprobe/baselines/baseline.h"
#include "tests/support.h"

namespace cprobe {
namespace {

TEST(BaselineMethods, HaveNamesOfTheirOwnAndDefaultsThatSayThemselves) {
  std::set<std::string_view> names;
  for (const MethodEntry& entry : baseline_methods()) {
    SCOPED_TRACE(std::string(entry.name));
    EXPECT_TRUE(names.insert(entry.name).second);
    EXPECT_FALSE(entry.what.empty());
    EXPECT_EQ(entry.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string_view::npos);
    EXPECT_NE(entry.make(nullptr), nullptr);
  }
}

}  // namespace
}  // namespace cprobe
