#include "cprobe/evaluate/linear_readout.h"

#include "tests/support.h"

namespace cprobe {
namespace {

constexpr int64_t kTypes = 60, kClasses = 4, kWidth = 24;

/// Two rows of each type: noise, and in some directions the code of a class.
struct Rows {
  at::Tensor types = at::arange(2 * kTypes, at::kLong).remainder(kTypes);
  at::Tensor values = at::randint(kClasses, {kTypes}, Seed(1).generator(), at::TensorOptions(at::kLong));
  at::Tensor codes = at::randn({kClasses, kWidth}, Seed(2).generator());

  TypedVectors vectors(double strength, uint64_t seed) const {
    const at::Tensor noise = at::randn({kTypes, kWidth}, Seed(3).generator());  // of the type, in both sets
    const at::Tensor own = at::randn({2 * kTypes, kWidth}, Seed(seed).generator());
    const at::Tensor code = codes.index_select(0, values.index_select(0, types));
    return {.vectors = 3 * noise.index_select(0, types) + 0.1 * own + strength * code, .types = types};
  }
  double accuracy(double strength, const at::Tensor& of_types) const {
    return linear_accuracy_on_other_types(vectors(strength, 4), vectors(strength, 5),
                                          {{of_types.index_select(0, types), of_types}})
        .front()
        .mean()
        .value();
  }
};

TEST(LinearReadout, FindsACodeAmongLargerDirections) {
  const Rows rows;
  constexpr double kStrength = 2;
  const double linear = rows.accuracy(kStrength, rows.values);
  EXPECT_GT(linear, 0.65);
  // Nearest neighbours take all directions as they are.
  const TypedVectors train = rows.vectors(kStrength, 4), test = rows.vectors(kStrength, 5);
  std::vector<int64_t> exemplars;
  for (int64_t c = 0; c < kClasses; ++c) exemplars.push_back(rows.values.eq(c).nonzero()[0].item<int64_t>());
  const auto with_labels = [&](TypedVectors set) {
    set.labels = rows.values.index_select(0, set.types);
    return set;
  };
  EXPECT_LT(accuracy_on_other_types(with_labels(train), with_labels(test), rows.values, {exemplars}).mean().value(),
            linear - 0.15);
}

TEST(LinearReadout, DoesNotRememberTypes) {
  const Rows rows;
  // Each type's vector tells it apart from all others, and says nothing of a value.
  EXPECT_LT(rows.accuracy(0, rows.values), 0.45);
  const at::Tensor other = at::randint(kClasses, {kTypes}, Seed(9).generator(), at::TensorOptions(at::kLong));
  EXPECT_LT(rows.accuracy(3, other), 0.45);
}

TEST(LinearReadout, ReadsManyVariablesAndSharedVectorsAsItReadsOne) {
  const Rows rows;
  const TypedVectors train = rows.vectors(2, 4), test = rows.vectors(2, 5);
  const at::Tensor other = at::arange(kTypes, at::kLong).remainder(3) * 5 - 2;
  const auto variable = [&](const at::Tensor& values) {
    return ReadVariable{values.index_select(0, rows.types), values};
  };
  const auto both = linear_accuracy_on_other_types(train, test, {variable(rows.values), variable(other)});
  const auto one = linear_accuracy_on_other_types(train, test, {variable(other)});
  EXPECT_TRUE(at::equal(both[1].accuracy, one[0].accuracy));
  // Every row a vector of its own, or shared through places.
  TypedVectors placed = test;
  const at::Tensor order = at::randperm(2 * kTypes, Seed(6).generator(), at::kLong);
  placed.vectors = at::empty_like(test.vectors).index_copy_(0, order, test.vectors);
  placed.place = order;
  EXPECT_TRUE(at::equal(linear_accuracy_on_other_types(train, placed, {variable(other)})[0].accuracy, one[0].accuracy));
  EXPECT_TRUE(both[0].n_rows.eq(2).all().item<bool>());
}

TEST(LinearReadout, TakesFewerVectorsThanDirections) {
  const Rows rows;
  TypedVectors train = rows.vectors(3, 4), test = rows.vectors(3, 5);
  const at::Tensor wide = at::randn({kWidth, 5 * kTypes}, Seed(8).generator());
  const double narrow = rows.accuracy(3, rows.values);
  train.vectors = at::matmul(train.vectors, wide);
  test.vectors = at::matmul(test.vectors, wide);
  const auto found =
      linear_accuracy_on_other_types(train, test, {{rows.values.index_select(0, rows.types), rows.values}});
  EXPECT_NEAR(found[0].mean().value(), narrow, 0.1);
}

}  // namespace
}  // namespace cprobe
