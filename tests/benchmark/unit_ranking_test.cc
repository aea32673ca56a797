#include "cprobe/benchmark/unit_ranking.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cprobe {
namespace {

using ::testing::DoubleEq;
using ::testing::Optional;

TEST(Auroc, IsTheShareOfPairsInOrderAndTiesCountHalf) {
  const std::vector<double> scores = {.9, .8, .7, .7, .1};
  // True: .9, .7. Others: .8, .7, .1. Pairs: 3 of 3; .7 against .8 no, .7 half, .1 yes.
  EXPECT_THAT(auroc(scores, {true, false, true, false, false}), Optional(DoubleEq(4.5 / 6)));
  EXPECT_EQ(auroc(scores, {true, true, true, true, true}), std::nullopt);
  EXPECT_EQ(auroc(scores, {false, false, false, false, false}), std::nullopt);
}

TEST(AveragePrecision, IsTheMeanPrecisionAtTrueUnits) {
  EXPECT_THAT(average_precision(std::vector{3., 2., 1.}, {true, false, true}), Optional(DoubleEq((1 + 2. / 3) / 2)));
  EXPECT_THAT(average_precision(std::vector{1., 1., 1., 1.}, {true, false, false, false}), Optional(DoubleEq(.25)));
}

/// One matrix: units 0 and 1 are the variable's, 2 is shared, 3 to 5 others, 6 and 7 dead.
PlantedVariable planted() {
  return {.name = "v",
          .status = PlantedStatus::kUsed,
          .component = ComponentRef{0, Block::kMlp},
          .matrices = {{.units = {0, 1}, .shared = {2}, .other = {3, 4, 5}, .dead = {6, 7}}}};
}

TEST(UnitFigures, LeaveSharedUnitsOut) {
  const at::Tensor scores = at::tensor({.9, .8, 1., .1, .2, .3, 0., 0.}, at::kDouble);
  const at::Tensor members = at::tensor({1, 0, 1, 1, 0, 0, 0, 0}).to(at::kBool);
  const UnitFigures figures = unit_figures(planted(), {scores}, {members});
  EXPECT_THAT(figures.auroc, Optional(1.));
  EXPECT_THAT(figures.precision_at_size, Optional(1.));
  EXPECT_THAT(figures.precision, Optional(.5));
  EXPECT_THAT(figures.recall, Optional(.5));
  EXPECT_THAT(figures.jaccard, Optional(DoubleEq(1. / 3)));
}

TEST(UnitFigures, AreThoseOfTheBestCopy) {
  PlantedVariable variable = planted();
  variable.alternatives = {{{0}}, {{1}}};
  const at::Tensor members = at::tensor({0, 1, 0, 0, 0, 0, 0, 0}).to(at::kBool);
  const UnitFigures figures = unit_figures(variable, {}, {members});
  EXPECT_THAT(figures.precision, Optional(1.));
  EXPECT_THAT(figures.recall, Optional(1.));
  EXPECT_EQ(figures.auroc, std::nullopt);
}

TEST(UnitFigures, OfNoUnitsHaveNoPrecision) {
  const UnitFigures figures = unit_figures(planted(), {}, {at::zeros({8}, at::kBool)});
  EXPECT_EQ(figures.precision, std::nullopt);
  EXPECT_THAT(figures.recall, Optional(0.));
}

}  // namespace
}  // namespace cprobe
