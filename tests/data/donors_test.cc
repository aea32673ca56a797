#include "cprobe/data/donors.h"

#include <set>

#include "tests/planted_number.h"
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
  const std::optional<DonorRows> rows = donor_rows(s.data, 0, s.types, s.types.value, 30, Seed(1), DonorKind::kTokens);
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
  EXPECT_FALSE(donor_rows(s.data, 0, s.types, at::arange(7), 30, Seed(1), DonorKind::kTokens).has_value())
      << "one type per value";
  EXPECT_FALSE(donor_rows(s.data, 0, s.types, at::zeros({7}, at::kLong), 30, Seed(1), DonorKind::kTokens).has_value())
      << "one value";
  EXPECT_EQ(donor_kinds(s.data, s.types), std::vector{DonorKind::kTokens});
  s.types.positions.clear();
  EXPECT_TRUE(donor_kinds(s.data, s.types).empty());
}

/// Sentences "now the NOUN TAIL" with columns `type` and `block`, whose variable is the number.
class SentenceDonors : public ::testing::Test {
 protected:
  struct Noun {
    std::string form, stem;
    int64_t number;
  };

  SentenceDonors() {
    for (const auto& [singular, plural] : testing::number_nouns()) {
      nouns_.push_back({singular, singular, 0});
      nouns_.push_back({plural, singular, 1});
    }
  }

  void add(const Noun& noun, const std::string& text) {
    data_.texts.push_back(text);
    data_.type_columns["type"].push_back(noun.form);
    data_.type_columns["block"].push_back(noun.stem);
    numbers_.push_back(noun.number);
  }

  void add_all(const std::string& tail) {
    for (const Noun& noun : nouns_) add(noun, fmt::format("the {}{}", noun.form, tail));
  }

  /// Makes the rows of all texts.
  void finish(const TypeOptions& options = {}) {
    std::vector<std::vector<int64_t>> rows;
    for (const std::string& text : data_.texts) rows.push_back(data_.wording->encode(text).ids);
    data_.trie = build_trie(rows);
    data_.answers = at::zeros({std::ssize(rows)}, at::kLong);
    data_.variables["number"] = at::tensor(numbers_, at::kLong);
    const Dataset* sets[] = {&data_};
    types_ = find_types(sets, "number", options);
  }

  std::optional<DonorRows> rows(DonorKind kind, int64_t n = 1000, const at::Tensor& values = {}) const {
    return donor_rows(data_, 0, types_, values.defined() ? values : types_.value, n, Seed(3), kind);
  }

  std::string text(const std::vector<int64_t>& tokens) const { return data_.wording->tokenizer.decode(tokens); }

  /// The noun of a text "now the NOUN ...".
  const Noun& noun_of(const std::vector<int64_t>& tokens) const {
    const std::string form(words_of(text(tokens)).at(2));
    return *std::ranges::find(nouns_, form, &Noun::form);
  }

  std::vector<Noun> nouns_;
  std::vector<int64_t> numbers_;
  Dataset data_{.source = "nouns",
                .wording = Wording{.tokenizer = testing::number_tokenizer().make(), .prefix = "now "}};
  Types types_;
};

TEST_F(SentenceDonors, ReplaceTheNounByAnotherOfItsNumberOrByItsOtherForm) {
  add_all(" near a tree");
  add_all("");
  finish();
  EXPECT_EQ(donor_kinds(data_, types_), (std::vector{DonorKind::kForms, DonorKind::kWords, DonorKind::kRows}));
  const std::optional<DonorRows> found = rows(DonorKind::kForms);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->kind, DonorKind::kForms);
  ASSERT_EQ(found->base.size(), 24u);
  std::set<std::string> donors;
  for (size_t i = 0; i < found->base.size(); ++i) {
    const Noun &base = noun_of(found->base[i]), &same = noun_of(found->same_value[i]),
               &other = noun_of(found->other_value[i]);
    EXPECT_EQ(text(found->base[i]), "now " + data_.texts[static_cast<size_t>(found->rows[i].item<int64_t>())]);
    EXPECT_EQ(same.number, base.number);
    EXPECT_NE(same.stem, base.stem);
    EXPECT_EQ(other.stem, base.stem);
    EXPECT_NE(other.number, base.number);
    for (const auto* donor : {&found->same_value[i], &found->other_value[i]}) {
      ASSERT_EQ(donor->size(), found->base[i].size());
      int n_different = 0;
      for (size_t t = 0; t < donor->size(); ++t) n_different += (*donor)[t] != found->base[i][t] ? 1 : 0;
      EXPECT_EQ(n_different, 1) << text(*donor);
    }
    donors.insert(same.form);
  }
  EXPECT_GT(donors.size(), 6u) << "drawn among all nouns of the number";
}

TEST_F(SentenceDonors, OfOtherNounsMayHaveAnyFormOfTheOtherNumber) {
  add_all(" near a tree");
  finish();
  const std::optional<DonorRows> found = rows(DonorKind::kWords);
  ASSERT_TRUE(found.has_value());
  int n_other_stems = 0;
  for (size_t i = 0; i < found->base.size(); ++i) {
    EXPECT_NE(noun_of(found->other_value[i]).number, noun_of(found->base[i]).number);
    n_other_stems += noun_of(found->other_value[i]).stem != noun_of(found->base[i]).stem ? 1 : 0;
  }
  EXPECT_GT(n_other_stems, 0);
}

TEST_F(SentenceDonors, OfNullVariablesFollowTheirValues) {
  add_all("");
  finish();
  // Calls the plural of every second noun its singular.
  at::Tensor values = types_.value.clone();
  for (int64_t type = 0; type < values.size(0); ++type) {
    if (types_.block[type].item<int64_t>() % 2 == 0) values[type] = 1 - values[type];
  }
  const std::optional<DonorRows> own = rows(DonorKind::kForms), of_null = rows(DonorKind::kForms, 1000, values);
  ASSERT_TRUE(own && of_null);
  EXPECT_EQ(own->other_value, of_null->other_value) << "the other form has another value of either";
  const auto value_of = [&](const std::vector<int64_t>& tokens) {
    const auto row = std::ranges::find(nouns_, noun_of(tokens).form, &Noun::form) - nouns_.begin();
    return values[types_.of_rows[0][row].item<int64_t>()].item<int64_t>();
  };
  bool some_differ_in_number = false;
  for (size_t i = 0; i < of_null->base.size(); ++i) {
    EXPECT_EQ(value_of(of_null->same_value[i]), value_of(of_null->base[i]));
    some_differ_in_number |= noun_of(of_null->same_value[i]).number != noun_of(of_null->base[i]).number;
  }
  EXPECT_TRUE(some_differ_in_number);
}

TEST_F(SentenceDonors, LeaveOutWordsOfOtherLengthsAndRowsWithoutPlaces) {
  add_all("");
  const Noun horse{"horse", "horse", 0};
  add(horse, "the horse");                               // Its tokens are too many for any other noun's place.
  add(nouns_[0], "the cat and the cat");                 // Which of the two is the type?
  add(nouns_[2], "the Dog");                             // Its type, dog, is not in the sentence.
  add(nouns_[4], "the fox with cat, dog, hen and owl");  // Of the singular nouns only the pig is left.
  finish();
  const std::optional<DonorRows> found = rows(DonorKind::kWords);
  ASSERT_TRUE(found.has_value());
  ASSERT_EQ(found->rows.size(0), 13) << found->rows;
  EXPECT_EQ(found->rows[12].item<int64_t>(), 15);
  EXPECT_EQ(noun_of(found->same_value[12]).form, "pig");
  for (const auto& donor : found->same_value) EXPECT_EQ(text(donor).find("horse"), std::string::npos);
}

TEST_F(SentenceDonors, AreOtherRowsOfTheSameLengthWhereNoWordsCanBeExchanged) {
  add_all(" near a tree");
  add_all("");
  data_.type_columns["type"] = {};
  for (int twice = 0; twice < 2; ++twice) {
    for (size_t i = 0; i < nouns_.size(); ++i) data_.type_columns["type"].push_back(fmt::format("noun {}", i));
  }
  finish();
  EXPECT_FALSE(rows(DonorKind::kForms).has_value());
  EXPECT_FALSE(rows(DonorKind::kWords).has_value());
  const std::optional<DonorRows> found = rows(DonorKind::kRows, 10);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->kind, DonorKind::kRows);
  ASSERT_EQ(found->rows.size(0), 10);
  EXPECT_TRUE(at::equal(found->rows, std::get<0>(found->rows.sort())));
  for (size_t i = 0; i < found->base.size(); ++i) {
    const auto same = found->same_value[i], other = found->other_value[i];
    EXPECT_EQ(same.size(), found->base[i].size());
    EXPECT_EQ(other.size(), found->base[i].size());
    EXPECT_EQ(noun_of(same).number, noun_of(found->base[i]).number);
    EXPECT_NE(noun_of(same).form, noun_of(found->base[i]).form) << "another type";
    EXPECT_NE(noun_of(other).number, noun_of(found->base[i]).number);
  }
}

TEST_F(SentenceDonors, AreFoundForWordsWithoutColumns) {
  for (const char* tail : {" near a tree", "", " here", " now", " there"}) add_all(tail);
  data_.type_columns.clear();
  finish();
  ASSERT_EQ(types_.text(), "word 1");
  EXPECT_EQ(donor_kinds(data_, types_), (std::vector{DonorKind::kWords, DonorKind::kRows}));
  const std::optional<DonorRows> found = rows(DonorKind::kWords);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->base.size(), 60u);
  EXPECT_NE(noun_of(found->same_value[0]).form, noun_of(found->base[0]).form);
}

TEST_F(SentenceDonors, NeedAnotherTypeOfTheValueAndAnotherValue) {
  add(nouns_[0], "the cat");
  add(nouns_[1], "the cats");
  finish();
  for (const DonorKind kind : donor_kinds(data_, types_)) EXPECT_FALSE(rows(kind).has_value()) << to_string(kind);
}

}  // namespace
}  // namespace cprobe
