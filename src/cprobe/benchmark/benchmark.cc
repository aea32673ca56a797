#include "cprobe/benchmark/benchmark.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <iterator>

#include "cprobe/baselines/baseline.h"
#include "cprobe/benchmark/coordinate_scores.h"
#include "cprobe/benchmark/direct_methods.h"
#include "cprobe/benchmark/shared_models.h"
#include "cprobe/circuit/circuit.h"
#include "cprobe/core/error.h"
#include "cprobe/core/number_text.h"
#include "cprobe/data/token_csv.h"
#include "cprobe/io/atomic_file.h"
#include "cprobe/io/csv.h"
#include "cprobe/plant/planted_batches.h"
#include "cprobe/plant/planted_folder.h"
#include "cprobe/record/judged_methods.h"
#include "cprobe/record/store.h"
#include "cprobe/run/runner.h"

namespace cprobe {
namespace {

constexpr const char* kData = "Test";
constexpr const char* kCompared = "compared";

/// A planted model on disk.
struct Made {
  std::filesystem::path folder;
  Model model;
  Truth truth;
};

/// On two planted models DAS had the same accuracies after 50, 100 and 250 epochs, and those of
/// null variables within .015. 250, its default, would take half of the benchmark's time.
constexpr const char* kComparedOptions = "{das: {epochs: 100}, boundless_das: {epochs: 100}}";

/// Seeds that a model may have: where a construction's own tests refuse it, the next is taken.
constexpr uint64_t kMostSeeds = 5;

Planted planted(const BenchmarkModel& planned, Seed seed, const OnProgress& on_progress) {
  if (!planned.trained) return compile_model(planned.compiled, seed);
  TrainedOptions options = *planned.trained;
  options.on_progress = on_progress;
  return train_planted(options, seed);
}

/// Plants a model with the first seed that its tests accept.
void plant(const BenchmarkModel& planned, const std::filesystem::path& folder, const OnProgress& on_progress) {
  for (uint64_t i = 0;; ++i) {
    try {
      return write_planted(planted(planned, Seed(planned.seed + i), on_progress), folder);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::kInterrupted || i + 1 == kMostSeeds) throw;
    }
  }
}

Made make_model(const BenchmarkModel& planned, const std::filesystem::path& out, const OnProgress& on_progress) {
  const std::filesystem::path folder = out / "models" / planned.name;
  if (!std::filesystem::exists(folder / kTruthFile)) plant(planned, folder, on_progress);
  Made made{.folder = folder, .model = load_model(folder)};
  made.truth = load_truth(folder / kTruthFile, made.model.config);
  if (made.truth.seed < planned.seed || made.truth.seed >= planned.seed + kMostSeeds) {
    throw input_error("{}: holds a model of another benchmark (seed {}, expected {}); give another --out",
                      folder.string(), made.truth.seed, planned.seed);
  }
  return made;
}

Spec spec_of(const BenchmarkModel& planned, const Made& made, MaskKind method, const std::filesystem::path& out) {
  Spec spec{.model = {.folder = made.folder},
            .data = {.task = "planted",
                     .train_csv = made.folder / "train.csv",
                     .test_csv = made.folder / "test.csv",
                     .evaluation_csvs = {{kData, made.folder / "test.csv"}}},
            .grid = {.variables = planned.variables, .layers = planned.layers},
            .out = out / "runs" / planned.name / std::string(to_string(method))};
  const auto n_train = static_cast<int64_t>(CsvTable::read(spec.data.train_csv).n_rows());
  set_method(spec, method);
  const PlantedBatches batches = planted_batches(n_train, method);
  spec.grid.batch_sizes = {batches.size};
  spec.probe.fit.epochs = batches.epochs;
  if (method != MaskKind::kHardConcrete) spec.grid.layers = {planned.layers.front()};
  return spec;
}

bool is_behind(const PlantedVariable& variable, const ComponentRef& component) {
  return std::ranges::count(variable.received_by, component) > 0;
}

BenchmarkRow row_of(const BenchmarkModel& planned, const Made& made, std::string method, const std::string& variable,
                    const ComponentRef& component) {
  const PlantedVariable& truth = made.truth.variable(variable);
  return {.model = planned.name,
          .knob = planned.knob,
          .tier = made.truth.tier,
          .knobs = made.truth.knobs,
          .method = std::move(method),
          .variable = variable,
          .status = truth.status,
          .is_received = is_behind(truth, component),
          .component = component,
          .is_true = truth.is_computed() && truth.component == component};
}

/// The scores of a mask method for units: what its mask learned, or for one that learns nothing the
/// lengths of the units' weights.
std::vector<at::Tensor> scores_of(const Circuit& circuit, const Model& model, MaskKind method) {
  if (method != MaskKind::kMagnitudePruning) return circuit.scores;
  std::vector<at::Tensor> scores;
  for (const Linear& map : model.linears(circuit.component())) scores.push_back(map.weight.to(at::kFloat).norm(2, {0}));
  return scores;
}

void add_circuits(std::vector<BenchmarkRow>& rows, const BenchmarkModel& planned, const Made& made, MaskKind method,
                  const Spec& spec) {
  const Store store = Store::open_existing(spec.out);
  const std::vector<ProbedCell> cells = store.probed();
  const std::map<std::string, std::string> files = store.circuit_files();
  std::map<std::string, double> seconds;
  for (const CellEntry& cell : store.cells()) seconds[cell.id] = cell.seconds;
  for (const JudgedFinding& finding : judged_findings(cells, store.judging())) {
    const ProbedCell& cell = cells[finding.cells.front()];
    BenchmarkRow row = row_of(planned, made, std::string(to_string(method)), finding.variable, finding.component);
    row.answers = finding;
    row.share = cell.findings.share();
    row.knn = finding.present.statistic;
    row.headline = finding.present.statistic;
    if (finding.present.statistic && finding.present.null_mean) {
      row.selectivity = *finding.present.statistic - *finding.present.null_mean;
      row.headline = row.selectivity;
    }
    row.harm = finding.weights_needed.statistic;
    for (const Findings::Presence& presence : cell.findings.presence) {
      if (presence.data == kData) row.ceiling = presence.whole;
    }
    row.carried = finding.carried;
    row.left = finding.left;
    if (finding.through_units.statistic) row.chosen_by_v = are_chosen_units(finding);
    row.seconds = seconds[cell.id];
    if (row.is_true && files.contains(cell.id)) {
      const Circuit circuit = load_circuit(spec.out / files.at(cell.id), made.model.config);
      row.units =
          unit_figures(made.truth.variable(finding.variable), scores_of(circuit, made.model, method), circuit.members);
    }
    rows.push_back(std::move(row));
  }
}

std::string number_or_empty(const std::optional<double>& number) {
  return number ? number_text(*number) : std::string();
}

/// A score, and its variable.
using VariableScore = std::pair<std::string, DirectScore>;

const std::vector<std::string> kScoreColumns = {
    "variable", "method", "component", "headline", "auroc", "average_precision", "precision_at_size"};

/// Scores that are computed once and kept in a file.
std::vector<VariableScore> kept_scores(const std::filesystem::path& file,
                                       const std::function<std::vector<VariableScore>()>& compute) {
  if (!std::filesystem::exists(file)) {
    std::vector<std::vector<std::string>> records;
    for (const auto& [variable, score] : compute()) {
      records.push_back({variable, score.method, to_string(score.component), number_text(score.headline),
                         number_or_empty(score.units.auroc), number_or_empty(score.units.average_precision),
                         number_or_empty(score.units.precision_at_size)});
    }
    write_file(file, csv_text(kScoreColumns, records));
  }
  const CsvTable table = CsvTable::read(file);
  std::vector<std::vector<std::string>> columns;
  columns.reserve(kScoreColumns.size());
  for (const std::string& column : kScoreColumns) columns.push_back(table.text(column));
  const auto number = [&](size_t column, size_t r) {
    const std::string& text = columns[column][r];
    return text.empty() ? std::nullopt : std::optional(std::stod(text));
  };
  std::vector<VariableScore> scores;
  for (size_t r = 0; r < table.n_rows(); ++r) {
    scores.emplace_back(columns[0][r], DirectScore{.method = columns[1][r],
                                                   .component = parse_component(columns[2][r]),
                                                   .headline = number(3, r).value_or(0),
                                                   .units = {.auroc = number(4, r),
                                                             .average_precision = number(5, r),
                                                             .precision_at_size = number(6, r)}});
  }
  return scores;
}

/// Scores by methods that need no search.
void add_direct(std::vector<BenchmarkRow>& rows, const BenchmarkModel& planned, const Made& made,
                const BenchmarkOptions& options) {
  const auto compute = [&] {
    const int64_t vocab = made.model.config.vocab;
    const Dataset train = load_token_csv(made.folder / "train.csv", vocab);
    const Dataset test = load_token_csv(made.folder / "test.csv", vocab);
    std::vector<ComponentRef> components;
    for (const int64_t layer : planned.layers) {
      for (const Block block : {Block::kAttention, Block::kMlp}) components.push_back({layer, block});
    }
    std::vector<VariableScore> scores;
    for (const std::string& name : planned.variables) {
      const PlantedVariable& variable = made.truth.variable(name);
      if (variable.status != PlantedStatus::kUsed) continue;
      for (DirectScore& score : direct_scores(made.model, variable, train, test, components, Seed(planned.seed),
                                              options.run.callbacks.on_progress)) {
        scores.emplace_back(name, std::move(score));
      }
    }
    return scores;
  };
  for (const auto& [variable, score] : kept_scores(options.out / "scores" / (planned.name + ".csv"), compute)) {
    BenchmarkRow row = row_of(planned, made, score.method, variable, score.component);
    row.headline = score.headline;
    row.units = score.units;
    rows.push_back(std::move(row));
  }
}

/// What comparison methods make of output coordinates.
std::vector<VariableScore> scores_of_coordinates(const BenchmarkModel& planned, const Made& made,
                                                 const std::filesystem::path& out) {
  return kept_scores(out / "scores" / (planned.name + "_coordinates.csv"), [&] {
    const Dataset train = load_token_csv(made.folder / "train.csv", made.model.config.vocab);
    std::vector<VariableScore> scores;
    for (const std::string& name : planned.variables) {
      const PlantedVariable& variable = made.truth.variable(name);
      if (!variable.is_computed()) continue;
      for (DirectScore& score : coordinate_scores(made.model, variable, train, Seed(planned.seed))) {
        scores.emplace_back(name, std::move(score));
      }
    }
    return scores;
  });
}

void add_compared(std::vector<BenchmarkRow>& rows, const BenchmarkModel& planned, const Made& made, const Spec& spec,
                  const std::filesystem::path& out) {
  const std::vector<VariableScore> coordinates = scores_of_coordinates(planned, made, out);
  const Store store = Store::open_existing(spec.out);
  std::map<std::string, double> seconds;
  for (const CellEntry& cell : store.cells()) seconds[cell.id] = cell.seconds;
  for (const JudgedMethod& judged : judged_methods(store.metrics(), store.rules())) {
    if (judged.finding.data != kData) continue;
    BenchmarkRow row = row_of(planned, made, judged.method, judged.finding.variable, judged.finding.component);
    row.answers = judged.finding;
    row.knn = judged.question().statistic;
    row.headline = judged.question().statistic;
    if (row.knn && judged.question().null_mean)
      row.selectivity = row.headline = *row.knn - *judged.question().null_mean;
    for (const auto& [variable, score] : coordinates) {
      if (row.is_true && variable == row.variable && score.method == row.method) row.units = score.units;
    }
    for (const std::string& cell : judged.cells) row.seconds += seconds[cell];
    rows.push_back(std::move(row));
  }
}

/// The comparison methods that answer a question.
std::vector<std::string> compared_methods() {
  std::vector<std::string> names;
  for (const MethodEntry& entry : baseline_methods()) {
    if (!entry.tested.empty()) names.emplace_back(entry.name);
  }
  return names;
}

/// Computes what is missing of a model, and compares it with the truth.
/// @param failures  gets a line for each cell that failed.
std::vector<BenchmarkRow> rows_of(const BenchmarkModel& planned, const BenchmarkOptions& options,
                                  std::vector<std::string>& failures) {
  std::vector<BenchmarkRow> rows;
  RunOptions alone = options.run;
  alone.out.clear();
  alone.shard.clear();
  alone.ranks = nullptr;
  const Made made = make_model(planned, options.out, alone.callbacks.on_progress);
  add_direct(rows, planned, made, options);
  const auto note_failures = [&](const RunSummary& summary) {
    for (const std::string& problem : summary.failures) failures.push_back(planned.name + ": " + problem);
  };
  std::vector<MaskKind> methods = {MaskKind::kHardConcrete};
  if (planned.has_all_methods) {
    methods = {MaskKind::kHardConcrete, MaskKind::kContinuousSparsification, MaskKind::kMagnitudePruning};
  }
  for (const MaskKind method : methods) {
    const Spec spec = spec_of(planned, made, method, options.out);
    note_failures(run(spec, alone));
    add_circuits(rows, planned, made, method, spec);
  }
  if (planned.has_all_methods) {
    Spec spec = spec_of(planned, made, MaskKind::kContinuousSparsification, options.out);
    spec.out = options.out / "runs" / planned.name / kCompared;
    spec.baselines = Document::parse_yaml(kComparedOptions, "the benchmark");
    note_failures(run_baselines(spec, compared_methods(), alone));
    add_compared(rows, planned, made, spec, options.out);
  }
  return rows;
}

}  // namespace

Benchmark run_benchmark(const std::vector<BenchmarkModel>& models, const BenchmarkOptions& options) {
  std::vector<std::string> names, failures;
  for (const BenchmarkModel& planned : models) names.push_back(planned.name);
  std::vector<std::vector<BenchmarkRow>> of_models(models.size());
  Benchmark benchmark;
  benchmark.left = compute_models(names, options.out, options.run, [&](size_t i) {
    tell(options.run.callbacks.on_message,
         {.text = fmt::format("model {} of {}: {} ({})", i + 1, models.size(), models[i].name, models[i].knob)});
    of_models[i] = rows_of(models[i], options, failures);
  });
  if (!failures.empty()) {
    throw failure("{} cells failed; the others are kept, and the same command goes on:\n  {}", failures.size(),
                  fmt::join(failures, "\n  "));
  }
  if (!benchmark.left.empty()) return benchmark;
  for (std::vector<BenchmarkRow>& rows : of_models) std::ranges::move(rows, std::back_inserter(benchmark.rows));
  return benchmark;
}

std::string benchmark_csv(const std::vector<BenchmarkRow>& rows) {
  std::vector<std::string> header = {"model", "tier", "knob"};
  std::vector<std::string> knobs;
  for (const BenchmarkRow& row : rows) {
    for (const auto& [knob, value] : row.knobs) {
      if (std::ranges::count(knobs, knob) == 0) knobs.push_back(knob);
    }
  }
  std::ranges::sort(knobs);
  for (const std::string& knob : knobs) header.push_back("knob_" + knob);
  for (const char* column : {"method",
                             "variable",
                             "status",
                             "received",
                             "component",
                             "is_true",
                             "auroc",
                             "average_precision",
                             "precision_at_size",
                             "precision",
                             "recall",
                             "jaccard",
                             "headline",
                             "share",
                             "knn",
                             "selectivity",
                             "harm",
                             "ceiling",
                             "carried",
                             "left",
                             "present",
                             "made_here",
                             "weights_needed",
                             "through_component",
                             "through_units",
                             "chosen_by_v",
                             "p_present",
                             "p_made_here",
                             "p_weights_needed",
                             "p_through_component",
                             "p_through_units",
                             "p_adjusted_present",
                             "seconds"}) {
    header.emplace_back(column);
  }
  const auto truth_text = [](bool value) { return std::string(value ? "true" : "false"); };
  std::vector<std::vector<std::string>> records;
  for (const BenchmarkRow& row : rows) {
    std::vector<std::string>& record = records.emplace_back();
    record = {row.model, row.tier, row.knob};
    for (const std::string& knob : knobs) record.push_back(row.knobs.contains(knob) ? row.knobs.at(knob) : "");
    const JudgedFinding& a = row.answers;
    const std::array questions = {&a.present, &a.made_here, &a.weights_needed, &a.through_component, &a.through_units};
    record.insert(record.end(), {row.method, row.variable, std::string(to_string(row.status)),
                                 truth_text(row.is_received), to_string(row.component), truth_text(row.is_true)});
    for (const std::optional<double>& number :
         {row.units.auroc, row.units.average_precision, row.units.precision_at_size, row.units.precision,
          row.units.recall, row.units.jaccard, row.headline, row.share, row.knn, row.selectivity, row.harm, row.ceiling,
          row.carried, row.left}) {
      record.push_back(number_or_empty(number));
    }
    for (const JudgedQuestion* question : questions) record.emplace_back(to_string(question->answer));
    record.push_back(row.chosen_by_v ? truth_text(*row.chosen_by_v) : "");
    for (const JudgedQuestion* question : questions) record.push_back(number_or_empty(question->p));
    record.push_back(number_or_empty(a.present.p_adjusted));
    record.push_back(number_text(row.seconds));
  }
  return csv_text(header, records);
}

}  // namespace cprobe
