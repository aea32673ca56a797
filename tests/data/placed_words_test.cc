#include "cprobe/data/placed_words.h"

#include "tests/planted_number.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> found(std::string_view words, std::string_view text) {
  std::vector<std::string> places;
  for (const TextRange& place : places_of(words, text)) places.push_back(fmt::format("{}-{}", place.begin, place.end));
  return places;
}

TEST(PlacesOf, AreThoseOfWholeWords) {
  EXPECT_THAT(found("key", "the key of the keys"), ElementsAre("4-7"));
  EXPECT_THAT(found("key", "key, the-key and 'key'"), ElementsAre("0-3", "9-12", "18-21"));
  EXPECT_THAT(found("taxi driver", "the taxi driver and taxi drivers"), ElementsAre("4-15"));
  EXPECT_THAT(found("caf", "the caf\xc3\xa9 or caf2"), ElementsAre()) << "letters beyond ASCII and digits";
  EXPECT_THAT(found("", "the key"), ElementsAre());
}

/// One sentence with columns that hold words of it, without a trie.
class PlacedInASentence : public ::testing::Test {
 protected:
  std::optional<PlacedWords> find(const std::string& text, const std::vector<WordPart>& parts) {
    data_.texts = {text};
    Types types;
    types.words = parts;
    return PlacedWords::find(data_, 0, types);
  }

  std::string text_of(const std::optional<std::vector<int64_t>>& tokens) const {
    return tokens ? data_.wording->tokenizer.decode(*tokens) : "none";
  }

  Dataset data_{.wording = Wording{.tokenizer = testing::number_tokenizer().make(), .prefix = "now "},
                .type_columns = {{"noun", {"cat"}}, {"other", {"dogs"}}}};
};

TEST_F(PlacedInASentence, WordsTakeThePlaceOfOthersWithAsManyTokens) {
  const auto placed = find("the cat near a dog", {{.column = "noun"}});
  ASSERT_TRUE(placed.has_value());
  EXPECT_THAT(placed->words(), ElementsAre("cat"));
  EXPECT_EQ(text_of(placed->tokens()), "now the cat near a dog");
  EXPECT_EQ(text_of(placed->with({"cats"})), "now the cats near a dog");
  EXPECT_EQ(text_of(placed->with({"foxes"})), "now the foxes near a dog");
  EXPECT_EQ(text_of(placed->with({"horse"})), "none") << "six tokens in place of one";
  EXPECT_EQ(text_of(placed->with({"dog"})), "none") << "is in the sentence already";
}

TEST_F(PlacedInASentence, TheTokensAroundStay) {
  const auto placed = find("the cat's", {{.column = "noun"}});
  ASSERT_TRUE(placed.has_value());
  EXPECT_EQ(text_of(placed->with({"dog"})), "now the dog's");
  // A space is a token, but with "a" behind it: " b" and " ac" are two tokens each.
  data_.type_columns["noun"] = {"b"};
  data_.wording->tokenizer = testing::SmallTokenizer{.pre_tokenizer = std::string(testing::kByteSymbols)}.make();
  const auto with_space = find("x b", {{.column = "noun"}});
  ASSERT_TRUE(with_space.has_value());
  EXPECT_EQ(text_of(with_space->with({"c"})), "now x c");
  EXPECT_EQ(text_of(with_space->with({"cc"})), "none") << "a token more";
  EXPECT_EQ(text_of(with_space->with({"ac"})), "none") << "the token before is another";
}

TEST_F(PlacedInASentence, SeveralPartsAreReplacedTogether) {
  const auto placed = find("the cat near the dogs", {{.column = "other"}, {.column = "noun"}});
  ASSERT_TRUE(placed.has_value());
  EXPECT_EQ(text_of(placed->with({"hen", "owls"})), "now the owls near the hen");
  const auto by_place = find("the cat near the dogs", {{.word = 1}, {.word = -1}});
  ASSERT_TRUE(by_place.has_value());
  EXPECT_THAT(by_place->words(), ElementsAre("cat", "dogs"));
  EXPECT_FALSE(find("the cat near the dogs", {{.word = 1}, {.column = "noun"}}).has_value()) << "one word twice";
}

TEST_F(PlacedInASentence, ThePlaceMustBeKnown) {
  EXPECT_FALSE(find("the dog", {{.column = "noun"}}).has_value());
  EXPECT_FALSE(find("the cat and the cat", {{.column = "noun"}}).has_value());
  EXPECT_FALSE(find("the cat", {}).has_value());
  data_.wording->ends_before_last_token = true;
  EXPECT_FALSE(find("the cat", {{.column = "noun"}}).has_value()) << "the last word is the answer";
  EXPECT_TRUE(find("the cat is", {{.column = "noun"}}).has_value());
  data_.wording.reset();
  EXPECT_FALSE(find("the cat is", {{.column = "noun"}}).has_value()) << "no tokenizer";
}

}  // namespace
}  // namespace cprobe
