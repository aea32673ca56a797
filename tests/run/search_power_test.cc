#include "cprobe/run/search_power.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cprobe {
namespace {

using ::testing::HasSubstr;

/// The power of a search that found so many of five implants of each strength.
SearchPower found(const std::vector<std::pair<double, int>>& n_found) {
  SearchPower power{.component = {5, Block::kMlp}, .n_units = 16};
  for (const auto& [strength, n] : n_found) {
    for (int i = 0; i < 5; ++i) {
      power.searches.push_back({.strength = strength,
                                .implant = i,
                                .present = i < n ? VerdictWord::kYes : VerdictWord::kUndecided,
                                .recall = i < n ? 1.0 : 0.0});
    }
  }
  summarise(power);
  return power;
}

TEST(SearchPower, BeginsWhereFourOfFiveAreFoundFromThereOn) {
  const SearchPower power = found({{2, 5}, {.25, 0}, {.5, 3}, {1, 4}});
  EXPECT_EQ(power.found_from, 1);
  EXPECT_THAT(power.sentence, HasSubstr("a circuit of 16 units in L5.mlp from strength 1 on: at 1 it found 4 of 5"));
  EXPECT_THAT(power.sentence, HasSubstr("at 0.5 only 3 of 5"));
  ASSERT_EQ(power.strengths.size(), 4U);
  EXPECT_EQ(power.strengths[1].strength, .5);
  EXPECT_EQ(power.strengths[1].n_found, 3);
  EXPECT_DOUBLE_EQ(power.strengths[1].recall, .6);
}

TEST(SearchPower, DoesNotBeginBelowAStrengthThatIsMissed) {
  EXPECT_EQ(found({{.25, 5}, {.5, 2}, {1, 5}}).found_from, 1);
}

TEST(SearchPower, SaysWhereNothingOrEverythingIsFound) {
  const SearchPower nothing = found({{.5, 5}, {2, 3}});
  EXPECT_EQ(nothing.found_from, std::nullopt);
  EXPECT_THAT(nothing.sentence, HasSubstr("would not have found a circuit"));
  EXPECT_THAT(nothing.sentence, HasSubstr("of strength 2, the largest tried, it found 3 of 5 implants"));
  EXPECT_THAT(found({{.5, 4}, {2, 5}}).sentence, HasSubstr("of strength 0.5, the least tried, or more"));
}

}  // namespace
}  // namespace cprobe
