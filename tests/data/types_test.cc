#include "cprobe/data/types.h"

#include <functional>
#include <set>

#include "cprobe/data/null_variables.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using Rows = std::vector<std::vector<int64_t>>;

/// Rows "a b =" for all a and b below `n`, `times` times, with a variable.
Dataset pairs(int64_t n, const std::function<int64_t(int64_t, int64_t)>& variable, int64_t times = 1) {
  Rows rows;
  std::vector<int64_t> values;
  for (int64_t i = 0; i < times * n * n; ++i) {
    const int64_t a = i / n % n, b = i % n;
    rows.push_back({a, b, n});
    values.push_back(variable(a, b));
  }
  Dataset data{.source = "pairs", .trie = build_trie(rows), .answers = at::zeros({std::ssize(rows)}, at::kLong)};
  data.variables["v"] = at::tensor(values, at::kLong);
  return data;
}

Dataset sentences(const std::vector<std::string>& texts, const std::vector<int64_t>& values) {
  Rows rows;
  for (size_t i = 0; i < texts.size(); ++i) rows.push_back({static_cast<int64_t>(i)});
  Dataset data{.source = "sentences", .trie = build_trie(rows), .answers = at::zeros({std::ssize(rows)}, at::kLong)};
  data.variables["v"] = at::tensor(values, at::kLong);
  data.texts = texts;
  return data;
}

Types types_of(const Dataset& data, const TypeOptions& options = {}) {
  const Dataset* sets[] = {&data};
  return find_types(sets, "v", options);
}

int64_t square(int64_t a, int64_t /*b*/) {
  return a * a % 11;
}

TEST(Types, AreTheFewestTokensOnWhichAVariableDepends) {
  const Dataset data = pairs(11, square);
  const Types types = types_of(data);
  EXPECT_THAT(types.parts, ElementsAre("token 0"));
  EXPECT_THAT(types.positions, ElementsAre(0));
  EXPECT_EQ(types.n_types(), 11);
  EXPECT_TRUE(at::equal(types.value.index_select(0, types.of_rows[0]), data.variables.at("v")));
  EXPECT_EQ(types.text(), "token 0");
}

TEST(Types, OfPairsNeedFiveRowsOfEach) {
  const auto sum = [](int64_t a, int64_t b) { return (a + b) % 7; };
  EXPECT_THAT(types_of(pairs(7, sum, 5)).parts, ElementsAre("token 0", "token 1"));
  const Types rows = types_of(pairs(7, sum));
  EXPECT_TRUE(rows.are_rows());
  EXPECT_EQ(rows.n_types(), 49);
  EXPECT_EQ(rows.text(), "each row");
}

TEST(Types, AreReadFromTheDataWhereTheySaySo) {
  Dataset data = pairs(7, [](int64_t a, int64_t b) { return (a + b) % 7; });
  data.type_positions["v"] = {0, 1};
  EXPECT_THAT(types_of(data).positions, ElementsAre(0, 1));
  data.type_positions["v"] = {0};
  EXPECT_TRUE(types_of(data).are_rows()) << "the variable is no function of the first token";
}

TEST(Types, LeaveOutADataSetWhereTheNameMeansAnotherVariable) {
  Dataset train = pairs(7, [](int64_t a, int64_t) { return a % 3; });
  train.type_positions["v"] = {0};
  const Dataset test = train;
  Dataset other_task = pairs(7, [](int64_t a, int64_t) { return a % 2; });
  other_task.source = "other";
  other_task.type_positions["v"] = {0};
  Dataset without = train;
  without.variables.clear();
  const Dataset* sets[] = {&train, &test, &other_task, &without};
  const Types types = find_types(sets, "v");
  EXPECT_THAT(types.positions, ElementsAre(0));
  EXPECT_THAT(types.has_variable, ElementsAre(true, true, false, false));
  EXPECT_TRUE(at::equal(types.value.index_select(0, types.of_rows[2]), train.variables.at("v")));
  EXPECT_INPUT_ERROR(find_types(sets, "v", {.parts = {int64_t{0}}}), "other, row");
}

TEST(Types, AreAskedForWhereSeveralTokensFit) {
  Rows rows;
  std::vector<int64_t> values;
  for (int64_t i = 0; i < 70; ++i) {
    rows.push_back({i % 7, (i % 7 + 3) % 7 == 0 ? 9 : (i % 7) / 2, i / 7});
    values.push_back(i % 7 / 2 % 2);
  }
  Dataset data{.source = "twice", .trie = build_trie(rows), .answers = at::zeros({70}, at::kLong)};
  data.variables["v"] = at::tensor(values, at::kLong);
  // Token 1 decides v as well, but for one value, where it is 9.
  EXPECT_INPUT_ERROR(types_of(data), "could depend on token 0, or on token 1");
  EXPECT_INPUT_ERROR(types_of(data), "task.type");
  EXPECT_THAT(types_of(data, {.parts = {int64_t{1}}}).parts, ElementsAre("token 1"));
}

TEST(Types, OfSentencesAreWords) {
  std::vector<std::string> texts;
  std::vector<int64_t> values;
  for (int i = 0; i < 40; ++i) {
    const char* nouns[] = {"cat", "cats", "dog", "dogs"};
    texts.push_back(fmt::format("the {} {}saw it", nouns[i % 4], i % 3 == 0 ? "never " : ""));
    values.push_back(i % 2);
  }
  EXPECT_THAT(types_of(sentences(texts, values)).parts, ElementsAre("word 1"));
}

TEST(Types, RefuseColumnsThatDoNotDecideTheVariable) {
  Dataset data = sentences({"a b", "a c", "d b", "d c"}, {0, 1, 0, 1});
  data.type_columns["first"] = {"a", "a", "d", "d"};
  data.type_columns["second"] = {"b", "c", "b", "c"};
  EXPECT_INPUT_ERROR(types_of(data, {.parts = {"first"}}),
                     "no function of column first: sentences, row 1 has the value 0");
  EXPECT_INPUT_ERROR(types_of(data, {.parts = {"third"}}), "no column 'third'");
  EXPECT_INPUT_ERROR(types_of(data, {.parts = {"second"}, .block = "first"}), "two blocks");
  EXPECT_EQ(types_of(data, {.parts = {"second"}}).n_types(), 2);
}

TEST(Types, OfRowsAreOneWhereTokensAreEqualAndTheVariableToo) {
  // Four tokens decide, too many to be found. Every row is in both data sets.
  const auto rows = [](bool with_noise) {
    Rows all;
    std::vector<int64_t> values;
    for (int64_t i = 0; i < 48; ++i) {
      const int64_t row = i % 24;
      all.push_back({row % 2, row / 2 % 3, row / 6 % 2, row / 12});
      values.push_back(with_noise ? i % 5 % 2 : (row * row + row / 5) % 3);
    }
    Dataset data{.source = "rows", .trie = build_trie(all), .answers = at::zeros({48}, at::kLong)};
    data.variables["v"] = at::tensor(values, at::kLong);
    return data;
  };
  const Dataset train = rows(false), test = rows(false), noise = rows(true);
  const Dataset* both[] = {&train, &test};
  const Types types = find_types(both, "v");
  EXPECT_TRUE(types.are_rows());
  EXPECT_EQ(types.n_types(), 24);
  EXPECT_TRUE(at::equal(types.of_rows[0], types.of_rows[1]));
  EXPECT_TRUE(at::equal(types.value.index_select(0, types.of_rows[0]), train.variables.at("v")));
  const NullVariables nulls = null_variables(types, 3);
  EXPECT_EQ(nulls.kind, NullKind::kShuffledRows);
  EXPECT_EQ(nulls.n(), 3);
  const Dataset* noisy[] = {&noise};
  EXPECT_EQ(find_types(noisy, "v").n_types(), 48) << "equal rows with different values";
}

// Null variables.

TEST(NullVariables, PermuteTheTokenAndKeepTheSizesOfClasses) {
  const Types types = types_of(pairs(11, square));
  const NullVariables nulls = null_variables(types, 19);
  EXPECT_EQ(nulls.kind, NullKind::kPermutedParts);
  ASSERT_EQ(nulls.n(), 19);
  const auto sorted = [](const at::Tensor& values) { return std::get<0>(values.sort()); };
  for (int64_t b = 0; b < 19; ++b) {
    EXPECT_TRUE(at::equal(sorted(nulls.values[b]), sorted(types.value)));
    EXPECT_FALSE(at::equal(nulls.values[b], types.value));
  }
}

TEST(NullVariables, OfSymmetricVariablesAreSymmetric) {
  Dataset data = pairs(7, [](int64_t a, int64_t b) { return (a + b) % 7; });
  data.type_positions["v"] = {0, 1};
  const Types types = types_of(data);
  const at::Tensor values = null_variables(types, 3).labels(types.of_rows[0]);
  for (int64_t b = 0; b < 3; ++b) EXPECT_TRUE(at::equal(values[b].view({7, 7}), values[b].view({7, 7}).t()));
  data.variables["v"] = pairs(7, [](int64_t a, int64_t b) { return (a + 7 - b) % 7; }).variables.at("v");
  const Types other = types_of(data);
  EXPECT_FALSE(at::equal(null_variables(other, 1).labels(other.of_rows[0])[0].view({7, 7}),
                         null_variables(other, 1).labels(other.of_rows[0])[0].view({7, 7}).t()));
}

TEST(NullVariables, GroupTypesInOtherWays) {
  const Types types = types_of(pairs(
      5, [](int64_t a, int64_t) { return a % 2; }, 2));
  // Five tokens in classes of 3 and 2: 10 partitions, one of which is the variable's.
  const NullVariables nulls = null_variables(types, 19);
  EXPECT_EQ(nulls.n(), 9);
  std::set<std::vector<bool>> partitions;
  for (int64_t b = 0; b < nulls.n(); ++b) {
    std::vector<bool> same_as_first;
    for (int64_t t = 0; t < 5; ++t) {
      same_as_first.push_back(nulls.values[b][t].item<int64_t>() == nulls.values[b][0].item<int64_t>());
    }
    partitions.insert(same_as_first);
  }
  EXPECT_EQ(partitions.size(), 9u);
}

TEST(NullVariables, DoNotExistForTwoTypesOrForAValueOfEachType) {
  EXPECT_EQ(null_variables(types_of(pairs(7, [](int64_t a, int64_t) { return a; })), 19).n(), 0);
  EXPECT_EQ(null_variables(types_of(pairs(
                               2, [](int64_t a, int64_t) { return a; }, 5)),
                           19)
                .n(),
            0);
}

TEST(NullVariables, StayWithinBlocks) {
  std::vector<std::string> texts, lemmas;
  std::vector<int64_t> values;
  for (int i = 0; i < 60; ++i) {
    const bool is_plural = i % 2 == 1;
    texts.push_back(fmt::format("noun{}{}", i / 2 % 6, is_plural ? "s" : ""));
    lemmas.push_back(fmt::format("noun{}", i / 2 % 6));
    values.push_back(is_plural ? 1 : 0);
  }
  Dataset data = sentences(texts, values);
  data.type_columns["lemma"] = lemmas;
  data.type_columns["noun"] = texts;
  const Types types = types_of(data, {.parts = {"noun"}, .block = "lemma"});
  const NullVariables nulls = null_variables(types, 40);
  EXPECT_EQ(nulls.n(), 31) << "2^6 assignments, half of them with names exchanged, without the variable's own";
  for (int64_t b = 0; b < nulls.n(); ++b) {
    const at::Tensor of_block = at::zeros({6}, at::kLong).index_add_(0, types.block, nulls.values[b]);
    EXPECT_TRUE(of_block.eq(1).all().item<bool>()) << "one of each pair is plural";
  }
}

TEST(NullVariables, DoNotDependOnTheVariable) {
  const Types squares = types_of(pairs(11, square));
  const Types cubes = types_of(pairs(11, [](int64_t a, int64_t) { return a * a * a % 11 % 4; }));
  // Both variables of token 0 are composed with the same permutation.
  const at::Tensor of_squares = null_variables(squares, 1).values[0];
  const at::Tensor of_cubes = null_variables(cubes, 1).values[0];
  // pi(t) is among the two roots of the square at t, and must have the cube's value too.
  for (int64_t t = 0; t < 11; ++t) {
    bool agrees = false;
    for (int64_t root = 0; root < 11; ++root) {
      agrees |= squares.value[root].item<int64_t>() == of_squares[t].item<int64_t>() &&
                cubes.value[root].item<int64_t>() == of_cubes[t].item<int64_t>();
    }
    EXPECT_TRUE(agrees) << t;
  }
}

TEST(NullVariables, KeepTheirPermutationsWhereAnotherIsDrawnAgain) {
  // `both` knows `coarse`: its null b, modulo 2, is coarse's null b before any is drawn again.
  const auto coarse = [](int64_t a, int64_t) { return a % 2; };
  const auto both = [](int64_t a, int64_t) { return a % 2 + 2 * (a / 3); };
  const Types types = types_of(pairs(7, coarse));
  const at::Tensor of_coarse = null_variables(types, 19).values;
  const at::Tensor of_both = null_variables(types_of(pairs(7, both)), 19).values.remainder(2);
  ASSERT_EQ(of_coarse.size(0), 19);
  const auto key = [](const at::Tensor& values) {
    const at::Tensor from_zero = values.ne(values[0]).to(at::kLong);
    return std::vector<int64_t>(from_zero.data_ptr<int64_t>(), from_zero.data_ptr<int64_t>() + from_zero.numel());
  };
  std::set<std::vector<int64_t>> seen = {key(types.value)};
  int64_t n_drawn_again = 0;
  for (int64_t b = 0; b < 19; ++b) {
    if (seen.insert(key(of_both[b])).second) {
      EXPECT_TRUE(at::equal(of_coarse[b], of_both[b])) << b;
    } else {
      ++n_drawn_again;
    }
  }
  EXPECT_GT(n_drawn_again, 0) << "of 34 partitions, 19 draws repeat some";
}

}  // namespace
}  // namespace cprobe
