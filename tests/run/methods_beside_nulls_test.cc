#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cprobe/record/judged_methods.h"
#include "cprobe/record/result_tables.h"
#include "cprobe/run/runner.h"
#include "tests/baselines/planted_types.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::TemporaryFolder;

std::string text_of_row(const TokenTrie& trie, int64_t row) {
  std::vector<int64_t> tokens;
  for (const int64_t node : trie.row(row)) tokens.push_back(trie.token.data_ptr<int64_t>()[node]);
  return fmt::format("{}", fmt::join(tokens, " "));
}

void write_rows(const std::filesystem::path& path, const Dataset& data) {
  std::string rows = ",data,labels,counterfactual_data,v,counter_v,CF_Label_0,CF_FN_0\n";
  for (int64_t r = 0; r < data.trie.n_rows(); ++r) {
    const auto v = data.answers[r].item<int64_t>(), of_source = data.variables.at("counter_v")[r].item<int64_t>();
    rows += fmt::format("{},{},{},{},{},{},{},counter_v\n", r, text_of_row(data.trie, r), v,
                        text_of_row(data.counterfactuals->sources, r), v, of_source, of_source);
  }
  testing::write_bytes(path, rows);
}

std::string heading_of(const std::string& table) {
  return table.substr(0, table.find('\n'));
}

/// A run folder of comparison methods on the planted types.
class MethodsBesideNulls : public ::testing::Test {
 protected:
  MethodsBesideNulls() {
    save_model(planted_.model, folder_ / "model");
    write_rows(folder_ / "train.csv", planted_.train);
    write_rows(folder_ / "test.csv", planted_.test);
    spec_.model.folder = folder_ / "model";
    spec_.data.train_csv = folder_ / "train.csv";
    spec_.data.test_csv = folder_ / "test.csv";
    spec_.data.evaluation_csvs = {{"Test", spec_.data.test_csv}};
    spec_.data.types[""].parts = {int64_t{0}};
    spec_.grid.variables = {"v"};
    spec_.grid.blocks = {Block::kAttention};
    spec_.baselines = Document::parse_yaml(
        "linear_probe: {epochs: 40, batch_size: 100, learning_rate: 0.02}\n"
        "counterfactual_embedding: {learning_rate: 0.03, probe: {epochs: 20, batch_size: 100, learning_rate: 0.02}}\n"
        "das: {dimension: 4, train_pairs: 400, dev_pairs: 200, epochs: 15, batch_size: 50, learning_rate: 0.05}\n",
        "spec.yaml");
  }

  Store run_in(const char* name) const {
    const RunSummary summary = run_baselines(spec_, {}, {.out = folder_ / name, .n_threads = 1});
    EXPECT_TRUE(summary.failures.empty()) << fmt::format("{}", fmt::join(summary.failures, "\n"));
    return Store::open_existing(folder_ / name);
  }

  static std::vector<std::string> answers(const Store& store) {
    std::vector<std::string> words;
    for (const JudgedMethod& judged : judged_methods(store.metrics())) words.push_back(answer_word(judged));
    return words;
  }

  const testing::PlantedTypes planted_ = testing::planted_types(testing::Code::kBoth);
  const TemporaryFolder folder_;
  Spec spec_;
};

TEST_F(MethodsBesideNulls, AreAnsweredInTheTableAndTheJson) {
  const Store store = run_in("run");
  const std::vector<JudgedMethod> judged = judged_methods(store.metrics());
  ASSERT_EQ(judged.size(), 3u);
  for (const JudgedMethod& method : judged) {
    EXPECT_EQ(method.question().n_null, 19) << method.method;
    EXPECT_EQ(method.finding.types, "token 0");
    EXPECT_EQ(method.finding.null_kind, "permuted tokens");
  }
  // The state holds each token, so that a linear probe knows any table, and moves the coordinates
  // of tokens, which no answer depends on. 24 types cannot exclude an effect of .05.
  EXPECT_THAT(answers(store), ElementsAre("cannot tell", "undecided", "yes"));
  const std::string table = methods_table(store);
  EXPECT_THAT(heading_of(table), HasSubstr("answer"));
  EXPECT_THAT(table, HasSubstr("yes 0.050"));
  std::istringstream lines(methods_json(store));
  int n_answers = 0;
  for (std::string line; std::getline(lines, line);) {
    const nlohmann::json figure = nlohmann::json::parse(line);
    if (figure.at("answer").is_null()) continue;
    ++n_answers;
    EXPECT_EQ(figure.at("control"), "");
    EXPECT_TRUE(figure.at("p_adjusted").is_number());
    EXPECT_TRUE(figure.at("lower").is_number());
    if (figure.at("method") == "das") {
      EXPECT_EQ(figure.at("answer"), "yes");
    }
  }
  EXPECT_EQ(n_answers, 3);
}

TEST_F(MethodsBesideNulls, FollowTheRulesOfTheirSpec) {
  spec_.baselines = Document::parse_yaml(
      "das: {dimension: 4, train_pairs: 400, dev_pairs: 200, epochs: 15, batch_size: 50, learning_rate: 0.05}\n",
      "spec.yaml");
  EXPECT_THAT(methods_table(run_in("run")), HasSubstr("yes 0.050"));
  spec_.probe.judge.smallest_effect = .99;
  const Store store = run_in("run");
  EXPECT_EQ(store.rules().at("das"), spec_.probe.judge);
  EXPECT_THAT(methods_table(store), Not(HasSubstr("yes 0.050"))) << "no effect is that large";
}

TEST_F(MethodsBesideNulls, FitProbesWithoutTheTypesHeldOut) {
  spec_.baselines =
      Document::parse_yaml("linear_probe: {epochs: 40, batch_size: 100, learning_rate: 0.02}\n", "spec.yaml");
  const auto accuracy = [&](const char* name) {
    for (const RecordedMetric& row : run_in(name).metrics()) {
      if (row.metric.metric == "type_accuracy Test" && row.metric.control.empty()) return row.metric;
    }
    throw std::runtime_error("no accuracy over types");
  };
  const Metric all = accuracy("all");
  EXPECT_EQ(all.n, 24);
  spec_.probe.held_out_types = .25;
  const Metric held_out = accuracy("held out");
  EXPECT_EQ(held_out.n, 6) << "the types that no probe saw";
  EXPECT_NE(held_out.value, all.value);
}

TEST_F(MethodsBesideNulls, AreNotTestedWithoutNullVariablesAndInProtocolPaper) {
  const std::vector<RecordedMetric> with = run_in("with").metrics();
  spec_.probe.null_variables = 0;
  const Store without = run_in("without");
  EXPECT_THAT(answers(without), ElementsAre("not tested", "not tested", "not tested"));
  EXPECT_THAT(heading_of(methods_table(without)), Not(HasSubstr("answer")));
  // All other figures are the same.
  const std::vector<RecordedMetric> rows = without.metrics();
  for (const RecordedMetric& row : rows) {
    const auto same = std::ranges::find_if(
        with, [&](const RecordedMetric& other) { return other.method == row.method && other.metric == row.metric; });
    EXPECT_NE(same, with.end()) << row.method << " " << row.metric.metric;
  }
  spec_.probe.protocol = Protocol::kPaper;
  const Store paper = run_in("paper");
  EXPECT_THAT(answers(paper), ElementsAre("not tested", "not tested", "not tested"));
  for (const RecordedMetric& row : paper.metrics()) {
    EXPECT_NE(row.metric.control, "whole state");
    EXPECT_NE(row.metric.control, "random value");
  }
}

TEST_F(MethodsBesideNulls, NeedTypesThatAreKnown) {
  spec_.data.types[""].parts = {int64_t{1}};
  EXPECT_INPUT_ERROR(run_in("run"), "is no function of token 1");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run"));
}

}  // namespace
}  // namespace cprobe
