#include "cprobe/data/dataset.h"

#include "tests/support.h"

namespace cprobe {
namespace {

Dataset small_dataset() {
  Dataset dataset;
  dataset.source = "train.csv";
  dataset.trie = build_trie(std::vector<std::vector<int64_t>>{{1, 2}, {1, 3}, {1, 2}});
  dataset.variables.emplace("var_0", at::tensor(std::vector<int64_t>{9, -4, 9}));
  return dataset;
}

TEST(LabelledTokens, AreOneOfEachRow) {
  const LabelledTokens tokens = small_dataset().labelled("var_0", -1);
  EXPECT_EQ(tokens.n_labelled(), 3);
  EXPECT_TRUE(tokens.nodes.equal(at::tensor(std::vector<int64_t>{1, 2, 1})));
  EXPECT_TRUE(tokens.labels.equal(at::tensor(std::vector<int64_t>{9, -4, 9})));
}

TEST(LabelledTokens, TakeAnyIntegers) {
  const LabelledTokens tokens = make_labelled_tokens(at::arange(3, at::kInt), at::arange(3, at::kInt).flip(0));
  EXPECT_EQ(tokens.nodes.scalar_type(), at::kLong);
  EXPECT_TRUE(tokens.labels.is_contiguous());
  EXPECT_TRUE(tokens.labels.equal(at::tensor(std::vector<int64_t>{2, 1, 0})));
}

TEST(LabelledTokens, RefuseSizesThatDiffer) {
  EXPECT_INPUT_ERROR(make_labelled_tokens(at::arange(3), at::arange(2)), "got 3 nodes and 2 labels");
}

TEST(Dataset, NamesTheNearestVariable) {
  EXPECT_INPUT_ERROR(small_dataset().labelled("var_1", -1), "train.csv: no variable 'var_1'; did you mean 'var_0'?");
  EXPECT_INPUT_ERROR(Dataset{.source = "empty.csv"}.labelled("var_1", -1), "empty.csv: no variable 'var_1'");
  EXPECT_INPUT_ERROR(small_dataset().labelled("var_0", 2), "no token at position 2");
}

}  // namespace
}  // namespace cprobe
