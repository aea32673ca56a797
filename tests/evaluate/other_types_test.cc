#include "cprobe/evaluate/other_types.h"

#include "cprobe/core/seed.h"
#include "tests/support.h"

namespace cprobe {
namespace {

/// Twelve types with four values; type t has the value t % 4. Rows: five of each type.
struct Data {
  Types types;
  TypedVectors rows;
};

/// @param of_type  [12, d]: the vector of all rows of each type.
Data data(const at::Tensor& of_type) {
  const at::Tensor type = at::arange(60) % 12;
  Data data;
  data.types.parts = {"token 0"};
  data.types.value = at::arange(12) % 4;
  data.types.is_known = at::ones({12}, at::kBool);
  data.types.part_of_type = at::arange(12).unsqueeze(1);
  data.types.n_values = {12};
  data.types.of_rows = {type};
  data.rows = {.vectors = of_type.index_select(0, type), .labels = type % 4, .types = type};
  return data;
}

/// The first row of types 0 to 3, then of types 4 to 7: one exemplar of each value.
const std::vector<std::vector<int64_t>> kDraws = {{0, 1, 2, 3}, {4, 5, 6, 7}};

AccuracyByType accuracy(const Data& d) {
  return accuracy_on_other_types(d.rows, d.rows, d.types.value, kDraws);
}

TEST(OtherTypes, VectorsOfTypesWithoutTheirValueAreWorthNothing) {
  // Every type has a direction of its own, so that its rows find their own exemplar and no other.
  const AccuracyByType result = accuracy(data(at::eye(12)));
  EXPECT_LE(*result.mean(), .25) << "chance, or below: ties go to the first class";
}

TEST(OtherTypes, VectorsOfValuesAreWorthAll) {
  const Data d = data(at::eye(4).repeat({3, 1}));
  const AccuracyByType result = accuracy(d);
  EXPECT_EQ(*result.mean(), 1);
  const std::vector<TypeMean> means = type_means(result, at::full({12}, .25, at::kDouble), d.types);
  ASSERT_EQ(means.size(), 12u);
  EXPECT_EQ(means[0].mean, .75);
  EXPECT_EQ(means[0].n_rows, 5);
  EXPECT_EQ(means[0].row_sd, 0);
}

TEST(OtherTypes, CountRowsUnlessTheirOwnTypeIsTheExemplar) {
  // Types 8 to 11 look like the next value; all others like their own.
  at::Tensor vectors = at::eye(4).repeat({3, 1});
  vectors.narrow(0, 8, 4).copy_(at::eye(4).roll(1, 0));
  const AccuracyByType result = accuracy(data(vectors));
  for (int64_t type = 0; type < 8; ++type) EXPECT_EQ(result.accuracy[type].item<double>(), 1) << type;
  for (int64_t type = 8; type < 12; ++type) EXPECT_EQ(result.accuracy[type].item<double>(), 0) << type;
  EXPECT_DOUBLE_EQ(*result.mean(), 2.0 / 3);
}

TEST(OtherTypes, NoAccuracyWithoutOtherTypes) {
  Data d = data(at::eye(12));
  d.types.value = at::arange(12);
  d.rows.labels = d.rows.types;
  std::vector<int64_t> all(12);
  for (int64_t t = 0; t < 12; ++t) all[static_cast<size_t>(t)] = t;
  const AccuracyByType result = accuracy_on_other_types(d.rows, d.rows, d.types.value, {all});
  EXPECT_FALSE(result.mean().has_value());
  EXPECT_TRUE(type_means(result, at::zeros({12}, at::kDouble), d.types).empty());
}

TEST(OtherTypes, ZeroVectorsAreDecodedAsTheFirstClass) {
  EXPECT_DOUBLE_EQ(*accuracy(data(at::zeros({12, 3}))).mean(), .25) << "one value of four";
}

TEST(OtherTypes, SharedVectorsAreThoseOfEachRow) {
  const Data d = data(at::randn({12, 5}, Seed(1).generator()));
  TypedVectors shared = d.rows;
  shared.vectors = d.rows.vectors.narrow(0, 0, 12);
  shared.place = d.rows.types;
  const AccuracyByType expected = accuracy(d);
  const AccuracyByType result = accuracy_on_other_types(shared, shared, d.types.value, kDraws);
  EXPECT_TRUE(at::equal(result.accuracy, expected.accuracy));
}

TEST(AccuracyByType, IsAMeanOverTypesWithinAValueThenOverValues) {
  // Types 0 and 1 have the value 5, type 2 the value 8, and type 3 no row.
  const at::Tensor types = at::tensor({0, 0, 0, 0, 1, 2, 2}, at::kLong);
  const at::Tensor right = at::tensor({1, 1, 1, 0, 0, 1, 0}, at::kLong).to(at::kBool);
  const AccuracyByType result = accuracy_by_type(right, types, at::tensor({5, 5, 8, 8}, at::kLong));
  EXPECT_EQ(result.accuracy[0].item<double>(), .75);
  EXPECT_EQ(result.accuracy[1].item<double>(), 0);
  EXPECT_TRUE(std::isnan(result.accuracy[3].item<double>()));
  EXPECT_TRUE(at::equal(result.n_rows, at::tensor({4, 1, 2, 0}, at::kLong)));
  EXPECT_DOUBLE_EQ(*result.mean(), ((.75 + 0) / 2 + .5) / 2);
}

TEST(AccuracyByType, TypesJudgeEachOtherWhereValuesHaveTwo) {
  const double none = std::numeric_limits<double>::quiet_NaN();
  const auto judge = [](const std::vector<int64_t>& values, const std::vector<double>& accuracies) {
    return judge_each_other({.value = at::tensor(values, at::kLong), .accuracy = at::tensor(accuracies, at::kDouble)});
  };
  EXPECT_TRUE(judge({0, 0, 1, 1}, {1, 1, .5, .5}));
  EXPECT_TRUE(judge({0, 0, 1, 1, 1}, {1, 1, .5, .5, 1}));
  EXPECT_FALSE(judge({0, 0, 0, 1, 1, 1}, {1, 1, 1, .5, .5, 1}));
  EXPECT_TRUE(judge({0, 0, 0, 1, 1, 1}, {1, 1, none, .5, .5, 1})) << "only types with an accuracy count";
}

TEST(FigureBesideNulls, HasTheIntervalOfTheDifference) {
  const auto means = [](double minus) {
    std::vector<TypeMean> list;
    for (int64_t type = 0; type < 20; ++type) list.push_back({.mean = (type < 10 ? .9 : .7) - minus});
    return list;
  };
  const TestedFigure figure = figure_beside_nulls(.8, {.1, .2, .3}, means, {0, 1});
  EXPECT_EQ(figure.value, .8);
  EXPECT_NEAR(figure.interval.mean, .6, 1e-12);
  EXPECT_LT(figure.interval.lower, .6);
  EXPECT_GT(figure.interval.lower, .3) << "df 2: the mean of three nulls is hardly known";
  EXPECT_LE(figure.interval.upper, .8) << "1 minus the mean of the nulls";
  const TestedFigure one_null = figure_beside_nulls(.8, {.2}, means, {0, 1});
  EXPECT_GT(one_null.interval.lower, figure.interval.lower) << "one null has no deviation";
  EXPECT_EQ(figure_beside_nulls(.8, {.2}, [](double) { return std::vector<TypeMean>(); }, {0, 1}).interval.n_types, 0);
}

TEST(TypeMeans, OfRowsWeighTypesByTheirRows) {
  Types types;
  types.parts = {"token 0", "token 1"};
  types.part_of_type = at::tensor({0, 5, 1, 5}, at::kLong).view({2, 2});
  types.value = at::zeros({2}, at::kLong);
  const std::vector<TypeMean> means =
      type_means(at::tensor({1.0, 0.0, 1.0, 1.0}, at::kDouble), at::tensor({0, 0, 1, 0}, at::kLong), types);
  ASSERT_EQ(means.size(), 2u);
  EXPECT_DOUBLE_EQ(means[0].mean, 2.0 / 3);
  EXPECT_EQ(means[0].weight, 3);
  EXPECT_EQ(means[0].n_rows, 3);
  EXPECT_NEAR(means[0].row_sd, std::sqrt(1.0 / 3), 1e-12);
  EXPECT_THAT(means[0].tokens, ::testing::ElementsAre(0, 5));
  EXPECT_EQ(means[1].mean, 1);
}

}  // namespace
}  // namespace cprobe
