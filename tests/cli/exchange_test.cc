// cprobe exchange: what travels through a saved circuit, in sentences.

#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/cli/program.h"
#include "tests/planted_number.h"

namespace cprobe::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

/// Attention of the model that carries a noun's number (tests/planted_number.h), probed once.
class Exchange : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<TemporaryFolder>();
    save_model(planted_number(), *folder_ / "model");
    write_bytes(*folder_ / "model/tokenizer.json", number_tokenizer().json());
    write_bytes(*folder_ / "sentences.csv", number_sentences(10));
    const ProgramResult fitted = cprobe({"fit", spec("spec", "sentences.csv"), "--out", (*folder_ / "run").string()});
    ASSERT_EQ(fitted.exit_code, 0) << fitted.err;
    for (const auto& entry : std::filesystem::directory_iterator(*folder_ / "run/circuits")) {
      circuit_ = entry.path().string();
    }
  }
  static void TearDownTestSuite() { folder_.reset(); }

  /// Writes a spec. @param more  keys of the task.
  static std::string spec(const std::string& name, const std::string& sentences, const std::string& more = "") {
    const std::string text = fmt::format(
        "model: {0}/model\ntask:\n  name: agreement\n  sentences: {0}/{1}\n  train_rows: 48\n  test_rows: 48\n{2}"
        "blocks: [attn]\nfit: {{method: magnitude_pruning, density: 0.5, epochs: 1, batch_size: 24}}\n"
        "evaluate: {{exemplar_draws: 2, random_controls: 1, exchange_rows: 30, exchange_controls: 2}}\n",
        folder_->path().string(), sentences, more);
    return write_bytes(*folder_ / (name + ".yaml"), text).string();
  }

  static std::unique_ptr<TemporaryFolder> folder_;
  static std::string circuit_;
};
std::unique_ptr<TemporaryFolder> Exchange::folder_;
std::string Exchange::circuit_;

TEST_F(Exchange, SaysWhatWasExchangedInSentences) {
  const ProgramResult table = cprobe({"exchange", circuit_, "--spec", spec("spec", "sentences.csv")});
  ASSERT_EQ(table.exit_code, 0) << table.err;
  EXPECT_THAT(table.out, HasSubstr("\nIID: column type exchanged for another of the same agreement: 1.000 of the "
                                   "answers stay; for one of another agreement in the same block: 1.000 of the "
                                   "answers that differ become the donor's\n"));
  const ProgramResult json = cprobe({"exchange", circuit_, "--spec", spec("spec", "sentences.csv"), "--json"});
  ASSERT_EQ(json.exit_code, 0) << json.err;
  const Json line = Json::parse(json.out);
  EXPECT_EQ(line["donors"], "words of the type, other values within the block");
  EXPECT_EQ(line["through_component"]["keep"], 1);
  EXPECT_EQ(line["through_component"]["statistic"], 1);
}

TEST_F(Exchange, SaysWhereDonorsDifferInMore) {
  std::string csv = number_sentences(10);
  for (const auto& [singular, plural] : number_nouns()) {
    // Types are named in other words than the sentences have.
    for (const std::string& form : {plural, singular}) {
      const std::string field = "," + form + "," + singular;
      for (size_t at = csv.find(field); at != std::string::npos; at = csv.find(field, at)) {
        csv.replace(at, field.size(), ",noun " + form + "s," + singular);
      }
    }
  }
  write_bytes(*folder_ / "named.csv", csv);
  const ProgramResult table = cprobe({"exchange", circuit_, "--spec", spec("named", "named.csv")});
  ASSERT_EQ(table.exit_code, 0) << table.err;
  EXPECT_THAT(table.out,
              HasSubstr("\nIID: donors are other rows of the same length, which differ in more than column type\n"));
}

TEST_F(Exchange, RefusesWhatHasNoDonors) {
  std::string csv = "sentence,labels,type\n";
  for (int i = 0; i < 120; ++i) {
    csv += fmt::format("the cat{0} near the {1},{2},cat{0}\n", i % 2 == 1 ? "s" : "",
                       static_cast<char>('a' + i / 2 % 26), i % 2);
  }
  write_bytes(*folder_ / "two.csv", csv);
  const ProgramResult none = cprobe({"exchange", circuit_, "--spec", spec("two", "two.csv")});
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_THAT(none.err, HasSubstr("rows have no donors for 'agreement'"));
  EXPECT_THAT(none.err, HasSubstr("some value must have two types"));
  const ProgramResult column =
      cprobe({"exchange", circuit_, "--spec", spec("column", "sentences.csv", "  type: [lemma]\n")});
  EXPECT_EQ(column.exit_code, 2);
  EXPECT_THAT(column.err, HasSubstr("lemma"));
  EXPECT_THAT(column.out, Not(HasSubstr("exchanged")));
}

}  // namespace
}  // namespace cprobe::testing
