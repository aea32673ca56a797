#include <algorithm>

#include "cprobe/data/token_csv.h"
#include "cprobe/io/csv.h"
#include "cprobe/io/document_values.h"
#include "cprobe/record/result_tables.h"
#include "cprobe/run/runner.h"
#include "cprobe/tasks/arithmetic_task.h"
#include "tests/support.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TemporaryFolder;

/// The method of docs/adding_a_method.md: the mean length of the states, times an option "factor".
class MeanLength : public BaselineMethod {
 public:
  explicit MeanLength(const Document* options) {
    if (options != nullptr) if_given(*options, "factor", [&](const Document& v) { factor_ = as_positive(v); });
  }
  std::string settings() const override { return fmt::format("factor {}", factor_); }
  std::vector<Metric> run(const ProbedSite& probed, const OnProgress&) const override {
    const at::Tensor lengths = probed.test.states().norm(2, 1) * factor_;
    return {{.metric = "mean_length", .value = lengths.mean().item<double>(), .n = lengths.size(0)}};
  }

 private:
  double factor_ = 1;
};

std::unique_ptr<BaselineMethod> make_mean_length(const Document* options) {
  return std::make_unique<MeanLength>(options);
}

/// A method that looks at no site, and fails on variable "y".
class WholeModel : public BaselineMethod {
 public:
  std::string settings() const override { return ""; }
  std::vector<Metric> run(const ProbedSite& probed, const OnProgress&) const override {
    if (probed.variable == "y") throw input_error("'y' is beyond it");
    return {{.metric = "figure", .value = 1, .n = 1}};
  }
};

const std::vector<MethodEntry> kMethods = {
    {.name = "mean_length", .what = "a toy", .make = make_mean_length},
    {.name = "whole_model",
     .what = "another",
     .per_site = false,
     .make = [](const Document*) -> std::unique_ptr<BaselineMethod> { return std::make_unique<WholeModel>(); }}};

/// A folder with a random model of two layers, and a spec over two variables.
class Baselines : public ::testing::Test {
 protected:
  Baselines() {
    save_model(testing::drawn_model(testing::tiny_config()), folder_ / "model");
    std::string rows = ",data,labels,x,y\n";
    for (int i = 0; i < 40; ++i) rows += fmt::format("{},{} {} 12,{},{},{}\n", i, i % 4, i / 4, i % 5, i % 4, i % 2);
    testing::write_bytes(folder_ / "rows.csv", rows);
    spec_.model.folder = folder_ / "model";
    spec_.data.train_csv = spec_.data.test_csv = folder_ / "rows.csv";
    spec_.data.evaluation_csvs = {{"Test", spec_.data.test_csv}};
    spec_.grid.variables = {"x", "y"};
    spec_.grid.batch_sizes = {10};
    spec_.probe.fit.epochs = 1;
    spec_.probe.exemplar_draws = 1;
    spec_.probe.ablation.n_random = 0;
  }

  RunSummary run_methods(const std::vector<std::string>& methods, bool overwrite = false) const {
    return run_baselines(spec_, methods, {.out = folder_ / "run", .again = {.all = overwrite}, .n_threads = 1},
                         kMethods);
  }

  CsvTable metrics() const { return CsvTable::read(folder_ / "run/metrics.csv"); }

  const TemporaryFolder folder_;
  Spec spec_;
};

TEST_F(Baselines, LookAtEveryStateOrOnceAtTheModel) {
  const RunSummary summary = run_methods({});
  EXPECT_EQ(summary.n_cells, 2 * 4 + 2);
  EXPECT_EQ(summary.n_computed, 2 * 4 + 1);
  ASSERT_EQ(summary.failures.size(), 1u);
  EXPECT_THAT(summary.failures[0], HasSubstr("'y' is beyond it"));
  std::vector<std::string> sites = metrics().text("site");
  EXPECT_EQ(std::ranges::count(sites, "L1.mid"), 2);
  EXPECT_EQ(std::ranges::count(sites, "L1.post"), 2);
  EXPECT_EQ(std::ranges::count(sites, "model"), 1);

  // The expected figure of the state after the last MLP, computed in another way.
  const Model model = load_model(folder_ / "model");
  const Dataset data = load_token_csv(folder_ / "rows.csv", model.config.vocab);
  const at::Tensor states = stream_at(model, data.trie, Site::end(model.config)).at_nodes(data.trie.nodes_at(-1));
  const auto row = static_cast<size_t>(std::ranges::find(sites, "L1.post") - sites.begin());
  EXPECT_NEAR(std::stod(metrics().text("value")[row]), states.norm(2, 1).mean().item<double>(), 1e-5);
}

TEST_F(Baselines, ShareAFolderWithCircuitsAndOneAnother) {
  run(spec_, {.out = folder_ / "run", .n_threads = 1});
  const size_t n_circuit_lines = metrics().n_rows();
  EXPECT_EQ(run_methods({"mean_length"}).n_computed, 8);
  EXPECT_EQ(metrics().n_rows(), n_circuit_lines + 8);
  EXPECT_EQ(run_methods({"mean_length"}).n_computed, 0);
  EXPECT_EQ(run_methods({"whole_model"}).n_computed, 1);
  EXPECT_EQ(metrics().n_rows(), n_circuit_lines + 9);
  EXPECT_EQ(CsvTable::read(folder_ / "run/results.csv").n_rows(), 8u);
  EXPECT_EQ(run_methods({"mean_length"}, /*overwrite=*/true).n_computed, 8);
  EXPECT_EQ(metrics().n_rows(), n_circuit_lines + 9);
  EXPECT_EQ(run(spec_, {.out = folder_ / "run", .n_threads = 1}).n_computed, 0);
  EXPECT_EQ(metrics().n_rows(), n_circuit_lines + 9);
  EXPECT_THAT(methods_table(Store::open_existing(folder_ / "run")), HasSubstr("mean_length  x         L0.mid"));
}

TEST_F(Baselines, TakeTheirOptionsFromTheSpecAsPartOfTheirIdentity) {
  run_methods({"mean_length"});
  const double before = std::stod(metrics().text("value")[0]);
  spec_.baselines = Document::parse_yaml("mean_length: {factor: 3}", "spec.yaml");
  EXPECT_EQ(run_methods({}).n_computed, 8);  // Only the method that the spec names.
  EXPECT_EQ(metrics().n_rows(), 8u) << "without the cells of the other spec";
  EXPECT_NEAR(std::stod(metrics().text("value")[0]), 3 * before, 1e-5 * before);
}

TEST_F(Baselines, NameMethodsThatDoNotExist) {
  EXPECT_INPUT_ERROR(run_methods({"mean_lenght"}), "did you mean 'mean_length'");
  spec_.baselines = Document::parse_yaml("das:\n  epochs: 3", "spec.yaml");
  EXPECT_INPUT_ERROR(run_methods({}), "spec.yaml:2:3");
  spec_.baselines = Document::parse_yaml("mean_length: {factor: 0}", "spec.yaml");
  EXPECT_INPUT_ERROR(run_methods({}), "expected a positive number");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run"));
}

TEST_F(Baselines, SameSeedSameBytes) {
  spec_.baselines = Document::parse_yaml(
      "linear_probe: {epochs: 3, batch_size: 10}\nmlp_probe: {epochs: 3, batch_size: 10}", "spec.yaml");
  for (const char* name : {"a", "b"}) {
    run_baselines(spec_, {}, {.out = folder_ / name, .n_threads = 1});
  }
  EXPECT_EQ(testing::read_bytes(folder_ / "a/metrics.csv"), testing::read_bytes(folder_ / "b/metrics.csv"));
}

}  // namespace
}  // namespace cprobe
