#include "cprobe/report/benchmark_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/benchmark/made_rows.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

nlohmann::json data_of(const std::vector<testing::MadeModel>& models) {
  return nlohmann::json::parse(benchmark_json("title", testing::made_rows(models)));
}

TEST(BenchmarkPage, HasEachMethodWithWhatItSaysAtAll) {
  const nlohmann::json methods =
      data_of({{.name = "m000", .p_of_table = .5}, {.name = "m001", .p_of_table = .25}})["methods"];
  std::vector<std::string> kinds;
  for (const nlohmann::json& method : methods)
    kinds.push_back(method["name"].get<std::string>() + ": " + method["kind"].get<std::string>());
  EXPECT_THAT(
      kinds, ElementsAre("hard_concrete: mask", "oracle: scores", "linear_probe: comparison", "mlp_probe: comparison"));
  EXPECT_EQ(methods[0]["figures"]["auroc"], nlohmann::json({.9, .9, .9, 2, 2}));
  EXPECT_FALSE(methods[0]["figures"].contains("made_here_on_used"));
  EXPECT_EQ(methods[0]["p"], nlohmann::json({.25, .5}));
  EXPECT_TRUE(methods[1]["p"].empty());
  EXPECT_TRUE(methods[1]["band"].is_null());
}

TEST(BenchmarkPage, HasTheLevelsOfKnobs) {
  testing::MadeModel quiet{.name = "m001", .knob = "gain 0.5"};
  quiet.knobs["gain"] = "0.5";
  const nlohmann::json levels = data_of({{}, quiet})["levels"];
  EXPECT_EQ(levels[0]["knob"], "gain");
  EXPECT_EQ(levels[0]["level"], "0.5");
  EXPECT_EQ(levels[0]["isDefault"], false);
  EXPECT_EQ(levels[1]["isDefault"], true);
  EXPECT_EQ(levels[1]["models"], 1);
}

TEST(BenchmarkPage, KeepsTitlesText) {
  EXPECT_THAT(benchmark_json("</script>", {}), Not(HasSubstr("</script>")));
}

}  // namespace
}  // namespace cprobe
