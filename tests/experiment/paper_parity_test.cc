// Experiment 1 run for run against the reference implementation: its result rows, the loss of every epoch and the sign
// of every mask parameter. The goldens come with the reference, not with the project.

#include <algorithm>
#include <cmath>

#include "cprobe/experiment/probe_cell.h"
#include "cprobe/io/csv.h"
#include "cprobe/io/safetensors.h"
#include "tests/shared_folder.h"
#include "tests/support.h"

namespace cprobe::testing {
namespace {

/// One token in a thousand: updates that differ by rounding may fall to another exemplar.
constexpr double kAccuracyTolerance = 1e-3;
/// The reference agrees with itself to 5e-7 on another BLAS; this leaves room for other processors.
constexpr double kLossTolerance = 1e-4;
constexpr double kSizeTolerance = 2e-3;
/// Below this, rounding may decide which side of zero a mask parameter ends on.
constexpr double kUndecided = 1e-3;
/// The updates of an empty circuit are all equal, so its nearest neighbours are rounding noise about chance.
constexpr double kNoise = 0.02;

class PaperParity : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    folder_ = shared_folder();
    if (!std::filesystem::exists(folder_ / "golden/exp1")) GTEST_SKIP() << not_shared(folder_ / "golden/exp1");
    spec_ = parse_spec(Document::read_yaml(folder_ / "golden/exp1/config.yaml"));
    spec_.variables = {GetParam()};
    spec_.model = folder_ / spec_.model;
    spec_.train_csv = folder_ / spec_.train_csv;
    spec_.test_csv = folder_ / spec_.test_csv;
    for (auto& [label, path] : spec_.behaviour_csvs) path = folder_ / path;
  }

  /// The reference's figure in the row of this variable and block.
  double expected(const std::string& column, const std::string& block) const {
    const CsvTable table = CsvTable::read(folder_ / "golden/exp1/results.csv");
    const std::vector<std::string> variables = table.text("variable"), blocks = table.text("operation"),
                                   values = table.text(column);
    for (size_t i = 0; i < values.size(); ++i) {
      if (variables[i] == GetParam() && blocks[i] == block) return std::stod(values[i]);
    }
    throw std::runtime_error("the reference has no row for " + GetParam() + " " + block);
  }

  std::vector<double> expected_losses(const std::string& block) const {
    const CsvTable table = CsvTable::read(folder_ / "golden/exp1/losses.csv");
    const std::vector<std::string> variables = table.text("variable"), blocks = table.text("block"),
                                   losses = table.text("train_loss");
    std::vector<double> selected;
    for (size_t i = 0; i < losses.size(); ++i) {
      if (variables[i] == GetParam() && blocks[i] == block) selected.push_back(std::stod(losses[i]));
    }
    return selected;
  }

  std::filesystem::path folder_;
  Spec spec_;
};

TEST_P(PaperParity, EqualsTheReferenceInEveryEpochAndFigure) {
  const RunData data = load_run_data(spec_);
  Streams streams(data.model);
  for (const Cell& cell : expand(spec_, data.model.config)) {
    const std::string block(to_string(cell.component.block));
    SCOPED_TRACE(block);
    const CellResult result = probe_cell(spec_, cell, "parity", data, streams);
    const Findings& f = result.findings;

    const std::vector<double> losses = expected_losses(block);
    ASSERT_EQ(result.curve.size(), losses.size());
    double worst_loss = 0;
    for (size_t epoch = 0; epoch < losses.size(); ++epoch) {
      const double ratio = result.curve[epoch].loss / losses[epoch];
      EXPECT_NEAR(ratio, 1, kLossTolerance) << "epoch " << epoch;
      worst_loss = std::max(worst_loss, std::abs(ratio - 1));
    }
    const SafetensorsFile masks =
        SafetensorsFile::open(folder_ / fmt::format("golden/exp1/{}.L0.{}.masks.safetensors", GetParam(), block));
    int64_t n_other_signs = 0, n_units = 0;
    for (size_t i = 0; i < f.circuit.matrices.size(); ++i) {
      const at::Tensor s = masks.tensor(f.circuit.matrices[i].source + "_mask_params");
      const at::Tensor differs = (s > 0) != f.circuit.members[i];
      EXPECT_EQ((differs & (s.abs() >= kUndecided)).sum().item<int64_t>(), 0) << f.circuit.matrices[i].short_name;
      n_other_signs += differs.sum().item<int64_t>();
      n_units += s.numel();
    }
    // The figures of docs/results.md.
    fmt::print("{} {}: epoch losses within {:.1e} of the reference's, {} of {} mask signs differ, kNN test {:+.4f}, ",
               GetParam(), to_string(cell.component), worst_loss, n_other_signs, n_units,
               f.knn.test.mean - expected("knn test acc", block));
    fmt::print("ablated {:+.4f}\n",
               f.behaviours.at(0).ablations.at(0).accuracy.mean - expected(" ablated acc Test", block));

    EXPECT_EQ(f.n_train, static_cast<int64_t>(expected("train length", block)));
    EXPECT_EQ(f.n_test, static_cast<int64_t>(expected("test length", block)));
    EXPECT_NEAR(f.train_loss / expected("train loss", block), 1, kLossTolerance);
    EXPECT_NEAR(f.test_loss / expected("test loss", block), 1, kLossTolerance);
    const double size = expected("L0 Norm", block);
    EXPECT_NEAR(static_cast<double>(f.circuit.n_weights()), size, size * kSizeTolerance);
    EXPECT_EQ(f.circuit.max_weights(), static_cast<int64_t>(expected("L0 Max", block)));
    const double knn_tolerance = f.circuit.is_empty() ? kNoise : kAccuracyTolerance;
    EXPECT_NEAR(f.knn.dev.mean, expected("knn dev acc", block), knn_tolerance);
    EXPECT_NEAR(f.knn.test.mean, expected("knn test acc", block), knn_tolerance);
    EXPECT_NEAR(f.knn.dev_majority, expected("dev majority acc", block), kAccuracyTolerance);
    EXPECT_NEAR(f.knn.test_majority, expected("test majority acc", block), kAccuracyTolerance);
    EXPECT_NEAR(f.full_knn.dev.mean, expected("full model knn dev acc", block), kAccuracyTolerance);
    EXPECT_NEAR(f.full_knn.test.mean, expected("full model knn test acc", block), kAccuracyTolerance);
    ASSERT_EQ(f.behaviours.size(), 1);
    EXPECT_NEAR(f.behaviours[0].vanilla, expected(" vanilla acc Test", block), kAccuracyTolerance);
    EXPECT_NEAR(f.behaviours[0].ablations.at(0).accuracy.mean, expected(" ablated acc Test", block),
                kAccuracyTolerance);
  }
}

INSTANTIATE_TEST_SUITE_P(Experiment1, PaperParity, ::testing::Values("var_0", "var_1", "aux_0", "aux_1"),
                         [](const ::testing::TestParamInfo<std::string>& variable) { return variable.param; });

}  // namespace
}  // namespace cprobe::testing
