#include "cprobe/evaluate/nearest_neighbours.h"

#include <cmath>

#include "cprobe/core/seed.h"
#include "cprobe/io/safetensors.h"
#include "tests/shared_folder.h"
#include "tests/support.h"
#include "tests/tensors.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;

std::vector<int64_t> to_vector(const at::Tensor& x) {
  const at::Tensor values = x.contiguous();
  return {values.data_ptr<int64_t>(), values.data_ptr<int64_t>() + values.numel()};
}

/// Share of vectors that are given the expected class.
/// @param classes  of the exemplars.
double share_as_expected(const at::Tensor& vectors, const at::Tensor& expected, const at::Tensor& exemplars,
                         const at::Tensor& classes) {
  return knn({exemplars, classes}, {vectors, expected}, {to_vector(at::arange(exemplars.size(0)))}).test.mean;
}

/// Whether the nearest exemplar of each vector is the one with the given number.
bool are_nearest(const at::Tensor& vectors, const at::Tensor& exemplars, const std::vector<int64_t>& numbers) {
  return share_as_expected(vectors, at::tensor(numbers), exemplars, at::arange(exemplars.size(0))) == 1;
}

TEST(NearestExemplars, EqualThoseOfScikitLearn) {
  const std::filesystem::path path = testing::shared_folder() / "golden/eval/knn.safetensors";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << testing::not_shared(path);
  const SafetensorsFile golden = SafetensorsFile::open(path);
  const at::Tensor vectors = golden.tensor("vectors"), labels = golden.tensor("labels");
  const at::Tensor exemplars = golden.tensor("exemplars"), rest = golden.tensor("rest");
  const at::Tensor predictions = golden.tensor("predictions");
  EXPECT_EQ(share_as_expected(vectors.index_select(0, rest), predictions, vectors.index_select(0, exemplars),
                              labels.index_select(0, exemplars)),
            1);

  const LabelledVectors all{vectors, labels};
  const KnnResult result = knn(all, all, {to_vector(exemplars)});
  const at::Tensor right = predictions == labels.index_select(0, rest);
  EXPECT_EQ(result.n_dev, rest.size(0));
  EXPECT_DOUBLE_EQ(result.dev.mean, right.sum().item<double>() / static_cast<double>(rest.size(0)));
}

TEST(NearestExemplars, GoByAngleAndNotByLength) {
  const at::Tensor exemplars = at::tensor({100.f, 0.f, 0.f, 0.01f}).view({2, 2});
  const at::Tensor vectors = at::tensor({1.f, 0.9f, 0.9f, 1.f, -1.f, 0.1f}).view({3, 2});
  EXPECT_TRUE(are_nearest(vectors, exemplars, {0, 1, 1}));
}

TEST(NearestExemplars, TheFirstOfEqualsWins) {
  const at::Tensor exemplars = at::tensor({0.f, 1.f, 1.f, 0.f, 2.f, 0.f, 1.f, 0.f}).view({4, 2});
  const at::Tensor vectors = at::tensor({3.f, 0.f, 1.f, 1.f, -1.f, -1.f}).view({3, 2});
  EXPECT_TRUE(are_nearest(vectors, exemplars, {1, 0, 0}));
  // There are many equal exemplars, so that vectorised comparisons meet some in one register.
  EXPECT_TRUE(are_nearest(vectors, at::ones({113, 2}), {0, 0, 0}));
}

TEST(NearestExemplars, AZeroVectorIsAtDistanceOneOfAll) {
  const at::Tensor exemplars = at::tensor({-1.f, 0.f, 0.f, 0.f, 1.f, 1.f}).view({3, 2});
  const at::Tensor vectors = at::tensor({0.f, 0.f, 1.f, 0.f, -1.f, -1.f, -1.f, 3.f}).view({4, 2});
  // The zero vector ties with all exemplars. The zero exemplar is nearer than another exemplar only
  // if that one is at more than a right angle.
  EXPECT_TRUE(are_nearest(vectors, exemplars, {0, 2, 0, 2}));
}

class Knn : public ::testing::Test {
 protected:
  static at::Tensor angles(const std::vector<double>& degrees) {
    const at::Tensor radians = at::tensor(degrees, at::kDouble) * (M_PI / 180);
    return at::stack({radians.cos(), radians.sin()}, 1).to(at::kFloat);
  }
  // Class 4 lies around 0 degrees, class 9 around 90 degrees. Row 5 is on the wrong side.
  const LabelledVectors train_{angles({0, 10, 20, 90, 100, 30}), at::tensor({4, 4, 4, 9, 9, 9}, at::kLong)};
  const LabelledVectors test_{angles({5, 85, 60, 40}), at::tensor({4, 9, 4, 9}, at::kLong)};
};

TEST_F(Knn, LeavesTheExemplarsOutOfTheDevAccuracy) {
  const KnnResult result = knn(train_, test_, {{0, 3}});
  EXPECT_EQ(result.n_dev, 4);
  EXPECT_DOUBLE_EQ(result.dev.mean, 3.0 / 4);  // All but row 5.
  EXPECT_EQ(result.n_test, 4);
  EXPECT_DOUBLE_EQ(result.test.mean, 2.0 / 4);  // 60 and 40 degrees are nearer to the other class.
  EXPECT_EQ(result.dev.n, 1);
  EXPECT_FALSE(result.dev.sd.has_value());
}

TEST_F(Knn, SpreadsOverDrawsOfExemplars) {
  const KnnResult result = knn(train_, test_, {{0, 3}, {2, 5}});
  // Second draw: exemplars at 20 and 30 degrees.
  //   - Dev: rows 0, 1, 3 and 4 are right.
  //   - Test: 5, 85 and 40 degrees are right, 60 is wrong.
  EXPECT_DOUBLE_EQ(result.dev.mean, (0.75 + 1.0) / 2);
  EXPECT_NEAR(result.dev.sd.value(), 0.25 / std::sqrt(2.0), 1e-12);
  EXPECT_DOUBLE_EQ(result.test.mean, (0.5 + 0.75) / 2);
}

TEST_F(Knn, MajorityIsTheMostFrequentExemplarLabelTheSmallestOfEquals) {
  const KnnResult tied = knn(train_, test_, {{3, 0}});
  EXPECT_DOUBLE_EQ(tied.dev_majority, 2.0 / 4);  // Class 4 among rows 1, 2, 4 and 5.
  EXPECT_DOUBLE_EQ(tied.test_majority, 2.0 / 4);
  const KnnResult several = knn(train_, test_, {{0, 3, 4}});
  EXPECT_DOUBLE_EQ(several.dev_majority, 1.0 / 3);  // Class 9 among rows 1, 2 and 5.
}

TEST(RowsByClass, ListsTheRowsOfEachClassInAscendingOrder) {
  EXPECT_THAT(rows_by_class(at::tensor({7, -2, 7, -2, 7}, at::kLong)),
              ElementsAre(ElementsAre(1, 3), ElementsAre(0, 2, 4)));
}

TEST(RowsByClass, RefusesWhatCannotBeDecoded) {
  EXPECT_INPUT_ERROR(require_decodable(at::tensor({3, 3, 3}, at::kLong), "x.csv"),
                     "x.csv: decoding needs at least 2 classes, found 1");
  EXPECT_INPUT_ERROR(require_decodable(at::zeros({0}, at::kLong), "x.csv"), "needs at least 2 classes, found 0");
  EXPECT_INPUT_ERROR(require_decodable(at::tensor({3, 3, 5}, at::kLong), "x.csv"),
                     "class 5 has a single training token");
}

}  // namespace
}  // namespace cprobe
