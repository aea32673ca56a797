#include "cprobe/run/runner.h"

#include <algorithm>

#include "cprobe/core/number_text.h"
#include "cprobe/data/token_csv.h"
#include "cprobe/io/csv.h"
#include "cprobe/probe/streams.h"
#include "cprobe/record/result_tables.h"
#include "cprobe/run/run_lock.h"
#include "cprobe/tasks/arithmetic_task.h"
#include "tests/run/run_fixture.h"
#include "tests/support.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::TemporaryFolder;

using testing::Run;

/// Of a cell: 3 at each of three L0 weights.
constexpr size_t kEpochs = 9;

TEST_F(Run, TakesAQuarterOfTheRowsAsBatchWhereTheDefaultIsMore) {
  spec_.grid.batch_sizes = GridSpec().batch_sizes;
  EXPECT_EQ(run_in("run").n_computed, 4);
  EXPECT_EQ(table("run", "results.csv").integers("batch_size"), std::vector<int64_t>(4, 10));
  spec_.grid.batch_follows_data = false;
  EXPECT_INPUT_ERROR(run_in("run"), "batch_size is 500, but there are only 40 rows");
}

TEST_F(Run, RecordsEveryCellAndExportsItsTables) {
  const RunSummary summary = run_in("run");
  EXPECT_EQ(summary.n_cells, 4);
  EXPECT_EQ(summary.n_computed, 4);
  EXPECT_THAT(summary.failures, IsEmpty());
  EXPECT_THAT(results_table(Store::open_existing(folder_ / "run")), HasSubstr("L1.mlp"));
  const CsvTable results = table("run", "results.csv");
  EXPECT_EQ(results.text("target_layer"), (std::vector<std::string>{"0", "0", "1", "1"}));
  EXPECT_EQ(results.text("operation"), (std::vector<std::string>{"attn", "mlp", "attn", "mlp"}));
  EXPECT_EQ(table("run", "curves.csv").n_rows(), 4u * kEpochs);
  const std::vector<std::string> chosen = table("run", "path.csv").text("chosen");
  EXPECT_EQ(chosen.size(), 4u * 3);
  EXPECT_EQ(std::ranges::count(chosen, "true"), 4) << "one a cell";
  // 16 figures a cell: 2 losses, the size, 3 of the path, 2 x 3 of decoding, and accuracies of the
  // untouched model, the ablated circuit, complement and component. A circuit that is a proper part
  // of its component has random controls as well, and the harm beyond them.
  const std::vector<std::string> found = results.text("circuit");
  const auto n_proper = static_cast<size_t>(std::count(found.begin(), found.end(), "proper part"));
  std::vector<std::string> metrics = table("run", "metrics.csv").text("metric");
  std::erase_if(metrics, [](const std::string& name) {
    return name.starts_with("other_types") || name.starts_with("made_here") || name == "null_circuit_weights";
  });
  EXPECT_EQ(metrics.size(), 4u * 16 + 2 * n_proper);
  for (const RecordedMetric& row : Store::open_existing(folder_ / "run").metrics()) {
    if (row.metric.control != "random") continue;
    ASSERT_EQ(row.metric.draws.size(), 2u) << row.metric.metric;
    EXPECT_DOUBLE_EQ((row.metric.draws[0] + row.metric.draws[1]) / 2, row.metric.value);
  }
  const ModelConfig config = read_model_config(folder_ / "model/config.json");
  int64_t n_circuits = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder_ / "run/circuits")) {
    const Circuit circuit = load_circuit(file.path(), config);
    EXPECT_EQ(circuit.provenance.at("variable"), "x");
    EXPECT_EQ(circuit.provenance.at("model_fingerprint"), fingerprint(load_model(folder_ / "model")));
    ++n_circuits;
  }
  EXPECT_EQ(n_circuits, 4);
}

TEST_F(Run, MeasuresEffectsWhereAskedAndChangesNoOtherFigure) {
  run_in("without");
  spec_.probe.ablation.effect = true;
  run_in("with");
  const CsvTable without = table("without", "results.csv"), with = table("with", "results.csv");
  for (const std::string& column : without.columns()) {
    if (column == "model_id") continue;
    EXPECT_EQ(with.text(column), without.text(column)) << column;
  }
  EXPECT_NE(with.text("model_id"), without.text("model_id"));
  for (const std::string& divergence : with.text("complement ablated KL divergence Test")) {
    EXPECT_GE(std::stod(divergence), -1e-12);
  }
  // The untouched model is the same for every cell.
  EXPECT_EQ(with.text("vanilla log probability Test"),
            std::vector<std::string>(4, with.text("vanilla log probability Test").front()));
  const std::vector<std::string> metrics = table("with", "metrics.csv").text("metric");
  EXPECT_EQ(std::ranges::count(metrics, "vanilla_log_probability Test"), 4);
  EXPECT_EQ(std::ranges::count(metrics, "kl_divergence Test"), std::ranges::count(metrics, "ablated_accuracy Test"));
}

TEST_F(Run, ComputesEveryCellOnceWhateverSpecsAskForIt) {
  run_in("run");
  const std::string results = testing::read_bytes(folder_ / "run/results.csv");
  EXPECT_EQ(run_in("run").n_computed, 0);
  EXPECT_EQ(testing::read_bytes(folder_ / "run/results.csv"), results);

  spec_.grid.variables = {"w", "x"};
  const RunSummary wider = run_in("run");
  EXPECT_EQ(wider.n_cells, 8);
  EXPECT_EQ(wider.n_computed, 4);
  run_in("at once");
  EXPECT_EQ(testing::read_bytes(folder_ / "run/results.csv"), testing::read_bytes(folder_ / "at once/results.csv"));

  spec_.grid.variables = {"x"};
  spec_.probe.fit.epochs = 4;
  EXPECT_EQ(run_in("run").n_computed, 4) << "other options, other cells";
  EXPECT_EQ(table("run", "results.csv").n_rows(), 4u) << "those of other specs are not among them";
  EXPECT_EQ(Store::open_existing(folder_ / "run").n_unplanned(), 8);
  spec_.probe.fit.epochs = 3;
  EXPECT_EQ(run_in("run").n_computed, 0);
  EXPECT_EQ(testing::read_bytes(folder_ / "run/results.csv"), results);
  EXPECT_EQ(run_in("run", {.again = {.all = true}}).n_computed, 4);
  EXPECT_EQ(testing::read_bytes(folder_ / "run/results.csv"), results);
}

TEST_F(Run, CompletesAScreenedRunAsIfItHadBeenComputedAtOnce) {
  spec_.grid.variables = {"w"};  // x has one type per value, and so no null variables
  spec_.probe.null_variables = 0;
  run_in("run");
  const std::vector<std::string> losses = table("run", "results.csv").text("train loss");
  spec_.probe.null_variables = 3;
  EXPECT_EQ(run_in("run").n_computed, 4);
  run_in("at once");
  EXPECT_EQ(testing::read_bytes(folder_ / "run/results.csv"), testing::read_bytes(folder_ / "at once/results.csv"));
  EXPECT_EQ(testing::read_bytes(folder_ / "run/metrics.csv"), testing::read_bytes(folder_ / "at once/metrics.csv"));
  EXPECT_EQ(table("run", "curves.csv").n_rows(), 4u * kEpochs);
  EXPECT_EQ(table("run", "results.csv").text("train loss"), losses);
  EXPECT_EQ(table("run", "results.csv").text("null circuits"), std::vector<std::string>(4, "3"));
}

TEST_F(Run, JudgesByTheLastSpecWithoutComputingAnything) {
  run_in("run");
  EXPECT_EQ(Store::open_existing(folder_ / "run").judging(), JudgeOptions());
  const std::string metrics = testing::read_bytes(folder_ / "run/metrics.csv");
  spec_.probe.judge = {.smallest_effect = .2, .correction = Correction::kHolm};
  EXPECT_EQ(run_in("run").n_computed, 0);
  EXPECT_EQ(Store::open_existing(folder_ / "run").judging(), spec_.probe.judge);
  EXPECT_EQ(testing::read_bytes(folder_ / "run/metrics.csv"), metrics);
}

TEST_F(Run, RefusesHeldOutTypesThatLeaveTooLittleBeforeAnythingIsWritten) {
  spec_.probe.held_out_types = .5;  // x has one type per value
  EXPECT_INPUT_ERROR(run_in("run"), "evaluate.held_out_types 0.5: 'x' cannot spare 2 of its 4 types");
  std::string rows = ",data,labels,z\n";  // z depends on the second token, of ten.
  for (int i = 0; i < 40; ++i) rows += fmt::format("{},{} {} 12,{},{}\n", i, i % 4, i / 4, i % 5, i / 4 % 2);
  testing::write_bytes(folder_ / "rows.csv", rows);
  spec_.grid.variables = {"z"};
  spec_.grid.batch_sizes = {30};
  EXPECT_INPUT_ERROR(run_in("run"),
                     "batch_size is 30, but evaluate.held_out_types leaves only 20 rows of 'z' to train on");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run"));
  spec_.grid.batch_sizes = {10};
  spec_.grid.blocks = {Block::kMlp};
  EXPECT_EQ(run_in("run").n_computed, 2);
  const std::vector<ProbedCell> cells = Store::open_existing(folder_ / "run").probed();
  ASSERT_EQ(cells.size(), 2u);
  EXPECT_EQ(cells[0].findings.n_held_out, 5);
  EXPECT_EQ(cells[0].findings.n_train, 20);
  spec_.probe.held_out_types = 0;
  EXPECT_EQ(run_in("run").n_computed, 2) << "other cells";
}

TEST_F(Run, RefusesTypesThatDoNotFitBeforeAnythingIsWritten) {
  spec_.data.types[""].parts = {int64_t{2}};  // the last token, which is the same in all rows
  EXPECT_INPUT_ERROR(run_in("run"), "the variable 'x' is no function of token 2");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run"));
}

TEST_F(Run, ShowsNoCellsOfAnotherModelBesideThoseOfThisOne) {
  run_in("run");
  save_model(testing::drawn_model(testing::tiny_config(), Seed(1)), folder_ / "model");
  EXPECT_EQ(run_in("run").n_computed, 4);
  EXPECT_EQ(table("run", "results.csv").n_rows(), 4u);
}

TEST_F(Run, KeepsOtherProcessesOutOfItsFolder) {
  const RunLock lock(folder_ / "run", false);
  EXPECT_INPUT_ERROR(run_in("run"), "works on this run; wait for it (--wait)");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run/run.sqlite"));
}

TEST_F(Run, RecordsAFailedCellGoesOnAndTriesItAgain) {
  spec_.probe.fit.l0_weights = {1e300};  // The objective overflows float32.
  EXPECT_THAT(run_in("run").failures, ElementsAre(HasSubstr("x L0.attn seed 0: "), HasSubstr("L0.mlp"),
                                                  HasSubstr("L1.attn"), HasSubstr("the loss became")));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run/results.csv")) << "no cell is finished";
  const Store store = Store::open_existing(folder_ / "run");
  for (const CellEntry& cell : store.cells()) {
    EXPECT_EQ(cell.status, CellStatus::kFailed);
    EXPECT_THAT(cell.error, HasSubstr("the loss became"));
  }
  EXPECT_EQ(run_in("run").failures.size(), 4u);
}

TEST_F(Run, CountsNoCellsOfOtherMethodsThatFailed) {
  spec_.probe.fit.l0_weights = {1e300};
  EXPECT_EQ(run_in("run").failures.size(), 4u);
  spec_.probe.fit.l0_weights = {0};
  spec_.probe.mask_method = MaskKind::kMagnitudePruning;
  spec_.grid.mask_options = {0.5};
  std::vector<std::string> lines;
  const auto on_cell = [&](const CellEvent& event) {
    lines.push_back(fmt::format("{} done, {} running, {} failed of {}: {}", event.n_done, event.n_running,
                                event.n_failed, event.n_cells, event.cell.label));
  };
  run(spec_, {.out = folder_ / "run", .n_threads = 1, .callbacks = {.on_cell = on_cell}});
  ASSERT_EQ(lines.size(), 8u);
  EXPECT_EQ(lines.front(), "0 done, 1 running, 0 failed of 4: x L0.attn seed 0");
  EXPECT_EQ(lines.back(), "4 done, 0 running, 0 failed of 4: x L1.mlp seed 0");
}

TEST_F(Run, TellsHowFarItIsAndPrintsNothing) {
  std::vector<Progress> told;
  RunOptions options{.callbacks = {.on_progress = [&](const Progress& progress) { told.push_back(progress); }}};
  ::testing::internal::CaptureStderr();
  ::testing::internal::CaptureStdout();
  run_in("run", options);
  EXPECT_EQ(::testing::internal::GetCapturedStdout() + ::testing::internal::GetCapturedStderr(), "");
  std::erase_if(told, [](const Progress& progress) { return progress.what != "circuits"; });
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.front().done, 0);
  EXPECT_EQ(told.back().done, told.back().total);
  EXPECT_EQ(told.back().note, "4 of 4 done");
  EXPECT_TRUE(std::ranges::is_sorted(told, {}, &Progress::done));
}

TEST_F(Run, PutsEachBlocksFiguresUnderItsOwnColumns) {
  spec_.grid.layers = {0};
  spec_.probe.ablation.per_matrix = true;
  run_in("run");
  const CsvTable results = table("run", "results.csv");
  for (const auto& [block, own, other] : {std::tuple(0, "c_attn", "c_fc"), std::tuple(1, "c_fc", "c_attn")}) {
    const auto at = static_cast<size_t>(block);
    EXPECT_THAT(results.text(std::string(own) + " ablated acc Test")[at], Not(IsEmpty()));
    EXPECT_THAT(results.text(std::string(other) + " ablated acc Test")[at], IsEmpty());
    EXPECT_THAT(results.text("c_proj ablated acc Test")[at], Not(IsEmpty()));
  }
}

TEST_F(Run, GivesTheSameResultsWithStreamsInScratchFiles) {
  for (const auto& [name, config] : testing::all_kinds()) {
    // This kind of GPT-2 cannot be described by a config.json.
    if (std::string_view(name) == "silu_grouped") continue;
    save_model(testing::drawn_model(config), folder_ / "model");
    const std::string in_memory_run = fmt::format("{} in memory", name), on_disk = fmt::format("{} on disk", name);
    run_in(in_memory_run.c_str());
    run_in(on_disk.c_str(), {.memory = 0});
    for (const char* file : {"results.csv", "metrics.csv", "curves.csv"}) {
      EXPECT_EQ(testing::read_bytes(folder_ / on_disk / file), testing::read_bytes(folder_ / in_memory_run / file))
          << name;
    }
  }
}

TEST_F(Run, KeepsStreamsWhereItIsTold) {
  for (const auto& [name, config] : testing::all_kinds()) {
    const Model model = testing::drawn_model(config);
    const Dataset data = load_token_csv(folder_ / "rows.csv", config.vocab);
    std::vector<at::Tensor> made;
    Streams streams(model, [&](int64_t n_rows, int64_t d_model, at::Device device) {
      made.push_back(at::empty({n_rows, d_model}, device));
      return made.back();
    });
    const auto is_made = [&](const at::Tensor& kept) {
      return std::ranges::any_of(made, [&](const at::Tensor& one) { return one.is_same(kept); });
    };
    for (int64_t site = 1; site < 2 * config.n_layers; ++site) {
      const Stream& stream = streams.at(data, {site});
      EXPECT_TRUE(is_made(stream.rows)) << name << ", site " << site;
      EXPECT_TRUE(!stream.before_layer.defined() || is_made(stream.before_layer)) << name << ", site " << site;
    }
  }
}

TEST_F(Run, GivesTheSameBytesWhereverItWasInterrupted) {
  spec_.probe.ablation.effect = true;
  run_in("whole");
  // Computes the cells of the last layer alone, as after an interruption. No earlier cell has
  // brought the streams to their sites.
  spec_.grid.layers = {1};
  run_in("part");
  const std::string whole = testing::read_bytes(folder_ / "whole/results.csv");
  const std::string part = testing::read_bytes(folder_ / "part/results.csv");
  EXPECT_THAT(whole, ::testing::EndsWith(part.substr(part.find('\n'))));
}

TEST_F(Run, LeavesFilesOfOthersAlone) {
  testing::write_bytes(folder_ / "run/results.csv", "hours of work");
  for (const bool overwrite : {false, true}) {
    EXPECT_INPUT_ERROR(run_in("run", {.again = {.all = overwrite}}), "results.csv: is not from a run of cprobe");
  }
  EXPECT_EQ(testing::read_bytes(folder_ / "run/results.csv"), "hours of work");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run/run.sqlite"));
  EXPECT_INPUT_ERROR(run_in("model"), "holds a model");
  EXPECT_INPUT_ERROR(run_in("rows.csv"), "is a file");
}

TEST_F(Run, NotesWhatMadeIt) {
  spec_.text = "model: m\n";
  spec_.model.control = ModelControl::kRandomInit;
  spec_.grid.layers = {0};
  run_in("run");
  const std::vector<Invocation> calls = Store::open_existing(folder_ / "run").invocations();
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0].spec, "model: m\n");
  EXPECT_EQ(calls[0].n_threads, 1);
  EXPECT_EQ(calls[0].model, (folder_ / "model").string());
  EXPECT_THAT(calls[0].command, HasSubstr("run_test"));
  EXPECT_THAT(calls[0].version, HasSubstr("libtorch"));
  EXPECT_THAT(calls[0].started, ::testing::MatchesRegex("20..-..-..T..:..:..Z"));
  EXPECT_THAT(calls[0].host, Not(IsEmpty()));
  const auto circuit = std::filesystem::directory_iterator(folder_ / "run/circuits")->path();
  const std::map<std::string, std::string> provenance = read_circuit_file(circuit).provenance;
  for (const char* key : {"version", "data_seed", "weight_decay", "l0_weight", "keep_probability"})
    EXPECT_TRUE(provenance.contains(key));
  EXPECT_NE(provenance.at("model_fingerprint"), fingerprint(load_model(folder_ / "model")))
      << "a negative control is another model";
}

TEST_F(Run, ShowsEveryGridDimensionThatVaries) {
  spec_.grid.layers = {0};
  spec_.grid.seeds = {0, 1};
  spec_.grid.learning_rates = {1e-3, 1e-2};
  run_in("run");
  const std::string shown = results_table(Store::open_existing(folder_ / "run"));
  const std::string heading = shown.substr(0, shown.find('\n'));
  EXPECT_THAT(heading, ::testing::ContainsRegex("variable +site +seed +learning rate +kNN +kNN full +other types"));
  EXPECT_EQ(Store::open_existing(folder_ / "run").cells()[3].label, "x L0.mlp seed 1 learning rate 0.001");
}

TEST_F(Run, IsRefusedBeforeAnythingIsWritten) {
  spec_.grid.variables = {"x", "y"};
  EXPECT_INPUT_ERROR(run_in("run"), "variable 'y': decoding needs at least 2 classes");
  spec_.grid.variables = {"x"};
  spec_.grid.batch_sizes = {41};
  EXPECT_INPUT_ERROR(run_in("run"), "batch_size is 41, but there are only 40 rows");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run"));
  spec_.grid.batch_sizes = {10};
  EXPECT_INPUT_ERROR(run(spec_, {.n_threads = 1}), "no run folder");
}

TEST_F(Run, FindsMasksByTheOtherMethods) {
  spec_.grid.layers = {1};
  run_in("default");
  EXPECT_EQ(table("default", "metrics.csv").text("method")[0], "circuit probing (hard_concrete)");
  set_method(spec_, MaskKind::kContinuousSparsification);
  run_in("paper's");
  EXPECT_EQ(table("paper's", "metrics.csv").text("method")[0], "circuit probing");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "paper's/path.csv"));
  for (const auto& [kind, option, column] : {std::tuple(MaskKind::kHardConcrete, 0.75, "keep_probability"),
                                             std::tuple(MaskKind::kMagnitudePruning, 0.25, "density")}) {
    for (const MaskUnit unit : {MaskUnit::kNeuron, MaskUnit::kWeight}) {
      set_method(spec_, kind);
      spec_.probe.fit.epochs = 3;
      spec_.grid.mask_options = {option};
      spec_.probe.unit = unit;
      const std::string name = fmt::format("{} {}", to_string(kind), to_string(unit)), again = name + " again";
      EXPECT_THAT(run_in(name.c_str()).failures, IsEmpty());
      run_in(again.c_str());
      for (const char* file : {"results.csv", "metrics.csv", "curves.csv"}) {
        EXPECT_EQ(testing::read_bytes(folder_ / name / file), testing::read_bytes(folder_ / again / file)) << name;
      }
      const CsvTable results = table(name, "results.csv");
      EXPECT_EQ(results.text("mask method"), std::vector<std::string>(2, std::string(to_string(kind))));
      EXPECT_EQ(results.text(column), std::vector<std::string>(2, number_text(option)));
      EXPECT_EQ(results.text("mask_init"), std::vector<std::string>(2)) << "it has none";
      EXPECT_NE(results.text("train loss"), table("default", "results.csv").text("train loss"));
      EXPECT_EQ(table(name, "metrics.csv").text("method")[0], fmt::format("circuit probing ({})", to_string(kind)));
      EXPECT_EQ(table(name, "curves.csv").n_rows(), kind == MaskKind::kHardConcrete ? 2 * kEpochs : 0);
      const auto file = std::filesystem::directory_iterator(folder_ / name / "circuits")->path();
      const Circuit circuit = load_circuit(file, read_model_config(folder_ / "model/config.json"));
      EXPECT_EQ(circuit.provenance.at("method"), to_string(kind));
      EXPECT_EQ(circuit.provenance.at(column), fmt::format("{}", option));
      if (kind == MaskKind::kMagnitudePruning) {
        EXPECT_EQ(circuit.n_units() * 4, circuit.max_units());
      }
    }
  }
}

TEST_F(Run, ReplaysThePapersDrawsUnderAnyMaskMethod) {
  spec_.probe.protocol = Protocol::kPaper;
  spec_.grid.layers = {0};
  spec_.grid.blocks = {Block::kMlp};
  const auto figures = [&](MaskKind kind, const char* name, const char* column) {
    set_method(spec_, kind);
    run_in(name);
    return table(name, "results.csv").text(column);
  };
  const char* full = "full model knn test acc";
  const auto of_default = figures(MaskKind::kContinuousSparsification, "default", full);
  EXPECT_EQ(figures(MaskKind::kHardConcrete, "drawn", full), of_default) << "the same exemplars";
  EXPECT_EQ(figures(MaskKind::kMagnitudePruning, "pruned", full), of_default);
}

TEST_F(Run, ProbesNegativeControlsAndWeightUnits) {
  spec_.grid.layers = {1};
  const auto losses = [&](ModelControl control, MaskUnit unit) {
    spec_.model.control = control;
    spec_.probe.unit = unit;
    const std::string name = fmt::format("{} {}", to_string(control), to_string(unit));
    run_in(name.c_str());
    EXPECT_EQ(table(name, "results.csv").text("model control"),
              std::vector<std::string>(2, std::string(to_string(control))));
    return table(name, "results.csv").text("train loss");
  };
  const auto untouched = losses(ModelControl::kNone, MaskUnit::kNeuron);
  for (const ModelControl control :
       {ModelControl::kRandomInit, ModelControl::kRandomInitKeepEmbeddings, ModelControl::kShuffledComponent}) {
    EXPECT_NE(losses(control, MaskUnit::kNeuron), untouched) << to_string(control);
  }
  EXPECT_NE(losses(ModelControl::kNone, MaskUnit::kWeight), untouched);
}

}  // namespace
}  // namespace cprobe
