#include "cprobe/data/joined_data.h"

#include "tests/support.h"

namespace cprobe {
namespace {

at::Tensor numbers(const std::vector<int64_t>& values) {
  return at::tensor(values);
}

Dataset first() {
  return {.source = "one.csv",
          .trie = build_trie(std::vector<std::vector<int64_t>>{{1, 2, 9}, {1, 3, 9}}),
          .answers = numbers({5, 6})};
}

Dataset second() {
  return {
      .source = "two.csv", .trie = build_trie(std::vector<std::vector<int64_t>>{{1, 2, 8}}), .answers = numbers({4})};
}

TEST(JoinedData, HasAllRowsInOrder) {
  const Dataset both = joined(std::vector{first(), second()});
  EXPECT_EQ(both.source, "one.csv + two.csv");
  EXPECT_EQ(both.trie.n_rows(), 3);
  EXPECT_TRUE(both.trie.token.index_select(0, both.trie.nodes_at(-1)).equal(numbers({9, 9, 8})));
  EXPECT_TRUE(both.answers.equal(numbers({5, 6, 4})));
}

TEST(JoinedData, SharesPrefixesAcrossSets) {
  const Dataset both = joined(std::vector{first(), second()});
  EXPECT_EQ(both.trie.n_nodes(), 6) << "1; 1 2; 1 2 9; 1 3; 1 3 9; 1 2 8";
  EXPECT_EQ(both.trie.row(0)[1], both.trie.row(2)[1]);
}

TEST(JoinedData, RefusesSentences) {
  Dataset sentences = second();
  sentences.contrast = Contrast{};
  EXPECT_FAILED_ERROR(joined(std::vector{first(), sentences}), "two.csv: sentences");
  EXPECT_FAILED_ERROR(joined({}), "no data set");
}

}  // namespace
}  // namespace cprobe
