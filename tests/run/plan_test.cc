#include <algorithm>
#include <set>

#include "cprobe/evaluate/power.h"
#include "tests/run/run_fixture.h"

/// Tests of the forecast of a run (plan_run).
namespace cprobe {
namespace {

using testing::Run;
using testing::TemporaryFolder;

TEST_F(Run, IsPlannedWithoutWritingAnything) {
  spec_.out = folder_ / "run";
  const RunPlan plan = plan_run(spec_, {.n_threads = 1});
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run"));
  ASSERT_EQ(plan.cells.size(), 4u);
  EXPECT_EQ(plan.cells[1].label, "x L0.mlp seed 0");
  double sum = 0;
  for (const auto& [label, time, is_over] : plan.cells) {
    EXPECT_GT(time.epoch, 0) << label;
    EXPECT_GT(time.streams, 0) << label;
    EXPECT_EQ(time.n_epochs, 3 * 3) << label << ": at each of three L0 weights";
    EXPECT_EQ(time.n_ablations, 5) << label << ": circuit, complement, component, 2 random sets; one type per value";
    EXPECT_GT(time.decoding, 0) << label;
    EXPECT_EQ(time.exchanges, 0) << label << ": nothing is found to be present without null variables";
    sum += time.total();
  }
  EXPECT_DOUBLE_EQ(plan.seconds, sum);
  EXPECT_GT(plan.cells[0].time.ablation, plan.cells[3].time.ablation) << "less is downstream of the last component";
  EXPECT_FALSE(plan.streams_on_disk);
  EXPECT_TRUE(plan_run(spec_, {.memory = 0, .n_threads = 1}).streams_on_disk);
  // 84 nodes of 40 rows of three tokens: 4 first tokens, 40 pairs, 40 whole rows. Two data sets.
  EXPECT_EQ(plan.streams_memory, 84 * testing::tiny_config().d_model * int64_t{sizeof(float)} * 2);
  spec_.model.control = ModelControl::kRandomInit;
  const RunPlan controlled = plan_run(spec_, {.n_threads = 1});
  // Relative to an ablation, because each plan measures speed anew.
  const auto streams_of_last = [](const RunPlan& of) { return of.cells[3].time.streams / of.cells[3].time.ablation; };
  EXPECT_GT(streams_of_last(controlled), 2 * streams_of_last(plan))
      << "another model for each cell starts from the embeddings";
  spec_.grid.variables = {"z"};
  EXPECT_INPUT_ERROR(plan_run(spec_, {.n_threads = 1}), "'z'");
}

/// The forecast of a question about a variable.
PlannedQuestion question(const RunPlan& plan, const std::string& name, const std::string& variable) {
  for (const PlannedQuestion& one : plan.questions) {
    if (one.question == name && std::ranges::find(one.variables, variable) != one.variables.end()) return one;
  }
  throw std::runtime_error("no forecast of " + name);
}

class RunOfTokens : public Run {
 protected:
  RunOfTokens() {
    // z and its negative depend on the first token, of ten, with five types of each value.
    std::string rows = ",data,labels,z,n\n";
    for (int i = 0; i < 120; ++i) {
      rows += fmt::format("{},{} {} 12,{},{},{}\n", i, i % 10, i / 10, i % 5, i % 2, 1 - i % 2);
    }
    testing::write_bytes(folder_ / "rows.csv", rows);
    spec_.grid.variables = {"z", "n"};
    spec_.grid.seeds = {0, 1};
    spec_.probe.ablation.n_random = 39;
  }

  RunPlan plan() const { return plan_run(spec_, {.n_threads = 1}); }
};

TEST_F(RunOfTokens, IsPlannedWithWhatItCouldTell) {
  const RunPlan planned = plan();
  ASSERT_EQ(planned.questions.size(), 5u) << "both variables have the same figures";
  const PlannedQuestion present = question(planned, "present", "z");
  EXPECT_EQ(present.variables, spec_.grid.variables);
  EXPECT_EQ(present.data, "Test");
  EXPECT_EQ(present.n_types, 10);
  EXPECT_EQ(present.n_nulls, 19);
  EXPECT_EQ(present.n_findings, 8) << "two variables in four components; seeds are one finding";
  EXPECT_EQ(present.least_p, .05);
  EXPECT_EQ(present.problem, "");
  EXPECT_EQ(present.least_effect,
            least_detectable(
                {.n_types = 10, .n_nulls = 19, .n_cells = 8, .type_sd = kAssumedTypeSd, .null_sd = kAssumedNullSd})
                .effect());
  EXPECT_EQ(question(planned, "weights needed", "z").least_p, .025);
  EXPECT_EQ(question(planned, "through component", "z").n_types, 10);
  EXPECT_GT(question(planned, "through units", "z").least_effect.value(), *present.least_effect)
      << "random sets of units vary more";
  spec_.probe.judge.smallest_effect = .3;
  EXPECT_GT(question(plan(), "present", "z").least_effect.value(), .3);
}

TEST_F(RunOfTokens, IsPlannedWithWhatIsInTheWayOfAnyP) {
  spec_.probe.null_variables = 0;
  spec_.probe.ablation.n_random = 7;
  spec_.probe.exchange.n_controls = 0;
  RunPlan planned = plan();
  EXPECT_EQ(question(planned, "present", "z").problem, "not tested, as evaluate.null_variables is 0");
  EXPECT_EQ(question(planned, "present", "z").least_effect, std::nullopt);
  EXPECT_EQ(question(planned, "weights needed", "z").problem, "evaluate.random_controls is 7, and a p of .05 takes 19");
  EXPECT_EQ(question(planned, "through units", "z").problem, "not tested, as evaluate.exchange_controls is 0");
  spec_.probe.null_variables = 19;
  spec_.probe.judge.correction = Correction::kHolm;
  planned = plan();
  EXPECT_EQ(question(planned, "present", "z").problem,
            "by Holm's method 8 findings take 159 null variables for a p of .05, and evaluate.null_variables is 19");
  EXPECT_EQ(question(planned, "present", "z").least_p, .4);
  spec_.probe.held_out_types = .2;
  spec_.probe.judge = {};
  EXPECT_EQ(question(plan(), "present", "z").n_types, 2) << "those held out";
  EXPECT_EQ(question(plan(), "present", "z").problem,
            "2 types: a yes is for these types only, and it takes 8 for others");
  spec_.probe.protocol = Protocol::kPaper;
  EXPECT_TRUE(plan().questions.empty());
}

TEST_F(Run, IsPlannedWithTypesThatAllowNoNullVariables) {
  const RunPlan planned = plan_run(spec_, {.n_threads = 1});  // x has one type per value
  EXPECT_EQ(question(planned, "present", "x").problem,
            "not defined: no row has a type that the exemplars of its value do not have");
  spec_.grid.variables = {"w"};  // each row is its own type
  const RunPlan rows = plan_run(spec_, {.n_threads = 1});
  EXPECT_EQ(question(rows, "through component", "w").problem,
            "not asked, as rows have no matched donors or continuations have several tokens");
}

TEST_F(Run, IsPlannedWithNullVariablesAndExchanges) {
  std::string rows = ",data,labels,x\n";
  for (int i = 0; i < 96; ++i) rows += fmt::format("{},{} {} 12,{},{}\n", i, i % 12, i / 12, i % 5, i % 12 % 3);
  testing::write_bytes(folder_ / "rows.csv", rows);
  const RunPlan plan = plan_run(spec_, {.n_threads = 1});
  const CellTime& first = plan.cells.at(0).time;
  EXPECT_EQ(first.n_ablations, 24) << "circuit, complement, component, 2 random sets, 19 null circuits";
  EXPECT_GT(first.exchanges, 0);
  EXPECT_DOUBLE_EQ(first.total(), first.streams + first.fit() + first.decoding + first.ablations() + first.exchanges);
  EXPECT_GT(plan.cells.at(0).time.exchanges, plan.cells.at(2).time.exchanges) << "less is behind layer 1";
  EXPECT_GT(first.of_parts, 2 * first.ablation) << "2 random sets, and paths through units";
  EXPECT_LT(first.of_parts, 2 * first.ablation + first.exchanges);
  EXPECT_NEAR(first.total() - first.least(),
              first.of_parts + static_cast<double>(first.n_epochs) * (first.epoch - first.closed_epoch),
              1e-9 * plan.seconds);
  double least = 0;
  for (const auto& [label, time, is_over] : plan.cells) least += time.least();
  EXPECT_NEAR(plan.seconds_at_least, least, 1e-9 * plan.seconds);
  spec_.probe.null_variables = 0;
  const RunPlan screening = plan_run(spec_, {.n_threads = 1});
  EXPECT_EQ(screening.cells.at(0).time.exchanges, 0);
  EXPECT_EQ(screening.cells.at(0).time.own_share, 1);
  EXPECT_NEAR(screening.cells.at(0).time.of_parts, 2 * screening.cells.at(0).time.ablation, 1e-12);
}

TEST_F(Run, IsPlannedForWhatIsNotThereYet) {
  run_in("run");
  spec_.grid.variables = {"x", "w"};
  RunOptions options{.out = folder_ / "run", .n_threads = 1};
  const RunPlan plan = plan_run(spec_, options);
  EXPECT_EQ(std::ranges::count(plan.cells, true, &RunPlan::Forecast::is_over), 4);
  options.again.all = true;
  const RunPlan anew = plan_run(spec_, options);
  EXPECT_EQ(std::ranges::count(anew.cells, true, &RunPlan::Forecast::is_over), 0);
}

TEST_F(Run, GivesTheSameBytesAfterItWasPlanned) {
  run_in("unplanned");
  plan_run(spec_, {.n_threads = 1});
  std::set<std::string> told;
  const OnProgress on_progress = [&](const Progress& progress) { told.insert(progress.what); };
  run(spec_, {.out = folder_ / "measured", .n_threads = 1, .callbacks = {.on_progress = on_progress}});
  EXPECT_THAT(told, ::testing::ElementsAre("circuits", "measure an epoch and a forward pass"));
  for (const char* file : {"results.csv", "metrics.csv", "curves.csv"}) {
    EXPECT_EQ(testing::read_bytes(folder_ / "measured" / file), testing::read_bytes(folder_ / "unplanned" / file));
  }
}

TEST_F(Run, PlansTwoStreamsPerDataSetInAParallelResidual) {
  for (const auto& [name, config] : testing::all_kinds()) {
    if (std::string_view(name) != "neox_sequential" && std::string_view(name) != "neox_parallel") continue;
    save_model(testing::drawn_model(config), folder_ / "model");
    EXPECT_EQ(plan_run(spec_, {.n_threads = 1}).streams_memory,
              84 * config.d_model * int64_t{sizeof(float)} * 2 * (config.layer(0).parallel_residual ? 2 : 1));
  }
}

}  // namespace
}  // namespace cprobe
