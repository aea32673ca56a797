#include "cprobe/data/position.h"

#include <nlohmann/json.hpp>

#include "cprobe/data/token_trie.h"
#include "tests/support.h"
#include "tests/tensors.h"

namespace cprobe {
namespace {

TEST(Position, ComesBackFromTextAndJson) {
  for (const Position& position : {Position(), Position(3), Position("word verb"), Position("token place")}) {
    EXPECT_EQ(position_of(to_string(position)), position);
    const nlohmann::json json = position;
    EXPECT_EQ(nlohmann::json::parse(json.dump()).get<Position>(), position);
  }
  EXPECT_EQ(nlohmann::json(Position(3)), nlohmann::json(3)) << "as earlier versions wrote it";
  EXPECT_EQ(phrase_of(Position(3)), "position 3");
  EXPECT_EQ(phrase_of(Position("word verb")), "word verb");
}

TEST(Places, GoWithRowsThatAreSelectedOrBranchOff) {
  TokenTrie trie = build_trie(std::vector<std::vector<int64_t>>{{1, 2, 3}, {1, 4}, {5, 6, 7, 8}});
  trie.places["word w"] = at::tensor({1, 0, 2}, at::kLong);
  const Position word("word w");
  const auto tokens = [&](const TokenTrie& of) { return of.token.index_select(0, of.nodes_at(word)); };
  EXPECT_TRUE(at::equal(tokens(trie), at::tensor({2, 1, 7}, at::kLong)));
  const at::Tensor rows = at::tensor({2, 0}, at::kLong);
  EXPECT_TRUE(at::equal(tokens(select_rows(trie, rows).trie), at::tensor({7, 2}, at::kLong)));
  EXPECT_TRUE(at::equal(tokens(branch(trie, rows, at::tensor({1, 0}, at::kLong)).trie), tokens(trie)));
  EXPECT_INPUT_ERROR(trie.nodes_at(Position("word v"), "rows.csv"), "rows.csv: rows name no token 'word v'");
}

}  // namespace
}  // namespace cprobe
