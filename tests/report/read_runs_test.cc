#include "cprobe/report/read_runs.h"

#include <cmath>

#include "cprobe/report/reported_findings.h"
#include "tests/report/made_run.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::make_run;
using testing::TemporaryFolder;

TEST(ReadRuns, TakesTheRunFoldersBelowAFolderInTheOrderOfTheirNumbers) {
  const TemporaryFolder folder;
  for (const char* run :
       {"seed_0/probes/step_1000/circuits", "seed_0/probes/step_200/circuits", "seed_1/probes/step_200/circuits"})
    make_run(folder / run, {{}});
  const ReportData data = read_runs({folder.path()});
  std::vector<std::string> names;
  std::vector<int64_t> steps;
  for (const ReportedRun& run : data.runs) {
    names.push_back(run.name);
    steps.push_back(run.step.value());
    EXPECT_EQ(run.series, "");
  }
  EXPECT_THAT(names, ElementsAre("seed_0/probes/step_200/circuits", "seed_0/probes/step_1000/circuits",
                                 "seed_1/probes/step_200/circuits"));
  EXPECT_THAT(steps, ElementsAre(200, 1000, 200));
}

TEST(ReadRuns, TakesAFolderThatIsNamedTwiceOnce) {
  const TemporaryFolder folder;
  make_run(folder / "run", {{}});
  EXPECT_EQ(read_runs({folder / "run", folder.path(), folder / "run/."}).runs.size(), 1u);
}

TEST(ReadRuns, SaysThatAFolderHoldsNoRun) {
  const TemporaryFolder folder;
  EXPECT_INPUT_ERROR(read_runs({folder.path()}), "holds no run");
  EXPECT_INPUT_ERROR(read_runs({folder / "absent"}), "no such folder");
}

TEST(ReadRuns, CountsUnfinishedAndFailedCells) {
  const TemporaryFolder folder;
  {
    Store store = Store::open(folder.path());
    store.plan({{"00", "circuit probing", "first"}, {"01", "circuit probing", "second"}}, "data");
    store.record_failure("01", "out of memory");
  }
  const ReportData data = read_runs({folder.path()});
  EXPECT_THAT(data.cells, IsEmpty());
  EXPECT_EQ(data.runs[0].n_done, 0);
  EXPECT_EQ(data.runs[0].n_planned, 1);
  ASSERT_EQ(data.runs[0].failed.size(), 1u);
  EXPECT_EQ(data.runs[0].failed[0].error, "out of memory");
}

TEST(Findings, PutCellsTogetherThatDifferInSeedsOnly) {
  const TemporaryFolder folder;
  make_run(folder / "seed_0/circuits", {{.knn = 0.8}, {.variable = "other"}});
  make_run(folder / "seed_1/circuits", {{.knn = 0.9}, {.variable = "other", .layer = 1}});
  const std::vector<ReportedFinding> all = findings(read_runs({folder.path()}));
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].n_cells(), 2);
  EXPECT_NEAR(all[0].knn.mean, 0.85, 1e-12);
  EXPECT_NEAR(all[0].knn.sd.value(), std::sqrt(0.005), 1e-12);
  EXPECT_EQ(all[1].n_cells(), 1);
  EXPECT_EQ(all[1].knn.sd, 0.01);  // A single cell has a deviation over draws of exemplars.
}

TEST(Findings, KeepRunsOfDifferentNamesApart) {
  const TemporaryFolder folder;
  make_run(folder / "small", {{}});
  make_run(folder / "large", {{}});
  const std::vector<ReportedFinding> all = findings(read_runs({folder / "small", folder / "large"}));
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].series, "small");
  EXPECT_EQ(all[1].series, "large");
}

TEST(Findings, AnswerByTheAdjustedP) {
  const TemporaryFolder folder;
  make_run(folder.path(), {{.variable = "clear", .p = 0.01},
                           {.variable = "border", .p = 0.04},
                           {.variable = "no", .p = 0.5},
                           {.variable = "empty", .p = std::nullopt}});
  const std::vector<ReportedFinding> all = findings(read_runs({folder.path()}));
  EXPECT_EQ(all[0].ablations[0].depends, Answer::kYes);  // p is .01, adjusted for three tests .03.
  EXPECT_EQ(all[1].ablations[0].depends, Answer::kBeforeAdjustment);
  EXPECT_EQ(all[2].ablations[0].depends, Answer::kNo);
  EXPECT_EQ(all[3].ablations[0].depends, Answer::kUntested);
  EXPECT_EQ(all[3].circuit, Answer::kNo);
  EXPECT_EQ(all[3].decodes, Answer::kNo);
}

TEST(ReadRuns, TakesTheFirstFillWithTheValueOfEachControl) {
  const TemporaryFolder folder;
  make_run(folder / "zero", {{}});
  make_run(folder / "mean", {{.fill = Fill::kMean}});
  const ReportData data = read_runs({folder / "zero", folder / "mean"});
  for (const size_t i : {0, 1}) {
    const ReportedAblation a = findings(data)[i].ablations.at(0);
    EXPECT_EQ(a.fill, i == 0 ? Fill::kZero : Fill::kMean);
    EXPECT_EQ(a.n_rows, 500);
    EXPECT_EQ(a.n_controls, 99);
    EXPECT_THAT(a.draws, ElementsAre(0.6, 0.8));
    EXPECT_THAT(a.notes, ElementsAre("random controls drawn from all units in c_fc"));
  }
}

TEST(ReadRuns, ComparesCircuitsOfOneComponentWhoseFilesAreThere) {
  const TemporaryFolder folder;
  make_run(folder.path(), {{.variable = "a", .has_file = true},
                           {.variable = "b", .has_file = true},
                           {.variable = "a", .layer = 1, .has_file = true},
                           {.variable = "b", .layer = 1, .p = std::nullopt, .has_file = true}});
  std::filesystem::remove(folder / "circuits/0000000000000002.safetensors");
  const ReportData data = read_runs({folder.path()});
  ASSERT_EQ(data.cells[0].matrices.size(), 2u);
  EXPECT_EQ(data.cells[0].matrices[0].matrix, "mlp.c_fc");
  EXPECT_EQ(data.cells[0].matrices[0].n_units, 5);
  EXPECT_EQ(data.cells[0].matrices[0].max_units, 12);
  EXPECT_THAT(data.cells[2].matrices, IsEmpty());
  ASSERT_EQ(data.overlaps.size(), 1u);
  EXPECT_EQ(data.overlaps[0].units.units.both, 5);
  EXPECT_THAT(data.notes, ElementsAre(HasSubstr("config.json is not in a folder on record"),
                                      HasSubstr("1 of 4 circuit files could not be read")));
}

TEST(ReadRuns, CountsUnitsOfHeadsWhereTheModelIsThere) {
  const TemporaryFolder folder;
  save_model(testing::drawn_model(testing::tiny_config()), folder / "model");
  make_run(folder / "run", {{.block = Block::kAttention, .has_file = true}},
           {.command = "cprobe fit", .model = (folder / "model").string()});
  const ReportData data = read_runs({folder / "run"});
  EXPECT_THAT(data.notes, IsEmpty());
  ASSERT_TRUE(data.cells[0].heads);
  // The circuit has the first 5 of 24 columns, and the queries of each head take 4 columns.
  EXPECT_THAT(data.cells[0].heads->q, ElementsAre(4, 1));
  EXPECT_THAT(data.cells[0].heads->k, ElementsAre(0, 0));
}

TEST(ThinnedCurve, KeepsTheFirstAndTheLastEpoch) {
  EXPECT_THAT(thinned(90, 4), ElementsAre(0, 29, 59, 89));
  EXPECT_THAT(thinned(3, 20), ElementsAre(0, 1, 2));
  EXPECT_THAT(thinned(1, 20), ElementsAre(0));
  EXPECT_THAT(thinned(0, 20), IsEmpty());
}

}  // namespace
}  // namespace cprobe
