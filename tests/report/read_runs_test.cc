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

TEST(Findings, AreJudgedRunByRunWithTheOthersOfTheirRun) {
  const TemporaryFolder folder;
  make_run(folder / "seed_0/circuits", {{.variable = "a"}, {.variable = "b", .other_types = .1, .ablated = .7}});
  make_run(folder / "seed_1/circuits", {{.variable = "a", .other_types = .1}});
  const std::vector<ReportedFinding> all = findings(read_runs({folder.path()}));
  ASSERT_EQ(all.size(), 2u);
  const std::vector<AnswersOfRun>& a = all[0].sets.at(0).answers;
  ASSERT_EQ(a.size(), 2u);
  EXPECT_EQ(a[0].judged.present.answer, VerdictWord::kYes);
  EXPECT_EQ(a[0].judged.present.n_findings, 2);
  EXPECT_TRUE(a[0].is_circuit);
  EXPECT_EQ(a[1].judged.present.answer, VerdictWord::kNo);
  EXPECT_EQ(a[1].judged.present.n_findings, 1);
  EXPECT_FALSE(a[1].is_circuit);
  const std::vector<AnswersOfRun>& b = all[1].sets.at(0).answers;
  ASSERT_EQ(b.size(), 1u);
  EXPECT_EQ(b[0].run, 0u);
  EXPECT_EQ(b[0].judged.weights_needed.answer, VerdictWord::kNo);
}

TEST(Findings, HaveTheFiguresOfQuestion1) {
  const TemporaryFolder folder;
  make_run(folder.path(), {{}, {.seed = 1, .other_types = .7}});
  const std::vector<ReportedFinding> all = findings(read_runs({folder.path()}));
  ASSERT_EQ(all.size(), 1u);
  const ReportedPresence& presence = all[0].sets.at(0).presence.value();
  EXPECT_NEAR(presence.mask.mean, .8, 1e-9) << "one run: the mean over seeds";
  EXPECT_FALSE(presence.mask.sd);
  EXPECT_NEAR(presence.nulls.value().mean, .1, 1e-9);
  EXPECT_EQ(presence.nulls->n, 19);
  EXPECT_EQ(presence.null_draws.size(), 38u) << "each null circuit of each cell";
  EXPECT_NEAR(presence.input.mean, .95, 1e-9);
  EXPECT_EQ(presence.input_position, "token 0");
}

TEST(Findings, OnDataWithoutTheVariableAreCircuitsIfTheyAreOnTheFirst) {
  ReportedCell cell = testing::reported({});
  cell.findings.evaluation_sets.push_back(cell.findings.evaluation_sets.front());
  cell.findings.evaluation_sets.back().label = "Other task";
  ReportData data;
  data.runs.resize(1);
  data.cells = {cell};
  const std::vector<ReportedSet> sets = findings(data).at(0).sets;
  ASSERT_EQ(sets.size(), 2u);
  EXPECT_EQ(sets[1].data, "Other task");
  EXPECT_EQ(sets[1].answer(&JudgedFinding::present), "not tested");
  EXPECT_EQ(sets[1].n_circuits(), 1);
}

TEST(Findings, NameTheirNegativeControl) {
  const TemporaryFolder folder;
  make_run(folder.path(), {{.control = ModelControl::kRandomInit}});
  EXPECT_EQ(findings(read_runs({folder.path()})).at(0).control, "random_init");
}

TEST(ReadRuns, TakesTheFirstFillWithTheValueOfEachRandomSet) {
  const TemporaryFolder folder;
  make_run(folder / "zero", {{.is_earlier = true}});
  make_run(folder / "mean", {{.fill = Fill::kMean}});
  const std::vector<ReportedFinding> all = findings(read_runs({folder / "zero", folder / "mean"}));
  const ReportedAblation earlier = all.at(0).sets.at(0).ablation.value(), now = all.at(1).sets.at(0).ablation.value();
  EXPECT_EQ(earlier.fill, Fill::kZero);
  EXPECT_EQ(earlier.n_rows, 500);
  EXPECT_EQ(earlier.n_random, 99);
  EXPECT_THAT(earlier.draws, ElementsAre(0.6, 0.8));
  EXPECT_THAT(earlier.complement_p, ElementsAre(0.01));
  EXPECT_THAT(earlier.notes, ElementsAre("random sets drawn from all units in c_fc"));
  EXPECT_EQ(now.fill, Fill::kMean);
  EXPECT_EQ(now.draws.size(), 39u);
  EXPECT_EQ(now.null_draws.size(), 19u);
  EXPECT_NEAR(now.nulls.value().mean, .5, 1e-9);
  EXPECT_THAT(now.complement_p, IsEmpty());
  EXPECT_THAT(now.notes, IsEmpty());
}

TEST(Findings, MeansOfAblationsAreOfCellsThatHaveAMask) {
  const TemporaryFolder folder;
  make_run(folder.path(), {{}, {.seed = 1, .p = std::nullopt}, {.seed = 2, .ablated = .4}});
  const ReportedAblation a = findings(read_runs({folder.path()})).at(0).sets.at(0).ablation.value();
  EXPECT_EQ(a.n_cells, 2);
  EXPECT_NEAR(a.ablated.mean, .3, 1e-9);
  EXPECT_EQ(a.n_controlled, 2);
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
