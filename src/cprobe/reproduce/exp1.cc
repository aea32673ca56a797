#include <algorithm>
#include <array>

#include "cprobe/core/text_table.h"
#include "cprobe/io/atomic_file.h"
#include "cprobe/io/csv.h"
#include "cprobe/reproduce/answers_table.h"
#include "cprobe/reproduce/cell_figures.h"
#include "cprobe/reproduce/published_baselines.h"
#include "cprobe/reproduce/toy_experiment.h"

namespace cprobe {
namespace {

/// What Lepori et al. 2024 report for Experiment 1 (one seed, one draw of exemplars, no random
/// controls).
struct PublishedCircuit {
  std::string_view variable;
  std::string_view meaning;
  std::string_view block;
  double knn;       ///< Test accuracy of decoding from the circuit.
  double full_knn;  ///< Test accuracy of decoding from the whole component.
  double size;      ///< Weights in the circuit / weights in the component.
  double ablated;   ///< Task accuracy with the circuit ablated (fill zero).
};
constexpr std::array<PublishedCircuit, 8> kPublishedCircuits = {{
    {"var_0", "a^2", "attn", .991, .660, .533, .008},
    {"var_0", "a^2", "mlp", .658, .103, .650, .057},
    {"var_1", "-b^2", "attn", .991, .610, .535, .009},
    {"var_1", "-b^2", "mlp", .480, .087, .638, .086},
    {"aux_0", "a+b", "attn", .008, .011, 0, 1},
    {"aux_0", "a+b", "mlp", .008, .011, 0, 1},
    {"aux_1", "a-b", "attn", .008, .011, 0, 1},
    {"aux_1", "a-b", "mlp", .008, .011, 0, 1},
}};
constexpr const char* kEmbedding = "counterfactual_embedding";
constexpr const char* kTransfer = "transfer";  // Trains models, so runs for two variables only.
constexpr double kPublishedTrainingLoss = 1.97e-4;

/// PublishedCircuit figures of comparison methods. Those of transfer learning are read off curves.
std::vector<PublishedBaseline> published_figures() {
  return published_baselines(
      {{"var_0", "a^2"}, {"var_1", "-b^2"}, {"aux_0", "a+b"}, {"aux_1", "a-b"}},
      {
          {"linear_probe", "L0.mid", "test_accuracy", "", {"1.0", "1.0", "0", "0"}},
          {"linear_probe", "L0.post", "test_accuracy", "", {".062", ".066", ".008", ".008"}},
          {"mlp_probe", "L0.mid", "test_accuracy", "", {"1.0", "1.0", ".007", ".007"}},
          {"mlp_probe", "L0.post", "test_accuracy", "", {".551", ".658", ".014", ".014"}},
          {kEmbedding, "L0.mid", "probe_flipped", "", {"1.0", "1.0", "1.0", "1.0"}},
          {kEmbedding, "L0.post", "probe_flipped", "", {"1.0", "1.0", "1.0", "1.0"}},
          {kEmbedding, "L0.mid", "counterfactual_answer", "", {"<= .019", "<= .019", "<= .019", "<= .019"}},
          {kEmbedding, "L0.post", "counterfactual_answer", "", {"<= .019", "<= .019", "<= .019", "<= .019"}},
          {"amnesic_probing", "L0.mid", "erased_accuracy Test", "", {".019", ".018", ".354", ".352"}},
          {"amnesic_probing", "L0.post", "erased_accuracy Test", "", {"1.0", "1.0", ".993", ".994"}},
          {"boundless_das", "L0.mid", "interchange_accuracy", "", {".98", ".99", ".01", ".01"}},
          {"boundless_das", "L0.post", "interchange_accuracy", "", {".02", ".02", ".02", ".02"}},
          {"transfer", "model", "steps_to_accuracy", "", {"3"}},
          {"transfer", "model", "steps_to_accuracy", "from scratch", {"10"}},
          {"transfer", "model", "steps_to_accuracy", "", {"", "", "261"}},
          {"transfer", "model", "steps_to_accuracy", "from scratch", {"", "", "58"}},
      });
}

/// Runs the comparison methods and returns their figures.
/// @param spec  spec of the run of circuit probing.
std::vector<RecordedMetric> run_baselines_of(Spec spec, const ReproduceOptions& options) {
  const auto run_methods = [&](const std::vector<std::string>& methods) {
    return run_published_baselines(spec, methods, options);
  };
  std::vector<std::string> methods;
  for (const PublishedBaseline& p : published_figures()) {
    if (p.method != kTransfer && (methods.empty() || methods.back() != p.method)) methods.emplace_back(p.method);
  }
  run_methods(methods);
  spec.grid.variables = {"var_0", "aux_0"};
  return run_methods({kTransfer});
}

/// A line for each variable and block, in each model.
std::string answers_of_models(const std::vector<std::vector<JudgedFinding>>& models, const JudgeOptions& rules) {
  std::vector<AnswersLine> lines;
  for (const PublishedCircuit& p : kPublishedCircuits) {
    AnswersLine& line = lines.emplace_back(AnswersLine{{std::string(p.meaning), std::string(p.block)}, {}});
    for (const std::vector<JudgedFinding>& model : models) {
      line.findings.push_back(&finding_of(model, p.variable, p.block, "Test"));
    }
  }
  return answers_table({"variable", "block"}, lines, rules);
}

/// The training loss at the end of a model's curve.
double final_training_loss(const ToyExperiment& experiment) {
  return std::stod(CsvTable::read(experiment.folder / "curve.csv").text("train_loss").back());
}

}  // namespace

std::string reproduce_experiment1(const ArithmeticTask& task, const ToyExperimentOptions& options) {
  const std::vector<ToyExperiment> experiments = toy_experiments({task}, options, [&](ToyExperiment& experiment) {
    Spec& spec = experiment.runs.emplace_back(toy_spec(experiment, task, "final", "circuits", options.common));
    spec.grid.variables = {"var_0", "var_1", "aux_0", "aux_1"};
  });
  begin_toy_experiments(experiments, options.common);
  std::vector<ProbedCell> cells;
  std::vector<RecordedMetric> baselines;
  std::vector<double> losses;
  std::vector<std::vector<JudgedFinding>> answers;  // of each model
  for (const ToyExperiment& experiment : experiments) {
    train_model(experiment);
    losses.push_back(final_training_loss(experiment));
    const Spec& spec = experiment.runs.front();
    const std::vector<ProbedCell> own = finished_cells(spec, toy_run_options(options.common));
    answers.push_back(judged_findings(own, spec.probe.judge));
    cells.insert(cells.end(), own.begin(), own.end());
    if (!options.common.baselines) continue;
    for (RecordedMetric& figure : run_baselines_of(spec, options.common)) baselines.push_back(std::move(figure));
  }
  std::vector<std::vector<std::string>> lines = {{"variable", "block", "circuit", "kNN", "(paper)", "kNN full",
                                                  "(paper)", "weights", "(paper)", "untouched", "ablated", "(paper)",
                                                  "random control", "worst p"}};
  for (const PublishedCircuit& p : kPublishedCircuits) {
    const std::vector<ProbedCell> own = cells_of(cells, p.variable, p.block);
    const std::vector<double> p_values = figures(own, p_on("Test"));
    lines.push_back({std::string(p.meaning), std::string(p.block), circuits_in_words(own), figure_over(own, knn_of),
                     published_figure(p.knn), figure_over(own, full_knn_of), published_figure(p.full_knn),
                     figure_over(own, share_of), published_figure(p.size), figure_over(own, untouched_on("Test")),
                     figure_over(own, ablated_on("Test")), published_figure(p.ablated),
                     figure_over(own, random_on("Test")),
                     p_values.empty() ? "-" : p_number(*std::ranges::max_element(p_values))});
  }
  std::string table = text_table(lines);
  table += fmt::format(
      "\nTraining loss at the end, by seed: {:.1e} ({:.1e}). After thousands of steps the ablated MLP varies with "
      "it.\n",
      fmt::join(losses, ", "), kPublishedTrainingLoss);
  table += fmt::format("\n{}", answers_of_models(answers, experiments.front().runs.front().probe.judge));
  if (options.common.baselines) table += fmt::format("\n{}", baselines_table(baselines, published_figures()));
  write_file(options.common.out / "table.txt", table);
  return table;
}

}  // namespace cprobe
