#include "cprobe/record/metric_columns.h"

#include <algorithm>
#include <set>

#include "cprobe/io/csv.h"
#include "cprobe/record/findings_codec.h"
#include "cprobe/record/store.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using testing::TemporaryFolder;

/// The columns that earlier versions wrote, in their order.
const std::vector<std::string> kEarlierColumns = {"method", "site",     "variable", "metric", "value",
                                                  "n",      "sd",       "control",  "p",      "note",
                                                  "seed",   "position", "cell",     "lower",  "upper"};

CellSettings toy_settings() {
  return {.task = "a task",
          .model = "runs/toy",
          .cell = {.variable = "x",
                   .component = {1, Block::kMlp},
                   .position = 2,
                   .seed = 3,
                   .learning_rate = 1e-3,
                   .mask_option = .5},
          .control = ModelControl::kRandomInit,
          .unit = MaskUnit::kWeight};
}

AblationResult of_target(AblationTarget target, Fill fill = Fill::kZero,
                         const std::string& matrix = std::string(kWhole)) {
  return {.target = target, .fill = fill, .matrix = matrix, .accuracy = {.mean = .5, .n = 1}};
}

/// All questions on data sets whose labels begin alike, or end as the name of a fill does.
Findings all_questions() {
  Findings f{.n_weights = 1, .max_weights = 2, .types = "token 0", .null_kind = "permuted tokens", .null_weights = {1}};
  for (const char* label : {"Male", "Male Gen"}) {
    f.presence.push_back({.data = label, .inputs = {{"token 0", .5, {}}}, .received_from = "token 0"});
    f.exchanges.push_back({.data = label, .carried = 1, .left = 0});
  }
  for (const char* label : {"Male", "Male Gen", "Male (mean fill)"}) {
    f.evaluation_sets.push_back(
        {.label = label,
         .untouched = 1,
         .ablations = {of_target(AblationTarget::kCircuit), of_target(AblationTarget::kCircuit, Fill::kMean, "c_attn"),
                       of_target(AblationTarget::kRandom), of_target(AblationTarget::kComplement),
                       of_target(AblationTarget::kNull), of_target(AblationTarget::kComponent)}});
    f.evaluation_sets.back().ablations[0].harm = Interval{.n_types = 9};
  }
  return f;
}

/// Records a cell of circuit probing and one of a comparison method, and exports them.
CsvTable exported(const std::filesystem::path& folder, const std::string& spec) {
  Store store = Store::open(folder);
  store.plan({{"00", "circuit probing", "x"}, {"01", "amnesic_probing", "y"}}, "data");
  store.begin({.model = "runs/toy", .spec = spec});
  EncodedFindings found = encode({"00", toy_settings(), all_questions()}, {});
  store.record("00", {.variable = "x",
                      .site = "L1.mlp",
                      .position = 2,
                      .seed = 3,
                      .metrics = std::move(found.metrics),
                      .row = std::move(found.row),
                      .circuit_file = "circuits/x.safetensors",
                      .circuit = "bytes"});
  store.record("01", {.variable = "x",
                      .site = "L0.mid",
                      .metrics = {{.metric = "vanilla_accuracy IID Gen", .value = 1},
                                  {.metric = "erased_accuracy IID Gen", .value = .5, .control = "random"},
                                  {.metric = "interchange_accuracy changed", .value = .25}}});
  store.export_tables();
  return CsvTable::read(folder / "metrics.csv");
}

constexpr const char* kSpec =
    "model: runs/other\ntask: {name: t, train: a.csv, test: b.csv}\nvariables: [x]\ncontrol: shuffled_component\n";

TEST(MetricColumns, StandBehindThoseOfEarlierVersions) {
  const TemporaryFolder folder;
  exported(folder.path(), kSpec);
  const std::string bytes = testing::read_bytes(folder / "metrics.csv");
  const CsvTable table = CsvTable::read(folder / "metrics.csv");
  std::vector<std::string> names = kEarlierColumns;
  for (const std::string& name : metric_column_names()) names.push_back(name);
  EXPECT_EQ(bytes.substr(0, bytes.find('\n')), fmt::format("{}", fmt::join(names, ",")));
  // The values of the first columns are the record's.
  const std::vector<RecordedMetric> rows = Store::open_existing(folder.path()).metrics();
  ASSERT_EQ(rows.size(), table.text("metric").size());
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(table.text("metric")[i], rows[i].metric.metric);
    EXPECT_EQ(table.text("control")[i], rows[i].metric.control);
  }
}

TEST(MetricColumns, TakeTheNameOfAMetricApart) {
  const TemporaryFolder folder;
  const CsvTable table = exported(folder.path(), kSpec);
  const auto parts = [&](const std::string& metric, const std::string& control, size_t which = 0) {
    std::vector<std::string> found;
    for (size_t i = 0; i < table.text("metric").size(); ++i) {
      if (table.text("metric")[i] != metric || table.text("control")[i] != control || which-- > 0) continue;
      for (const char* name : {"figure", "data", "matrix", "fill", "of"}) found.push_back(table.text(name)[i]);
      break;
    }
    return found;
  };
  EXPECT_THAT(parts("knn_test_accuracy", ""), ElementsAre("knn_test_accuracy", "", "", "", "circuit"));
  EXPECT_THAT(parts("knn_test_accuracy", "majority"), ElementsAre("knn_test_accuracy", "", "", "", "majority"));
  EXPECT_THAT(parts("other_types_accuracy Male Gen", ""),
              ElementsAre("other_types_accuracy", "Male Gen", "", "", "circuit"));
  EXPECT_THAT(parts("other_types_accuracy Male", "full model"),
              ElementsAre("other_types_accuracy", "Male", "", "", "full model"));
  EXPECT_THAT(parts("made_here Male", "input at token 0"), ElementsAre("made_here", "Male", "", "", "circuit"));
  EXPECT_THAT(parts("null_circuit_weights", ""), ElementsAre("null_circuit_weights", "", "", "", "null circuits"));
  EXPECT_THAT(parts("exchange_effect Male Gen", ""), ElementsAre("exchange_effect", "Male Gen", "", "", "component"));
  EXPECT_THAT(parts("exchange_left Male", ""), ElementsAre("exchange_left", "Male", "", "", "complement"));
  EXPECT_THAT(parts("exchange_units Male", ""), ElementsAre("exchange_units", "Male", "", "", "circuit"));
  EXPECT_THAT(parts("exchange_untouched Male", ""), ElementsAre("exchange_untouched", "Male", "", "", "untouched"));
  EXPECT_THAT(parts("vanilla_accuracy Male", ""), ElementsAre("vanilla_accuracy", "Male", "", "", "untouched"));
  EXPECT_THAT(parts("ablated_accuracy Male Gen", ""),
              ElementsAre("ablated_accuracy", "Male Gen", "all", "zero", "circuit"));
  EXPECT_THAT(parts("ablated_accuracy Male c_attn (mean fill)", ""),
              ElementsAre("ablated_accuracy", "Male", "c_attn", "mean", "circuit"));
  EXPECT_THAT(parts("ablated_accuracy Male (mean fill) c_attn (mean fill)", ""),
              ElementsAre("ablated_accuracy", "Male (mean fill)", "c_attn", "mean", "circuit"));
  EXPECT_THAT(parts("harm Male (mean fill)", ""), ElementsAre("harm", "Male (mean fill)", "all", "zero", "circuit"));
  for (const char* control : {"random", "complement", "null circuits", "component"}) {
    EXPECT_THAT(parts("ablated_accuracy Male", control),
                ElementsAre("ablated_accuracy", "Male", "all", "zero", control));
  }
  EXPECT_THAT(parts("vanilla_accuracy IID Gen", ""), ElementsAre("vanilla_accuracy", "IID Gen", "", "", "untouched"));
  EXPECT_THAT(parts("erased_accuracy IID Gen", "random"), ElementsAre("erased_accuracy", "IID Gen", "", "", "random"));
  EXPECT_THAT(parts("interchange_accuracy changed", ""),
              ElementsAre("interchange_accuracy changed", "", "", "", "method"));
}

/// The fields of the settings in each line of a method, all of them alike.
std::vector<std::string> settings_of_method(const CsvTable& table, const std::string& method) {
  std::set<std::vector<std::string>> lines;
  const std::vector<std::string> names = metric_column_names();
  for (size_t i = 0; i < table.text("method").size(); ++i) {
    if (table.text("method")[i] != method) continue;
    std::vector<std::string> line;
    for (size_t c = 5; c < names.size(); ++c) line.push_back(table.text(names[c])[i]);
    lines.insert(line);
  }
  EXPECT_EQ(lines.size(), 1u) << method;
  return lines.empty() ? std::vector<std::string>() : *lines.begin();
}

TEST(MetricColumns, HaveTheSettingsOfEachCell) {
  const TemporaryFolder folder;
  const CsvTable table = exported(folder / "a", kSpec);
  EXPECT_THAT(settings_of_method(table, "circuit probing"),
              ElementsAre("runs/toy", "a task", "1", "mlp", "500", "0.001", "continuous_sparsification", "0.5",
                          "weight", "default", "0", "random_init"));
  // A comparison method has no options of mask training; the record has its spec only.
  EXPECT_THAT(settings_of_method(table, "amnesic_probing"),
              ElementsAre("runs/other", "t", "0", "attn", "", "", "", "", "", "default", "", "shuffled_component"));
  const CsvTable unknown = exported(folder / "b", "a_key_of_another_version: 1\n");
  EXPECT_THAT(settings_of_method(unknown, "amnesic_probing"),
              ElementsAre("", "", "0", "attn", "", "", "", "", "", "", "", ""));
}

}  // namespace
}  // namespace cprobe
