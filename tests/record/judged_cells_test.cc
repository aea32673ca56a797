// Answers about data and masks at the edge of what can be asked, from cells as a run computes them:
// words, and no figure that is no number.

#include <cmath>

#include "cprobe/probe/probe_cell.h"
#include "cprobe/record/findings_codec.h"
#include "cprobe/record/judged.h"
#include "cprobe/record/judged_words.h"
#include "tests/planted_variable.h"
#include "tests/support.h"

namespace cprobe {
namespace {

constexpr std::array kQuestions = {&JudgedFinding::present, &JudgedFinding::made_here, &JudgedFinding::weights_needed,
                                   &JudgedFinding::through_component, &JudgedFinding::through_units};

/// The planted model's 32 tokens: `class` is what its MLP writes.
class JudgedCells : public ::testing::Test {
 protected:
  JudgedCells() {
    data_ = {.model = planted_.model, .train = rows(4), .test = rows(2), .fingerprints = {"model"}};
    set_method(spec_, MaskKind::kContinuousSparsification);
    spec_.probe.fit.epochs = 10;
    spec_.probe.exemplar_draws = 3;
    spec_.probe.ablation = {.n_random = 19, .component = true};
    spec_.probe.exchange = {.n_rows = 40, .n_controls = 19};
    add("class", planted_.classes);
  }

  Dataset rows(int times) const {
    testing::TokenRows all;
    for (int i = 0; i < times; ++i) all.insert(all.end(), planted_.rows.begin(), planted_.rows.end());
    Dataset data{.source = fmt::format("{} times", times), .trie = build_trie(all)};
    data.answers = planted_.classes.repeat({times});
    return data;
  }

  /// @param of_token  [32] int64.
  void add(const std::string& variable, const at::Tensor& of_token) {
    data_.train.variables[variable] = of_token.repeat({4});
    data_.test.variables[variable] = of_token.repeat({2});
    data_.evaluation_sets = {{"Test", data_.test}};
  }

  ProbedCell probed(const std::string& variable, std::optional<double> mask_option = {}) {
    const Cell cell{.variable = variable,
                    .component = {0, Block::kMlp},
                    .learning_rate = .05,
                    .batch_size = 32,
                    .mask_option = mask_option.value_or(0)};
    Streams streams(data_.model);
    return {.id = variable,
            .settings = settings_of(spec_, cell),
            .findings = probe_cell(spec_, cell, variable, data_, streams).findings};
  }

  /// The only finding, after a look at all of its figures.
  static JudgedFinding judged(const ProbedCell& cell) {
    const std::vector<JudgedFinding> findings = judged_findings({cell});
    EXPECT_EQ(findings.size(), 1u);
    const JudgedFinding& finding = findings.front();
    for (const Question question : kQuestions) {
      const JudgedQuestion& asked = finding.*question;
      EXPECT_FALSE(answer_words(finding, question).empty());
      EXPECT_EQ(answer_words(finding, question).find("nan"), std::string::npos) << answer_words(finding, question);
      for (const std::optional<double>& figure :
           {asked.statistic, asked.null_mean, asked.null_sd, asked.p, asked.p_adjusted, asked.lower, asked.upper}) {
        EXPECT_TRUE(std::isfinite(figure.value_or(0))) << answer_words(finding, question);
      }
    }
    for (const std::optional<double>& figure : {finding.null_circuits_harm, finding.keep, finding.keep_halves,
                                                finding.moved, finding.null_moved, finding.carried, finding.left}) {
      EXPECT_TRUE(std::isfinite(figure.value_or(0)));
    }
    return finding;
  }

  testing::PlantedModel planted_ = testing::planted_model();
  RunData data_;
  Spec spec_;
};

TEST_F(JudgedCells, SayWhatIsThere) {
  const JudgedFinding found = judged(probed("class"));
  EXPECT_EQ(found.present.answer, VerdictWord::kYes);
  EXPECT_EQ(found.made_here.answer, VerdictWord::kReceived)
      << "a read-out of what the MLP reads finds the class, though nearest neighbours see a nuisance there";
}

TEST_F(JudgedCells, OfEmptyAndFullMasksHaveWordsForAllQuestions) {
  spec_.probe.fit.epochs = 0;  // Keeps the initial mask, of null variables too.
  const JudgedFinding empty = judged(probed("class", -1)), full = judged(probed("class", 1));
  for (const JudgedFinding& finding : {empty, full}) {
    EXPECT_NE(finding.present.answer, VerdictWord::kNotTested);
    EXPECT_EQ(finding.weights_needed.answer, VerdictWord::kNotDefined);
  }
  EXPECT_EQ(empty.through_units.answer, VerdictWord::kNotTested) << "not present";
  EXPECT_EQ(full.through_units.answer, VerdictWord::kNotDefined) << "all units";
  EXPECT_NE(empty.present.answer, VerdictWord::kYes);
  EXPECT_DOUBLE_EQ(*empty.present.statistic, .25) << "one value of four";
  EXPECT_EQ(empty.present.p, 1) << "all null circuits are empty as well";
}

TEST_F(JudgedCells, OfAValueForEachTypeHaveTooFewTypes) {
  add("token", at::arange(32));
  const JudgedFinding found = judged(probed("token"));
  EXPECT_EQ(found.present.answer, VerdictWord::kTooFewTypes) << answer_words(found, &JudgedFinding::present);
  EXPECT_EQ(found.made_here.answer, VerdictWord::kTooFewTypes);
  EXPECT_FALSE(found.present.p_adjusted.has_value());
}

TEST_F(JudgedCells, OfFewPartitionsHaveTooFewTypes) {
  // One token in a class of its own: 31 other partitions. Two classes of one and five tokens: 5.
  add("alone", at::arange(32).eq(3).to(at::kLong));
  EXPECT_NE(judged(probed("alone")).present.answer, VerdictWord::kTooFewTypes);
  spec_.probe.null_variables = 5;
  EXPECT_EQ(judged(probed("class")).present.answer, VerdictWord::kTooFewTypes);
  spec_.probe.null_variables = 0;
  EXPECT_EQ(judged(probed("class")).present.answer, VerdictWord::kNotTested) << "a screened run";
}

TEST_F(JudgedCells, OfConstantsAreRefusedInWords) {
  add("one", at::ones({32}, at::kLong));
  EXPECT_INPUT_ERROR(probed("one"), "at least 2 classes, found 1");
}

TEST_F(JudgedCells, TakeTestDataOfASingleClass) {
  at::Tensor first = planted_.classes.eq(0).nonzero().squeeze(1);
  testing::TokenRows only;
  for (int64_t i = 0; i < first.size(0); ++i)
    only.push_back(planted_.rows[static_cast<size_t>(first[i].item<int64_t>())]);
  data_.test = {.source = "one class", .trie = build_trie(only), .answers = at::zeros({first.size(0)}, at::kLong)};
  data_.test.variables["class"] = data_.test.answers;
  data_.evaluation_sets = {{"Test", data_.test}};
  const JudgedFinding found = judged(probed("class"));
  EXPECT_NE(found.present.answer, VerdictWord::kNotTested);
  EXPECT_EQ(found.through_component.answer, VerdictWord::kNotTested) << "no donor of another value";
}

TEST_F(JudgedCells, OfRowsWithoutTypesAreNotPresentForNothing) {
  // A label of each row by itself: every row is its own type.
  data_.train.variables["noise"] = at::randint(2, {128}, Seed(1).generator(), at::kLong);
  data_.test.variables["noise"] = at::randint(2, {64}, Seed(2).generator(), at::kLong);
  data_.evaluation_sets = {{"Test", data_.test}};
  const JudgedFinding found = judged(probed("noise"));
  EXPECT_EQ(found.types, "each row");
  EXPECT_FALSE(is_present(found));
}

}  // namespace
}  // namespace cprobe
