#include "cprobe/benchmark/knob_levels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/benchmark/made_rows.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::made_rows;
using testing::MadeModel;

/// "gain 0.5: 2, 1*: 1" of the levels that hard concrete masks have: models at each level, a star
/// at the default.
std::vector<std::string> texts(const std::vector<KnobLevel>& levels) {
  std::vector<std::string> all;
  std::string knob;
  for (const KnobLevel& level : levels) {
    if (level.method != "hard_concrete") continue;
    if (level.knob != knob) all.push_back(level.knob + ":");
    knob = level.knob;
    all.back() += fmt::format(" {}{}={}", level.level, level.is_default ? "*" : "", level.n_models);
  }
  return all;
}

MadeModel moved(const std::string& name, const std::string& knob, const std::string& key, const std::string& value,
                const std::string& component = "L0.mlp") {
  MadeModel model{.name = name, .knob = knob};
  model.knobs[key] = value;
  model.knobs["component"] = component;
  return model;
}

TEST(KnobLevels, AreInOrderWithTheDefaultAmongThem) {
  const auto rows = made_rows({{.name = "m000"},
                               {.name = "m001"},
                               moved("m002", "noise 0.05", "noise", "0.05"),
                               moved("m003", "noise 0", "noise", "0"),
                               moved("m004", "one operand", "one_operand", "true")});
  EXPECT_THAT(texts(knob_levels(rows)), ElementsAre("noise: 0=1 0.02*=2 0.05=1", "one operand: false*=2 true=1"));
}

TEST(KnobLevels, TellKnobsApartWhoseNamesEndAlike) {
  const auto rows = made_rows({moved("m000", "distractor gain 4", "distractor_gain", "4"),
                               moved("m001", "gain 0.5", "gain", "0.5"),
                               {.name = "m002"}});
  EXPECT_THAT(texts(knob_levels(rows)), ElementsAre("distractor gain: 1*=1 4=1", "gain: 0.5=1 1*=1"));
}

// Circuits of attention are of another size and precision: a knob that only MLPs have must not seem
// to change them.
TEST(KnobLevels, CompareWithModelsOfTheSameBlock) {
  MadeModel attention{.name = "m001"};
  attention.knobs["component"] = "L0.attn";
  const auto rows = made_rows({{.name = "m000"}, attention, moved("m002", "noise 0", "noise", "0")});
  EXPECT_THAT(texts(knob_levels(rows)), ElementsAre("noise: 0=1 0.02*=1"));
}

TEST(KnobLevels, HoldTheFiguresOfTheirModels) {
  MadeModel noisy = moved("m001", "noise 0.05", "noise", "0.05");
  noisy.auroc = .6;
  for (const KnobLevel& level : knob_levels(made_rows({{.name = "m000"}, noisy}))) {
    if (level.method != "hard_concrete") continue;
    EXPECT_EQ(level.figures.front().figure, "auroc");
    EXPECT_EQ(level.figures.front().value, level.is_default ? .9 : .6);
  }
}

TEST(KnobLevels, AreNoneAtDefaultKnobs) {
  EXPECT_THAT(knob_levels(made_rows({{}})), IsEmpty());
}

}  // namespace
}  // namespace cprobe
