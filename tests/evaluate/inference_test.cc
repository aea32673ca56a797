#include "cprobe/evaluate/inference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "tests/evaluate/null_families.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using testing::family_of;
using ::testing::IsEmpty;
using testing::kMostOf2000;
using testing::RandomNumbers;
using testing::with_real;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kEffectOfInterest = 0.05;

TEST(CountedP, IsComparedInIntegers) {
  EXPECT_TRUE((CountedP{.n_as_strong = 0, .n_nulls = 19}).is_significant()) << "1 / 20 is .05";
  EXPECT_FALSE((CountedP{.n_as_strong = 1, .n_nulls = 19}).is_significant());
  EXPECT_FALSE((CountedP{.n_as_strong = 0, .n_nulls = 18}).is_significant()) << "1 / 19";
  EXPECT_TRUE((CountedP{.n_as_strong = 4, .n_nulls = 99}).is_significant()) << "5 / 100";
  EXPECT_EQ((CountedP{.n_as_strong = 0, .n_nulls = 19}).p(), 0.05);
  EXPECT_EQ((CountedP{}).p(), 1) << "no nulls";
  EXPECT_FALSE(CountedP{}.is_significant());
}

TEST(POf, CountsTies) {
  EXPECT_EQ(p_of({.value = .5, .nulls = {.5, .4, .6}}), (CountedP{2, 3}));
  EXPECT_EQ(p_of({.value = .5, .nulls = {.5 - 5e-10, .5 - 2e-9}}), (CountedP{1, 2})) << "within 1e-9";
  EXPECT_EQ(p_of({.value = .5}), (CountedP{0, 0}));
}

TEST(Inference, RefusesNumbersThatAreNone) {
  EXPECT_FAILED_ERROR(p_of({.value = kNan, .nulls = {1}}), "nan");
  EXPECT_FAILED_ERROR(p_of({.value = 1, .nulls = {1, kNan}}), "null is nan");
  EXPECT_FAILED_ERROR(max_t(std::vector<BesideNulls>{{.value = kInfinity, .nulls = {1}}}, .05), "inf");
  EXPECT_FAILED_ERROR(max_t(std::vector<BesideNulls>{{.value = 1, .nulls = {1}}}, kNan), "smallest effect");
  EXPECT_FAILED_ERROR(max_t({}, -.05), "-0.05");
  EXPECT_FAILED_ERROR(benjamini_hochberg({.5, kNan}), "nan");
  EXPECT_FAILED_ERROR(benjamini_hochberg({0.}), "above 0");
  EXPECT_FAILED_ERROR(mean_over_seeds(std::vector<BesideNulls>{{.value = kNan}}), "nan");
}

TEST(MaxT, IsWhatCountingByHandGives) {
  // First cell: mean 1, sd 2, Z = 1.5, -.5, -.5, -.5.
  // Second cell: mean 1.5, sd 1, Z = -.5, 1.5, -.5, -.5.
  const std::vector<BesideNulls> family = {{.value = 4, .nulls = {0, 0, 0}}, {.value = 1, .nulls = {3, 1, 1}}};
  EXPECT_THAT(max_t(family, 0), ElementsAre(CountedP{1, 3}, CountedP{3, 3}));
}

TEST(MaxT, HoldsBackCellsWhoseNullsHardlyVary) {
  // With s0 = 1 the scales are sqrt(5) and sqrt(2): Z of the first cell is 1.34, of null 1 of the
  // second 1.06.
  const std::vector<BesideNulls> family = {{.value = 4, .nulls = {0, 0, 0}}, {.value = 1, .nulls = {3, 1, 1}}};
  EXPECT_THAT(max_t(family, 2), ElementsAre(CountedP{0, 3}, CountedP{3, 3}));
}

TEST(MaxT, OfOneCellIsItsOwnP) {
  RandomNumbers random(1);
  for (int i = 0; i < 50; ++i) {
    const std::vector<BesideNulls> cell = family_of(1, 39, [&](int64_t, int64_t) { return random.below(7) / 7; });
    EXPECT_THAT(max_t(cell, kEffectOfInterest), ElementsAre(p_of(cell.front())));
  }
}

TEST(MaxT, IsNeverBelowTheUnadjustedP) {
  RandomNumbers random(2);
  const std::vector<BesideNulls> family = family_of(12, 39, [&](int64_t, int64_t) { return random.normal(); });
  const std::vector<CountedP> adjusted = max_t(family, kEffectOfInterest);
  for (size_t c = 0; c < family.size(); ++c) EXPECT_GE(adjusted[c].p(), p_of(family[c]).p()) << c;
}

TEST(MaxT, CanFindOneCellOfManyWithNineteenNulls) {
  RandomNumbers random(3);
  std::vector<BesideNulls> family = family_of(200, 19, [&](int64_t, int64_t) { return .02 * random.normal(); });
  family[70].value = .9;
  EXPECT_EQ(max_t(family, kEffectOfInterest)[70], (CountedP{0, 19}));
}

TEST(MaxT, DoesNotDependOnTheUnitOfACell) {
  RandomNumbers random(4);
  const std::vector<BesideNulls> family = family_of(6, 39, [&](int64_t, int64_t) { return random.normal(); });
  const auto changed = [&](double factor, double added) {
    std::vector<BesideNulls> other = family;
    for (size_t c = 0; c < other.size(); ++c) {
      const double a = std::pow(factor, static_cast<double>(c)), b = added * static_cast<double>(c);
      other[c].value = a * other[c].value + b;
      for (double& null : other[c].nulls) null = a * null + b;
    }
    return other;
  };
  EXPECT_EQ(max_t(changed(1, 3), kEffectOfInterest), max_t(family, kEffectOfInterest)) << "moved";
  EXPECT_EQ(max_t(changed(7, -2), 0), max_t(family, 0)) << "moved and scaled, each cell by itself";
  std::vector<BesideNulls> percent = family;
  for (BesideNulls& cell : percent) {
    cell.value *= 100;
    for (double& null : cell.nulls) null *= 100;
  }
  EXPECT_EQ(max_t(percent, 100 * kEffectOfInterest), max_t(family, kEffectOfInterest)) << "scaled with s0";
}

TEST(MaxT, UsesAsManyNullsAsEveryCellHas) {
  const std::vector<BesideNulls> family = {{.value = 1, .nulls = {0, 0, 5}}, {.value = 0, .nulls = {0, 0}}};
  EXPECT_THAT(max_t(family, kEffectOfInterest), ElementsAre(CountedP{0, 2}, CountedP{2, 2}));
}

TEST(MaxT, SaysNothingOfCellsThatNeverVaryOrHaveNoNulls) {
  const BesideNulls constant{.value = .1, .nulls = std::vector<double>(19, .1)};
  EXPECT_THAT(max_t(std::vector{constant}, 0), ElementsAre(CountedP{19, 19}));
  EXPECT_THAT(max_t(std::vector{constant, constant}, kEffectOfInterest),
              ElementsAre(CountedP{19, 19}, CountedP{19, 19}));
  EXPECT_THAT(max_t(std::vector<BesideNulls>{{.value = .9}}, kEffectOfInterest), ElementsAre(CountedP{0, 0}));
  EXPECT_THAT(max_t({}, kEffectOfInterest), IsEmpty());
}

/// Expects that, for every L, at most L of the K + 1 choices of the real value give a least p of at
/// most L / (K + 1).
void expect_exact(const std::vector<BesideNulls>& family, double smallest_effect, const std::string& what) {
  const size_t n = family.front().nulls.size() + 1;
  std::vector<int64_t> n_choices(n, 0);  // Choices by their least count of nulls as strong.
  for (size_t b = 0; b < n; ++b) {
    const std::vector<CountedP> p = max_t(with_real(family, b), smallest_effect);
    ++n_choices[static_cast<size_t>(std::ranges::min(p, {}, &CountedP::n_as_strong).n_as_strong)];
  }
  int64_t total = 0;
  for (size_t least = 0; least < n; ++least) {
    total += n_choices[least];
    ASSERT_LE(total, static_cast<int64_t>(least) + 1) << what << ", K = " << n - 1;
  }
}

TEST(MaxT, IsExactForAnyTable) {
  RandomNumbers random(5);
  for (const int64_t n_nulls : {1, 19, 20, 39, 99}) {
    for (const int64_t n_cells : {1, 2, 7, 30}) {
      for (int repetition = 0; repetition < 5; ++repetition) {
        const auto expect = [&](const std::string& what, const std::function<double(int64_t, int64_t)>& draw) {
          const std::vector<BesideNulls> family = family_of(n_cells, n_nulls, draw);
          expect_exact(family, kEffectOfInterest, what);
          expect_exact(family, 0, what + ", s0 = 0");
        };
        expect("normal", [&](int64_t, int64_t) { return random.normal(); });
        expect("few values", [&](int64_t, int64_t) { return random.below(4) / 10; });
        expect("rare values", [&](int64_t, int64_t) { return random.below(30) == 0 ? 1.0 : 0.0; });
        expect("constant cells beside others", [&](int64_t c, int64_t) { return c % 2 == 0 ? .1 : random.normal(); });
        expect("a wild cell", [&](int64_t c, int64_t) {
          return c == 0 ? random.normal() / (random.normal() * random.normal()) : .01 * random.normal();
        });
        expect("differences of rounding", [&](int64_t, int64_t) { return .3 + 1e-16 * random.below(3); });
      }
    }
  }
}

TEST(MaxT, FindsNothingTooOftenAmongRandomCells) {
  RandomNumbers random(6);
  int64_t n_found = 0;
  for (int i = 0; i < 2000; ++i) {
    double shared = 0;
    const std::vector<BesideNulls> family = family_of(5, 19, [&](int64_t c, int64_t) {
      if (c == 0) shared = random.normal();
      return shared + random.normal();
    });
    n_found += std::ranges::any_of(max_t(family, kEffectOfInterest), &CountedP::is_significant) ? 1 : 0;
  }
  EXPECT_LE(n_found, kMostOf2000);
}

TEST(MaxT, DoesNotBlameCellsForOthersEffects) {
  RandomNumbers random(7);
  int64_t n_found = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::vector<BesideNulls> family =
        family_of(8, 19, [&](int64_t c, int64_t b) { return random.normal() + (c < 4 && b == 0 ? 10 : 0); });
    const std::vector<CountedP> p = max_t(family, kEffectOfInterest);
    n_found += std::any_of(p.begin() + 4, p.end(), [](const CountedP& one) { return one.is_significant(); }) ? 1 : 0;
  }
  EXPECT_LE(n_found, kMostOf2000);
}

/// A cell whose p is (1 + n_as_strong) / (1 + n_nulls).
BesideNulls cell_with(int64_t n_as_strong, int64_t n_nulls) {
  BesideNulls cell{.value = .5, .nulls = std::vector<double>(static_cast<size_t>(n_nulls), 0)};
  std::fill_n(cell.nulls.begin(), n_as_strong, 1.0);
  return cell;
}

TEST(Holm, IsWhatCountingByHandGives) {
  // p = 3/100, 1/100, 4/100, 50/100: times 3, 4, 2, 1.
  const std::vector<BesideNulls> family = {cell_with(2, 99), cell_with(0, 99), cell_with(3, 99), cell_with(49, 99)};
  EXPECT_THAT(holm(family), ElementsAre(CountedP{8, 99}, CountedP{3, 99}, CountedP{8, 99}, CountedP{49, 99}));
  EXPECT_THAT(holm(std::vector<BesideNulls>()), IsEmpty());
  // 2 * 1/20 and 1 * 3/40: the second is not below the first.
  EXPECT_THAT(holm(std::vector{cell_with(0, 19), cell_with(2, 39)}), ElementsAre(CountedP{1, 19}, CountedP{1, 19}));
  EXPECT_THAT(holm(std::vector{cell_with(15, 19), cell_with(17, 19)}), ElementsAre(CountedP{19, 19}, CountedP{19, 19}))
      << "at most 1";
  EXPECT_FAILED_ERROR(holm(std::vector<BesideNulls>{{.value = 1, .nulls = {kNan}}}), "nan");
}

TEST(Holm, NeedsTwentyNullsLessOnePerCell) {
  for (const int64_t n_cells : {1, 2, 7}) {
    for (const int64_t n_nulls : {20 * n_cells - 1, 20 * n_cells - 2}) {
      const std::vector<BesideNulls> family(static_cast<size_t>(n_cells), cell_with(0, n_nulls));
      EXPECT_EQ(holm(family).front().is_significant(), n_nulls == 20 * n_cells - 1) << n_cells << " cells";
    }
  }
}

/// The adjusted p of a closed test whose sets are tested by Bonferroni's method: the largest, over
/// all sets with cell c, of the set's size times its smallest p.
CountedP closed_test(const std::vector<BesideNulls>& family, size_t c) {
  CountedP most{0, std::ssize(family.front().nulls)};
  for (uint32_t set = 0; set < uint32_t{1} << family.size(); ++set) {
    if ((set >> c & 1) == 0) continue;
    int64_t size = 0, least = most.n_nulls;
    for (size_t i = 0; i < family.size(); ++i) {
      if ((set >> i & 1) == 0) continue;
      ++size;
      least = std::min(least, p_of(family[i]).n_as_strong);
    }
    most.n_as_strong = std::max(most.n_as_strong, std::min(most.n_nulls, size * (1 + least) - 1));
  }
  return most;
}

TEST(Holm, IsTheClosedTestByBonferroni) {
  RandomNumbers random(8);
  for (const int64_t n_nulls : {19, 99, 159}) {
    for (int repetition = 0; repetition < 20; ++repetition) {
      const std::vector<BesideNulls> family = family_of(6, n_nulls, [&](int64_t c, int64_t b) {
        return random.below(60) + (b == 0 ? 10.0 * static_cast<double>(c) : 0);
      });
      const std::vector<CountedP> p = holm(family);
      for (size_t c = 0; c < family.size(); ++c) ASSERT_EQ(p[c], closed_test(family, c)) << n_nulls << " nulls";
    }
  }
}

TEST(Holm, IsExactForAnyTable) {
  // Of the K + 1 choices of the real value, at most .05 (K + 1) give any cell a significant p.
  RandomNumbers random(9);
  for (const int64_t n_nulls : {19, 39, 99, 159}) {
    for (const int64_t n_cells : {1, 2, 7}) {
      const auto expect = [&](const char* what, const std::function<double(int64_t, int64_t)>& draw) {
        const std::vector<BesideNulls> family = family_of(n_cells, n_nulls, draw);
        int64_t n_choices = 0;
        for (size_t b = 0; b <= static_cast<size_t>(n_nulls); ++b) {
          n_choices += std::ranges::any_of(holm(with_real(family, b)), &CountedP::is_significant) ? 1 : 0;
        }
        EXPECT_LE(kSignificance * n_choices, 1 + n_nulls) << what << ", " << n_cells << " cells, K = " << n_nulls;
      };
      expect("normal", [&](int64_t, int64_t) { return random.normal(); });
      expect("few values", [&](int64_t, int64_t) { return random.below(4) / 10; });
      expect("distinct in each cell",
             [&](int64_t c, int64_t b) { return static_cast<double>((b + 20 * c) % (n_nulls + 1)); });
      expect("constant cells beside others", [&](int64_t c, int64_t) { return c % 2 == 0 ? .1 : random.normal(); });
    }
  }
}

TEST(Adjusted, IsByTheMethodAskedFor) {
  const std::vector<BesideNulls> family = {cell_with(0, 99), cell_with(3, 99)};
  EXPECT_EQ(adjusted(family, {}), max_t(family, .05));
  EXPECT_EQ(adjusted(family, {.smallest_effect = .3}), max_t(family, .3));
  EXPECT_EQ(adjusted(family, {.correction = Correction::kHolm}), holm(family));
  EXPECT_EQ(to_string(Correction::kMaxT), "maxT");
  EXPECT_EQ(to_string(Correction::kHolm), "holm");
}

TEST(MeanOverSeeds, AveragesNullByNull) {
  const std::vector<BesideNulls> seeds = {{.value = 1, .nulls = {0, 2}}, {.value = 3, .nulls = {4, 6}}};
  EXPECT_EQ(mean_over_seeds(seeds), (BesideNulls{.value = 2, .nulls = {2, 4}}));
  EXPECT_FAILED_ERROR(mean_over_seeds({}), "no seeds");
  EXPECT_FAILED_ERROR(mean_over_seeds(std::vector<BesideNulls>{{.value = 1, .nulls = {0}}, {.value = 1}}), "1 nulls");
}

TEST(BenjaminiHochberg, IsWhatCountingByHandGives) {
  const std::vector<double> q = benjamini_hochberg({.01, .04, .03, .5});
  EXPECT_THAT(q, ElementsAre(::testing::DoubleNear(.04, 1e-12), ::testing::DoubleNear(.16 / 3, 1e-12),
                             ::testing::DoubleNear(.16 / 3, 1e-12), ::testing::DoubleNear(.5, 1e-12)));
  EXPECT_THAT(benjamini_hochberg({}), IsEmpty());
  EXPECT_THAT(benjamini_hochberg({.2}), ElementsAre(.2));
  EXPECT_THAT(benjamini_hochberg({1, 1}), ElementsAre(1, 1));
}

using Models = std::vector<std::vector<BesideNulls>>;

/// @param has_effect  whether cell c has an effect, of ten standard deviations, in model i.
Models drawn_models(RandomNumbers& random, int64_t n_models, int64_t n_cells,
                    const std::function<bool(int64_t i, int64_t c)>& has_effect) {
  Models models;
  for (int64_t i = 0; i < n_models; ++i) {
    models.push_back(family_of(
        n_cells, 19, [&](int64_t c, int64_t b) { return random.normal() + (b == 0 && has_effect(i, c) ? 10 : 0); }));
  }
  return models;
}

TEST(Replicated, InOneModelIsMaxT) {
  RandomNumbers random(8);
  const Models models = drawn_models(random, 1, 6, [](int64_t, int64_t c) { return c == 2; });
  EXPECT_EQ(replicated(models, 1, kEffectOfInterest), max_t(models.front(), kEffectOfInterest));
}

TEST(Replicated, InAllModelsIsTheLargestPOfOneFamily) {
  RandomNumbers random(9);
  const Models models = drawn_models(random, 3, 4, [](int64_t, int64_t c) { return c < 2; });
  std::vector<BesideNulls> all;
  for (const std::vector<BesideNulls>& family : models) all.insert(all.end(), family.begin(), family.end());
  const std::vector<CountedP> joint = max_t(all, kEffectOfInterest);
  const std::vector<CountedP> p = replicated(models, 3, kEffectOfInterest);
  for (size_t c = 0; c < 4; ++c) {
    const int64_t most = std::max({joint[c].n_as_strong, joint[4 + c].n_as_strong, joint[8 + c].n_as_strong});
    EXPECT_EQ(p[c], (CountedP{most, 19})) << c;
  }
}

TEST(Replicated, TakesOneModelForAnother) {
  const std::vector<double> nulls = {1, -1, 0, 0, 1, -1};
  const BesideNulls strong{.value = 9, .nulls = nulls}, weak{.value = .5, .nulls = nulls};
  const auto p = [&](const BesideNulls& a, const BesideNulls& b, const BesideNulls& c) {
    return replicated(Models{{a}, {b}, {c}}, 2, kEffectOfInterest).front();
  };
  EXPECT_EQ(p(strong, weak, strong), (CountedP{0, 6})) << "two models have it";
  EXPECT_EQ(p(strong, strong, weak), (CountedP{0, 6})) << "whichever two";
  EXPECT_EQ(p(strong, weak, weak), (CountedP{2, 6})) << "one has it: two nulls are 1, above the .5 of the others";
}

TEST(Replicated, FindsNothingTooOftenWhereTooFewModelsHaveTheEffect) {
  struct Case {
    int64_t n_models, n_with_effect;
    std::function<bool(int64_t i, int64_t c)> has_effect;
  };
  const std::vector<Case> cases = {
      {2, 2, [](int64_t i, int64_t) { return i == 0; }},
      {3, 2, [](int64_t i, int64_t) { return i == 0; }},
      {3, 3, [](int64_t i, int64_t) { return i < 2; }},
      {3, 2, [](int64_t i, int64_t c) { return i == c; }},  // Another model for each cell.
  };
  RandomNumbers random(10);
  for (size_t k = 0; k < cases.size(); ++k) {
    int64_t n_found = 0;
    for (int i = 0; i < 2000; ++i) {
      const Models models = drawn_models(random, cases[k].n_models, 3, cases[k].has_effect);
      const std::vector<CountedP> p = replicated(models, cases[k].n_with_effect, kEffectOfInterest);
      n_found += std::ranges::any_of(p, &CountedP::is_significant) ? 1 : 0;
    }
    EXPECT_LE(n_found, kMostOf2000) << "case " << k;
    EXPECT_GE(n_found, 20) << "case " << k << ": a test that never finds anything is no test";
  }
}

TEST(Replicated, CountsAllModelsTogether) {
  // Cell 0 has an effect in model 2 only, cell 1 in model 1 only, and the nulls of model 0 hardly
  // vary. Each set of two models alone would give .05 for each of two cells.
  RandomNumbers random(11);
  int64_t n_found = 0;
  for (int i = 0; i < 2000; ++i) {
    Models models;
    for (int64_t model = 0; model < 3; ++model) {
      models.push_back(family_of(2, 19, [&](int64_t c, int64_t b) {
        return (model == 0 ? 1e-4 : 1) * random.normal() + (b == 0 && model == 2 - c ? 100 : 0);
      }));
    }
    const std::vector<CountedP> p = replicated(models, 2, kEffectOfInterest);
    n_found += std::ranges::any_of(p, &CountedP::is_significant) ? 1 : 0;
  }
  EXPECT_LE(n_found, kMostOf2000);
}

TEST(Replicated, ByHolmsMethodCountsTheCellsOfAllModels) {
  // Three models of one cell are a family of three: 3 * 1/100, then 2 * 2/100, then 60/100.
  const std::vector<std::vector<BesideNulls>> models = {{cell_with(0, 99)}, {cell_with(59, 99)}, {cell_with(1, 99)}};
  const JudgeOptions rules{.correction = Correction::kHolm};
  EXPECT_THAT(replicated(models, 1, rules), ElementsAre(CountedP{2, 99}));
  EXPECT_THAT(replicated(models, 2, rules), ElementsAre(CountedP{3, 99}));
  EXPECT_THAT(replicated(models, 3, rules), ElementsAre(CountedP{59, 99}));
}

TEST(Replicated, RefusesWhatMakesNoSense) {
  const BesideNulls cell{.value = 1, .nulls = {0}};
  EXPECT_FAILED_ERROR(replicated({}, 1, .05), "1 of 0");
  EXPECT_FAILED_ERROR(replicated(Models{{cell}}, 2, .05), "2 of 1");
  EXPECT_FAILED_ERROR(replicated(Models{{cell}}, 0, .05), "0 of 1");
  EXPECT_FAILED_ERROR(replicated(Models{{cell}, {cell, cell}}, 1, .05), "cells");
  EXPECT_FAILED_ERROR(replicated(Models{{{.value = kNan}}}, 1, .05), "nan");
  EXPECT_THAT(replicated(Models{{}, {}}, 2, .05), IsEmpty());
  EXPECT_THAT(replicated(Models{{{.value = 1}}}, 1, .05), ElementsAre(CountedP{0, 0})) << "no nulls";
}

TEST(MostOf, IsASmallestMajority) {
  EXPECT_THAT(std::vector({most_of(1), most_of(2), most_of(3), most_of(4), most_of(5)}), ElementsAre(1, 2, 2, 3, 3));
}

}  // namespace
}  // namespace cprobe
