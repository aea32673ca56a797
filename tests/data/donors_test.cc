#include "cprobe/data/donors.h"

#include "tests/support.h"

namespace cprobe {
namespace {

/// Rows "a b =" for a and b below 7, with the variable a^2 mod 7.
struct Squares {
  Dataset data;
  Types types;
};

Squares squares() {
  std::vector<std::vector<int64_t>> rows;
  std::vector<int64_t> values;
  for (int64_t a = 0; a < 7; ++a) {
    for (int64_t b = 0; b < 7; ++b) {
      rows.push_back({a, b, 7});
      values.push_back(a * a % 7);
    }
  }
  Squares s{.data = {.source = "squares", .trie = build_trie(rows), .answers = at::zeros({49}, at::kLong)},
            .types = {}};
  s.data.variables["square"] = at::tensor(values, at::kLong);
  const Dataset* sets[] = {&s.data};
  s.types = find_types(sets, "square");
  return s;
}

TEST(Donors, DifferInTheTokensOfTheirTypeOnly) {
  const Squares s = squares();
  const std::optional<DonorRows> rows = donor_rows(s.data, 0, s.types, s.types.value, 30, Seed(1));
  ASSERT_TRUE(rows.has_value());
  ASSERT_EQ(rows->base.size(), 30u);
  for (size_t i = 0; i < rows->base.size(); ++i) {
    const auto &base = rows->base[i], &same = rows->same_value[i], &other = rows->other_value[i];
    EXPECT_NE(base[0], 0) << "no other number has the square of 0";
    EXPECT_EQ(same[0], 7 - base[0]) << "the only other number of this square";
    EXPECT_NE(other[0] * other[0] % 7, base[0] * base[0] % 7);
    for (const auto* donor : {&same, &other}) {
      EXPECT_EQ((*donor)[1], base[1]);
      EXPECT_EQ((*donor)[2], 7);
    }
    EXPECT_EQ(rows->rows[static_cast<int64_t>(i)].item<int64_t>(), base[0] * 7 + base[1]);
  }
}

TEST(Donors, AreNotFoundWithoutPositionsOrASecondType) {
  Squares s = squares();
  EXPECT_FALSE(donor_rows(s.data, 0, s.types, at::arange(7), 30, Seed(1)).has_value()) << "one type per value";
  EXPECT_FALSE(donor_rows(s.data, 0, s.types, at::zeros({7}, at::kLong), 30, Seed(1)).has_value()) << "one value";
  s.types.positions.clear();
  EXPECT_FALSE(donor_rows(s.data, 0, s.types, s.types.value, 30, Seed(1)).has_value());
}

}  // namespace
}  // namespace cprobe
