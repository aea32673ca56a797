// Compares runs of Experiments 1 and 4 with the reference implementation: the result rows, the loss
// of every epoch, and the sign of every mask parameter. The goldens come with the reference, not
// with the project.

#include <algorithm>
#include <cmath>

#include "cprobe/io/csv.h"
#include "cprobe/io/safetensors.h"
#include "cprobe/probe/probe_cell.h"
#include "tests/shared_folder.h"
#include "tests/support.h"

namespace cprobe::testing {
namespace {

/// One token in a thousand. Rounding may change which exemplar is nearest to an update.
constexpr double kAccuracyTolerance = 1e-3;
/// With another BLAS, the reference agrees with itself to 5e-7. The tolerance leaves room for other
/// processors.
constexpr double kLossTolerance = 1e-4;
constexpr double kSizeTolerance = 2e-3;
/// Rounding may decide the sign of a mask parameter whose size is below this.
constexpr double kUndecided = 1e-3;
/// Tolerance of kNN accuracy on an empty circuit. All updates of an empty circuit are equal, so
/// that rounding decides which exemplar is nearest, and accuracy is near chance.
constexpr double kNoise = 0.02;

/// A recorded run of the reference: the folder below golden/, and the probed variable.
struct Recorded {
  std::string folder;
  std::string variable;
};

class PaperParity : public ::testing::TestWithParam<Recorded> {
 protected:
  void SetUp() override {
    const std::filesystem::path shared = shared_folder();
    golden_ = shared / "golden" / GetParam().folder;
    if (!std::filesystem::exists(golden_)) GTEST_SKIP() << not_shared(golden_);
    spec_ = parse_spec(Document::read_yaml(golden_ / "config.yaml"));
    spec_.grid.variables = {GetParam().variable};
    spec_.model.folder = shared / spec_.model.folder;
    spec_.data.train_csv = shared / spec_.data.train_csv;
    spec_.data.test_csv = shared / spec_.data.test_csv;
    for (auto& [label, path] : spec_.data.evaluation_csvs) path = shared / path;
    if (spec_.data.language) {
      spec_.data.language->sentences = shared / spec_.data.language->sentences;
      if (!spec_.data.language->gen.empty()) spec_.data.language->gen = shared / spec_.data.language->gen;
    }
  }

  /// One column of a table of the reference, in the rows about this variable and `component`.
  /// @param layers, blocks  names of the columns with the layer and the block.
  std::vector<double> recorded(const char* file, const std::string& layers, const std::string& blocks,
                               const ComponentRef& component, const std::string& column) const {
    const CsvTable table = CsvTable::read(golden_ / file);
    const std::vector<std::string> variable = table.text("variable"), layer = table.text(layers),
                                   block = table.text(blocks), values = table.text(column);
    std::vector<double> selected;
    for (size_t i = 0; i < values.size(); ++i) {
      if (variable[i] == GetParam().variable && layer[i] == std::to_string(component.layer) &&
          block[i] == to_string(component.block)) {
        selected.push_back(std::stod(values[i]));
      }
    }
    return selected;
  }

  double expected(const std::string& column, const ComponentRef& component) const {
    const std::vector<double> values = recorded("results.csv", "target_layer", "operation", component, column);
    if (values.size() != 1) throw std::runtime_error("the reference has no row for " + to_string(component));
    return values[0];
  }

  std::filesystem::path golden_;
  Spec spec_;
};

TEST_P(PaperParity, EqualsTheReferenceInEveryEpochAndFigure) {
  const RunData data = load_run_data(spec_);
  Streams streams(data.model);
  for (const Cell& cell : expand(spec_.grid, data.model.config)) {
    const ComponentRef block = cell.component;
    SCOPED_TRACE(to_string(block));
    const FoundCircuit result = probe_cell(spec_, cell, "parity", data, streams);
    const Findings& f = result.findings;

    const std::vector<double> losses = recorded("losses.csv", "layer", "block", block, "train_loss");
    ASSERT_EQ(result.curve.size(), losses.size());
    double worst_loss = 0;
    for (size_t epoch = 0; epoch < losses.size(); ++epoch) {
      const double ratio = result.curve[epoch].loss / losses[epoch];
      EXPECT_NEAR(ratio, 1, kLossTolerance) << "epoch " << epoch;
      worst_loss = std::max(worst_loss, std::abs(ratio - 1));
    }
    const SafetensorsFile masks =
        SafetensorsFile::open(golden_ / fmt::format("{}.{}.masks.safetensors", GetParam().variable, to_string(block)));
    int64_t n_other_signs = 0, n_units = 0;
    for (size_t i = 0; i < result.circuit.matrices.size(); ++i) {
      const at::Tensor s = masks.tensor(result.circuit.matrices[i].source + "_mask_params");
      const at::Tensor differs = (s > 0) != result.circuit.members[i];
      EXPECT_EQ((differs & (s.abs() >= kUndecided)).sum().item<int64_t>(), 0) << result.circuit.matrices[i].short_name;
      n_other_signs += differs.sum().item<int64_t>();
      n_units += s.numel();
    }
    // docs/correctness.md has these figures.
    fmt::print("{} {}: epoch losses within {:.1e} of the reference's, {} of {} mask signs differ, kNN test {:+.4f}, ",
               GetParam().variable, to_string(cell.component), worst_loss, n_other_signs, n_units,
               f.knn.test.mean - expected("knn test acc", block));
    fmt::print("ablated");
    for (const Findings::OnEvaluationSet& on : f.evaluation_sets) {
      fmt::print(" {} {:+.4f}", on.label,
                 on.ablations.at(0).accuracy.mean - expected(" ablated acc " + on.label, block));
    }
    fmt::print("\n");

    EXPECT_EQ(f.n_train, static_cast<int64_t>(expected("train length", block)));
    EXPECT_EQ(f.n_test, static_cast<int64_t>(expected("test length", block)));
    EXPECT_NEAR(f.train_loss / expected("train loss", block), 1, kLossTolerance);
    EXPECT_NEAR(f.test_loss / expected("test loss", block), 1, kLossTolerance);
    const double size = expected("L0 Norm", block);
    EXPECT_NEAR(static_cast<double>(result.circuit.n_weights()), size, size * kSizeTolerance);
    EXPECT_EQ(result.circuit.max_weights(), static_cast<int64_t>(expected("L0 Max", block)));
    const double knn_tolerance = result.circuit.extent() == Extent::kEmpty ? kNoise : kAccuracyTolerance;
    EXPECT_NEAR(f.knn.dev.mean, expected("knn dev acc", block), knn_tolerance);
    EXPECT_NEAR(f.knn.test.mean, expected("knn test acc", block), knn_tolerance);
    EXPECT_NEAR(f.knn.dev_majority, expected("dev majority acc", block), kAccuracyTolerance);
    EXPECT_NEAR(f.knn.test_majority, expected("test majority acc", block), kAccuracyTolerance);
    EXPECT_NEAR(f.full_knn.dev.mean, expected("full model knn dev acc", block), kAccuracyTolerance);
    EXPECT_NEAR(f.full_knn.test.mean, expected("full model knn test acc", block), kAccuracyTolerance);
    ASSERT_FALSE(f.evaluation_sets.empty());
    for (const Findings::OnEvaluationSet& on : f.evaluation_sets) {
      SCOPED_TRACE(on.label);
      EXPECT_NEAR(on.untouched, expected(" vanilla acc " + on.label, block), kAccuracyTolerance);
      EXPECT_NEAR(on.ablations.at(0).accuracy.mean, expected(" ablated acc " + on.label, block), kAccuracyTolerance);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Experiments, PaperParity,
                         ::testing::Values(Recorded{"exp1", "var_0"}, Recorded{"exp1", "var_1"},
                                           Recorded{"exp1", "aux_0"}, Recorded{"exp1", "aux_1"},
                                           Recorded{"lm/agreement", "agreement"}, Recorded{"lm/reflexive", "reflexive"},
                                           Recorded{"lm/syntactic_number", "syntactic_number"}),
                         [](const ::testing::TestParamInfo<Recorded>& run) { return run.param.variable; });

}  // namespace
}  // namespace cprobe::testing
