#include "cprobe/data/duplicates.h"

#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Dataset set_of(const std::string& source, const std::vector<std::vector<int64_t>>& rows,
               const std::vector<int64_t>& values) {
  Dataset set{.source = source, .trie = build_trie(rows)};
  set.variables.emplace("v", at::tensor(values, at::kLong));
  return set;
}

std::vector<std::string> warnings(const std::vector<Dataset>& sets) {
  std::vector<const Dataset*> all;
  all.reserve(sets.size());
  for (const Dataset& set : sets) all.push_back(&set);
  return duplicate_warnings(all, {"v", "absent"});
}

TEST(Duplicates, AreCountedWithAnExample) {
  Dataset test = set_of("test.csv", {{1, 2}, {1, 3}, {1, 2, 3}}, {0, 1, 0});
  const Dataset train = set_of("train.csv", {{1, 2}, {4, 5}, {4, 5}, {4, 5}}, {0, 0, 1, 1});
  EXPECT_THAT(
      warnings({train, test}),
      ElementsAre("train.csv: 2 of 4 rows, such as '4 5', have another value of 'v' than a row of the same tokens",
                  "test.csv: 1 of 3 rows, such as '1 2', are rows to train on as well, so that accuracy on them "
                  "says little"));
  test.texts = {"a sentence", "b", "c"};
  EXPECT_THAT(warnings({train, test}), ::testing::Contains(::testing::HasSubstr("such as 'a sentence',")));
}

TEST(Duplicates, OfOneValueInOneSetAreNone) {
  EXPECT_THAT(warnings({set_of("train.csv", {{1, 2}, {1, 2}}, {3, 3}), set_of("test.csv", {{1}, {1, 2, 3}}, {0, 1})}),
              IsEmpty());
}

}  // namespace
}  // namespace cprobe
