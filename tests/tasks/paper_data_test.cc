/// Compares what the task files of examples/tasks give with the paper's published files: every
/// column of every row.
#include "cprobe/data/token_csv.h"
#include "cprobe/io/csv.h"
#include "cprobe/tasks/arithmetic_data.h"
#include "cprobe/tasks/arithmetic_task.h"
#include "cprobe/tasks/task_evaluator.h"
#include "tests/shared_folder.h"
#include "tests/support.h"

namespace cprobe {
namespace {

struct PublishedData {
  const char* task;    ///< The file in examples/tasks.
  const char* folder;  ///< The folder in paper_data.
  size_t n_train;
  size_t n_test;
};

class PaperData : public ::testing::TestWithParam<PublishedData> {
 protected:
  void SetUp() override {
    folder_ = testing::shared_folder() / "paper_data" / GetParam().folder;
    task_ = parse_arithmetic_task(
        Document::read_yaml(std::filesystem::path(CPROBE_SOURCE_DIR) / "examples" / "tasks" / GetParam().task));
  }

  void skip_unless_published() const {
    if (!std::filesystem::exists(folder_)) {
      GTEST_SKIP() << testing::not_shared(folder_);
    }
  }

  /// The values of the task's symbols, read from a row's tokens.
  std::vector<int64_t> symbols(const std::vector<int64_t>& tokens) const {
    std::vector<int64_t> values;
    for (const Symbol& symbol : task_.symbols) {
      const auto place = std::find(task_.tokens.begin(), task_.tokens.end(), symbol.name) - task_.tokens.begin();
      values.push_back(tokens.at(static_cast<size_t>(place)));
    }
    return values;
  }

  std::filesystem::path folder_;
  ArithmeticTask task_;
};

TEST_P(PaperData, IsReproducedByTheTaskFile) {
  skip_unless_published();
  if (IsSkipped()) {
    return;
  }
  TaskEvaluator evaluator(task_);
  const ArithmeticTable ours = generate(task_, Seed(0));
  const std::vector<std::string> names = variable_names(task_);
  for (const char* file : {"train.csv", "test.csv"}) {
    const CsvTable theirs = CsvTable::read(folder_ / file);
    std::vector<std::string> columns = ours.columns;
    columns.resize(theirs.columns().size());  // ours on types follow
    ASSERT_EQ(theirs.columns(), columns);
    const auto data = theirs.integer_lists("data");
    const auto paired_data = theirs.integer_lists("counterfactual_data");
    std::map<std::string, std::vector<int64_t>> column;
    for (size_t c = 0; c < theirs.columns().size(); ++c) {
      if (theirs.columns()[c].starts_with("CF_FN_")) {
        const size_t k = (c - 4 - 2 * names.size()) / 2;
        for (const std::string& text : theirs.text(theirs.columns()[c])) {
          ASSERT_EQ(text, task_.counterfactuals.at(k));
        }
      } else if (!theirs.columns()[c].ends_with("data")) {
        column[theirs.columns()[c]] = theirs.integers(theirs.columns()[c]);
      }
    }
    for (size_t r = 0; r < data.size(); ++r) {
      SCOPED_TRACE(fmt::format("{}:{}", theirs.source(), theirs.line(r)));
      const RowValues row = evaluator.evaluate(symbols(data[r]));
      const RowValues paired = evaluator.evaluate(symbols(paired_data[r]));
      ASSERT_EQ(row.tokens, data[r]);
      ASSERT_EQ(paired.tokens, paired_data[r]);
      ASSERT_EQ(row.answer, column["labels"][r]);
      for (size_t v = 0; v < names.size(); ++v) {
        ASSERT_EQ(row.variables[v], column[names[v]][r]) << names[v];
        ASSERT_EQ(paired.variables[v], column["counter_" + names[v]][r]) << "counter_" << names[v];
      }
      const std::vector<int64_t> labels = evaluator.counterfactual_labels(row, paired);
      for (size_t k = 0; k < labels.size(); ++k) {
        ASSERT_EQ(labels[k], column[fmt::format("CF_Label_{}", k)][r]) << task_.counterfactuals[k];
      }
    }
  }
}

TEST_P(PaperData, LoadsUnchanged) {
  skip_unless_published();
  if (IsSkipped()) {
    return;
  }
  const Dataset train = load_token_csv(folder_ / "train.csv", vocabulary(task_));
  const Dataset test = load_token_csv(folder_ / "test.csv", vocabulary(task_));
  EXPECT_EQ(train.trie.n_rows(), static_cast<int64_t>(GetParam().n_train));
  EXPECT_EQ(test.trie.n_rows(), static_cast<int64_t>(GetParam().n_test));
  EXPECT_EQ(train.variables.size(), 2 * variable_names(task_).size() + task_.counterfactuals.size());
  EXPECT_EQ(train.labelled("var_0", -1).n_labelled(), train.trie.n_rows());
}

TEST_P(PaperData, HasTheSizesThatWeGenerate) {
  const ArithmeticTable table = generate(task_, Seed(0));
  EXPECT_EQ(table.train.size(), GetParam().n_train);
  EXPECT_EQ(table.test.size(), GetParam().n_test);
}

INSTANTIATE_TEST_SUITE_P(Experiments, PaperData,
                         ::testing::Values(PublishedData{"exp1.yaml", "Disambiguation", 7661, 5108},
                                           PublishedData{"exp2_task1.yaml", "Shared_Nodes/Task_1", 7661, 5108},
                                           PublishedData{"exp2_task2.yaml", "Shared_Nodes/Task_2", 7661, 5108},
                                           PublishedData{"exp3.yaml", "Grokking", 4252, 8517}),
                         [](const auto& experiment) {
                           const std::string file = experiment.param.task;
                           return file.substr(0, file.find('.'));
                         });

}  // namespace
}  // namespace cprobe
