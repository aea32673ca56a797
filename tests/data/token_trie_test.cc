#include "cprobe/data/token_trie.h"

#include <algorithm>
#include <chrono>
#include <random>
#include <set>

#include "tests/support.h"

namespace cprobe {
namespace {

using Rows = std::vector<std::vector<int64_t>>;

std::vector<int64_t> numbers(const at::Tensor& tensor) {
  const at::Tensor values = tensor.contiguous();
  return {values.data_ptr<int64_t>(), values.data_ptr<int64_t>() + values.numel()};
}

/// Ragged rows over few tokens: prefixes and whole rows repeat, and some rows are prefixes of
/// others.
Rows random_rows(uint32_t seed, int n_rows, int n_tokens, int longest) {
  std::mt19937 random(seed);
  Rows rows;
  for (int r = 0; r < n_rows; ++r) {
    std::vector<int64_t> row(1 + random() % static_cast<uint32_t>(longest));
    for (int64_t& token : row) {
      token = static_cast<int64_t>(random() % static_cast<uint32_t>(n_tokens));
    }
    rows.push_back(row);
  }
  return rows;
}

std::vector<int64_t> tokens_of(const TokenTrie& trie, int64_t row) {
  const std::vector<int64_t> tokens = numbers(trie.token);
  std::vector<int64_t> read;
  for (const int64_t node : trie.row(row)) {
    read.push_back(tokens[static_cast<size_t>(node)]);
  }
  return read;
}

/// Expects what must hold in any trie, branched ones included.
void expect_consistent(const TokenTrie& trie, const Rows& rows) {
  const std::vector<int64_t> parents = numbers(trie.parent);
  const std::vector<int64_t> positions = numbers(trie.position);
  for (size_t node = 0; node < parents.size(); ++node) {
    ASSERT_LT(parents[node], static_cast<int64_t>(node)) << "a descendant comes before its ancestor";
    const int64_t expected = parents[node] < 0 ? 0 : positions[static_cast<size_t>(parents[node])] + 1;
    ASSERT_EQ(positions[node], expected) << "node " << node;
  }
  ASSERT_EQ(trie.n_rows(), static_cast<int64_t>(rows.size()));
  for (int64_t r = 0; r < trie.n_rows(); ++r) {
    ASSERT_EQ(tokens_of(trie, r), rows[static_cast<size_t>(r)]) << "row " << r;
    int64_t parent = -1;
    for (const int64_t node : trie.row(r)) {
      ASSERT_EQ(parents[static_cast<size_t>(node)], parent) << "row " << r;
      parent = node;
    }
  }
}

TEST(TokenTrie, ReadsEveryRowBack) {
  for (uint32_t seed = 0; seed < 50; ++seed) {
    const Rows rows = random_rows(seed, 200, 1 + static_cast<int>(seed) % 7, 1 + static_cast<int>(seed) % 9);
    expect_consistent(build_trie(rows), rows);
  }
}

TEST(TokenTrie, SharesPrefixesOnce) {
  for (uint32_t seed = 0; seed < 20; ++seed) {
    const Rows rows = random_rows(seed, 200, 3, 7);
    std::set<std::vector<int64_t>> prefixes;
    for (const std::vector<int64_t>& row : rows) {
      for (size_t length = 1; length <= row.size(); ++length) {
        prefixes.emplace(row.begin(), row.begin() + static_cast<ptrdiff_t>(length));
      }
    }
    EXPECT_EQ(build_trie(rows).n_nodes(), static_cast<int64_t>(prefixes.size()));
  }
}

TEST(TokenTrie, EndsEqualRowsAtTheSameNode) {
  const TokenTrie trie = build_trie(Rows{{5, 6}, {5}, {5, 6}, {6, 6}});
  EXPECT_EQ(trie.n_nodes(), 4);
  EXPECT_EQ(numbers(trie.nodes_at(-1)), (std::vector<int64_t>{1, 0, 1, 3}));
  EXPECT_EQ(numbers(trie.parent), (std::vector<int64_t>{-1, 0, -1, 2}));
  EXPECT_EQ(trie.max_length(), 2);
}

TEST(TokenTrie, FindsNodesFromEitherEnd) {
  const TokenTrie trie = build_trie(Rows{{1, 2, 3}, {1, 2}});
  EXPECT_EQ(numbers(trie.nodes_at(0)), (std::vector<int64_t>{0, 0}));
  EXPECT_EQ(numbers(trie.nodes_at(-1)), (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(numbers(trie.nodes_at(-2)), (std::vector<int64_t>{1, 0}));
  EXPECT_INPUT_ERROR(trie.nodes_at(2), "row 1 (from 0) has no token at position 2: it has 2 tokens");
  EXPECT_INPUT_ERROR(trie.nodes_at(-3), "row 1 (from 0) has no token at position -3");
}

TEST(TokenTrie, HoldsNoRowsOrHugeTokens) {
  const TokenTrie empty = build_trie({});
  EXPECT_EQ(empty.n_rows(), 0);
  EXPECT_EQ(empty.n_nodes(), 0);
  EXPECT_EQ(empty.max_length(), 0);
  EXPECT_EQ(TokenTrie().n_rows(), 0);
  const Rows rows = {{INT64_MAX, 0}, {INT64_MAX - 1, 0}, {INT64_MAX, 0}};
  expect_consistent(build_trie(rows), rows);
}

TEST(TokenTrie, RefusesBadRows) {
  EXPECT_INPUT_ERROR(build_trie(Rows{{1}, {}}), "row 1 has no tokens");
  EXPECT_INPUT_ERROR(build_trie(Rows{{1}, {2, 3, -4}}), "row 1, token 2: id -4 is negative");
}

TEST(TokenTrie, StaysFastWhereManyNodesShareAParent) {
  // 8,000 rows of a modular task, with a wide root. Quadratic building would take minutes; the
  // bound leaves room for sanitizers.
  Rows rows;
  for (int64_t r = 0; r < 8000; ++r) {
    rows.push_back({r * 7919, r % 113, 50000 - r, 113, r, r + 1, r + 2});
  }
  const auto start = std::chrono::steady_clock::now();
  const TokenTrie trie = build_trie(rows);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  EXPECT_EQ(trie.n_nodes(), 56000);
  EXPECT_LT(seconds.count(), 1.0);
}

TEST(AncestorPaths, AreTheRowsPrefixes) {
  for (uint32_t seed = 0; seed < 20; ++seed) {
    const Rows rows = random_rows(seed, 60, 3, 8);
    const TokenTrie trie = build_trie(rows);
    for (int64_t r = 0; r < trie.n_rows(); ++r) {
      const std::span<const int64_t> row = trie.row(r);
      const at::Tensor queries = at::tensor(std::vector<int64_t>(row.rbegin(), row.rend()));
      const Paths paths = ancestor_paths(trie, queries);
      ASSERT_EQ(paths.nodes.size(1), static_cast<int64_t>(row.size()));
      for (int64_t q = 0; q < queries.size(0); ++q) {
        const size_t length = row.size() - static_cast<size_t>(q);
        ASSERT_EQ(paths.length[q].item<int64_t>(), static_cast<int64_t>(length));
        std::vector<int64_t> expected(row.begin(), row.begin() + static_cast<ptrdiff_t>(length));
        expected.resize(row.size(), row[0]);  // The first node fills the rest.
        ASSERT_EQ(numbers(paths.nodes[q]), expected);
      }
    }
  }
}

TEST(AncestorPaths, RefuseUnknownNodes) {
  const TokenTrie trie = build_trie(Rows{{1, 2}});
  EXPECT_EQ(ancestor_paths(trie, at::empty({0}, at::kLong)).nodes.sizes(), (std::vector<int64_t>{0, 0}));
  EXPECT_INPUT_ERROR(ancestor_paths(trie, at::tensor({int64_t{0}, int64_t{2}})), "query 1 asks for node 2");
  EXPECT_INPUT_ERROR(ancestor_paths(trie, at::tensor({int64_t{-1}})), "query 0 asks for node -1");
}

TEST(Branch, GivesPrivateNodesToTheseRowsOnly) {
  for (uint32_t seed = 0; seed < 50; ++seed) {
    std::mt19937 random(seed);
    const Rows rows = random_rows(seed, 80, 2, 6);
    const TokenTrie trie = build_trie(rows);
    std::map<int64_t, int64_t> start_of;
    while (start_of.size() < 20) {
      const size_t row = random() % rows.size();
      start_of[static_cast<int64_t>(row)] = static_cast<int64_t>(random() % rows[row].size());
    }
    std::vector<int64_t> detached;
    std::vector<int64_t> starts;
    for (const auto& [row, start] : start_of) {
      detached.push_back(row);
      starts.push_back(start);
    }
    const BranchedTrie branched = branch(trie, at::tensor(detached), at::tensor(starts));
    expect_consistent(branched.trie, rows);

    // Every new node is a copy, and the old nodes are where they were.
    const std::vector<int64_t> source = numbers(branched.source_node);
    ASSERT_EQ(static_cast<int64_t>(source.size()), branched.trie.n_nodes());
    EXPECT_TRUE(branched.trie.token.equal(trie.token.index_select(0, branched.source_node)));
    EXPECT_TRUE(branched.trie.position.equal(trie.position.index_select(0, branched.source_node)));
    EXPECT_TRUE(branched.source_node.slice(0, 0, trie.n_nodes()).equal(at::arange(trie.n_nodes())));
    EXPECT_TRUE(branched.trie.parent.slice(0, 0, trie.n_nodes()).equal(trie.parent));

    std::map<int64_t, int> n_rows_of;  // Rows that use each node.
    for (int64_t r = 0; r < trie.n_rows(); ++r) {
      for (const int64_t node : branched.trie.row(r)) {
        ++n_rows_of[node];
      }
    }
    for (int64_t r = 0; r < trie.n_rows(); ++r) {
      const std::span<const int64_t> before = trie.row(r);
      const std::span<const int64_t> after = branched.trie.row(r);
      const int64_t start = start_of.contains(r) ? start_of[r] : static_cast<int64_t>(before.size());
      for (size_t i = 0; i < before.size(); ++i) {
        if (static_cast<int64_t>(i) < start) {
          ASSERT_EQ(after[i], before[i]) << "row " << r << " changed before its branch";
        } else {
          ASSERT_GE(after[i], trie.n_nodes());
          ASSERT_EQ(source[static_cast<size_t>(after[i])], before[i]);
          ASSERT_EQ(n_rows_of[after[i]], 1) << "row " << r << " shares a private node";
        }
      }
    }
  }
}

TEST(Branch, SeparatesEqualRows) {
  const BranchedTrie branched = branch(build_trie(Rows{{1, 2}, {1, 2}}), at::tensor({int64_t{1}, int64_t{0}}),
                                       at::tensor({int64_t{0}, int64_t{1}}));
  EXPECT_EQ(numbers(branched.source_node), (std::vector<int64_t>{0, 1, 0, 1, 1}));
  EXPECT_EQ(numbers(branched.trie.parent), (std::vector<int64_t>{-1, 0, -1, 2, 0}));
  EXPECT_EQ(numbers(branched.trie.nodes_at(-1)), (std::vector<int64_t>{4, 3}));
}

TEST(Branch, RefusesWhatDoesNotExist) {
  const TokenTrie trie = build_trie(Rows{{1, 2}, {1, 2, 3}});
  const auto one = [](int64_t value) { return at::tensor({value}); };
  EXPECT_INPUT_ERROR(branch(trie, one(2), one(0)), "no row 2 to branch off: the trie has 2 rows");
  EXPECT_INPUT_ERROR(branch(trie, one(0), one(2)), "row 0 cannot branch off at position 2: it has 2 tokens");
  EXPECT_INPUT_ERROR(branch(trie, one(0), one(-1)), "row 0 cannot branch off at position -1");
  EXPECT_INPUT_ERROR(branch(trie, at::zeros({2}, at::kLong), at::zeros({2}, at::kLong)),
                     "row 0 is to be branched off twice");
  EXPECT_INPUT_ERROR(branch(trie, at::arange(2), one(0)), "2 rows to branch off but 1 positions");
}

TEST(SelectRows, KeepsTheirNodesAloneInOrder) {
  const TokenTrie trie = build_trie(Rows{{1, 2, 3}, {5, 6}, {1, 2, 4}, {1, 2}});
  const SelectedRows selected = select_rows(trie, at::tensor({int64_t{2}, int64_t{3}, int64_t{2}}));
  EXPECT_EQ(numbers(selected.source_node), (std::vector<int64_t>{0, 1, 5}));
  EXPECT_EQ(numbers(selected.trie.token), (std::vector<int64_t>{1, 2, 4}));
  EXPECT_EQ(numbers(selected.trie.position), (std::vector<int64_t>{0, 1, 2}));
  EXPECT_EQ(numbers(selected.trie.parent), (std::vector<int64_t>{-1, 0, 1}));
  EXPECT_EQ(numbers(selected.trie.nodes_at(-1)), (std::vector<int64_t>{2, 1, 2}));
  EXPECT_EQ(numbers(trie.parent), (std::vector<int64_t>{-1, 0, 1, -1, 3, 1}));
}

TEST(SelectRows, OfAllRowsIsTheSameTrie) {
  const TokenTrie trie = build_trie(random_rows(3, 50, 3, 6));
  const SelectedRows selected = select_rows(trie, at::arange(50));
  EXPECT_EQ(numbers(selected.source_node), numbers(at::arange(trie.n_nodes())));
  EXPECT_EQ(numbers(selected.trie.parent), numbers(trie.parent));
  EXPECT_EQ(selected.trie.row_nodes, trie.row_nodes);
}

TEST(SelectRows, RefusesWhatDoesNotExist) {
  EXPECT_INPUT_ERROR(select_rows(build_trie(Rows{{1, 2}}), at::tensor({int64_t{1}})),
                     "no row 1 to select: the trie has 1 rows");
}

}  // namespace
}  // namespace cprobe
