#include <nlohmann/json.hpp>

#include "cprobe/baselines/beside_nulls.h"
#include "cprobe/report/findings_json.h"
#include "cprobe/report/page_data.h"
#include "cprobe/report/read_runs.h"
#include "tests/report/made_run.h"

namespace cprobe {
namespace {

using nlohmann::json;
using testing::TemporaryFolder;

/// Figures of a linear probe whose accuracy over types stands beside 19 null variables.
std::vector<Metric> figures_of(double accuracy, double null_mean) {
  std::vector<Metric> figures = {
      {.metric = "test_accuracy", .value = accuracy, .n = 100},
      {.metric = "null_variables", .value = 19, .n = 19, .note = "token 0; permuted tokens"}};
  add_beside_nulls(figures, "type_accuracy Test", testing::tested(accuracy, null_mean), 1);
  return figures;
}

class ReportedMethods : public ::testing::Test {
 protected:
  json findings() const { return json::parse(findings_json(read_runs({folder_.path()}))); }
  json page() const { return json::parse(page_json(read_runs({folder_.path()}))); }

  const TemporaryFolder folder_;
};

TEST_F(ReportedMethods, AreInTheJsonBesideTheFindings) {
  testing::make_run(folder_.path(), {{}});
  testing::add_method(folder_.path(), "var_0", figures_of(.9, .2));
  const json all = findings();
  EXPECT_EQ(all.at("findings").size(), 1u);
  ASSERT_EQ(all.at("methods").size(), 1u);
  const json& method = all.at("methods")[0];
  EXPECT_EQ(method.at("method"), "linear_probe");
  EXPECT_EQ(method.at("variable"), "var_0");
  EXPECT_EQ(method.at("component"), "L0.mlp");
  EXPECT_EQ(method.at("site"), "L0.post");
  EXPECT_EQ(method.at("position"), -1);
  EXPECT_EQ(method.at("data"), "Test");
  EXPECT_EQ(method.at("figure"), "type_accuracy Test");
  EXPECT_EQ(method.at("types"), "token 0");
  EXPECT_TRUE(method.at("isolation").is_null());
  // The object is that of a finding's question.
  std::vector<std::string> keys, keys_of_finding;
  for (const auto& [key, value] : method.at("present").items()) keys.push_back(key);
  for (const auto& [key, value] : all.at("findings")[0].at("present").items()) keys_of_finding.push_back(key);
  EXPECT_EQ(keys, keys_of_finding);
  EXPECT_EQ(method.at("present").at("answer"), "yes");
  EXPECT_EQ(method.at("present").at("p_adjusted"), .05);
  EXPECT_NEAR(method.at("present").at("null_mean").get<double>(), .2, 1e-9);
}

TEST_F(ReportedMethods, AreNotTestedWithoutAFigureBesideNullVariables) {
  testing::make_run(folder_.path(), {{}});
  testing::add_method(folder_.path(), "var_0", {{.metric = "test_accuracy", .value = .9, .n = 100}});
  const json present = findings().at("methods").at(0).at("present");
  EXPECT_EQ(present.at("answer"), "not tested");
  EXPECT_TRUE(present.at("statistic").is_null());
  EXPECT_TRUE(page().at("methods").at(0).at("statistic").is_null()) << "so that the page has no table of answers";
}

TEST_F(ReportedMethods, AreOnThePage) {
  testing::make_run(folder_.path(), {{}});
  testing::add_method(folder_.path(), "var_0", figures_of(.99, .97));
  const json method = page().at("methods").at(0);
  EXPECT_EQ(method.at("words"), "cannot tell");
  EXPECT_EQ(method.at("site"), "L0.post");
  EXPECT_EQ(method.at("metric"), "type_accuracy Test");
  EXPECT_TRUE(method.at("position").is_null()) << "the last token";
  EXPECT_NEAR(method.at("nulls").at(0).get<double>(), .97, 1e-6);
  EXPECT_EQ(method.at("p"), .05);
}

}  // namespace
}  // namespace cprobe
