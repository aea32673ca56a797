#include <set>

#include "cprobe/baselines/baseline.h"
#include "tests/support.h"

namespace cprobe {
namespace {

TEST(BaselineMethods, HaveNamesOfTheirOwnSaySettingsAndRefuseUnknownOptions) {
  std::set<std::string_view> names;
  for (const MethodEntry& entry : baseline_methods()) {
    SCOPED_TRACE(std::string(entry.name));
    EXPECT_TRUE(names.insert(entry.name).second);
    EXPECT_FALSE(entry.what.empty());
    EXPECT_EQ(entry.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string_view::npos);
    EXPECT_FALSE(entry.make(nullptr)->settings().empty());
    const Document unknown = Document::parse_yaml("no_such_option: 1", "spec.yaml");
    EXPECT_INPUT_ERROR(entry.make(&unknown), "spec.yaml:1");
  }
}

}  // namespace
}  // namespace cprobe
