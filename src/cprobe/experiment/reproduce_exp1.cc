#include <algorithm>
#include <array>
#include <map>

#include "cprobe/core/error.h"
#include "cprobe/core/text_table.h"
#include "cprobe/core/threads.h"
#include "cprobe/data/task_data.h"
#include "cprobe/experiment/published_baselines.h"
#include "cprobe/experiment/reproduce_parts.h"
#include "cprobe/experiment/tables.h"
#include "cprobe/io/atomic_file.h"
#include "cprobe/io/csv.h"
#include "cprobe/model/train_task.h"

namespace cprobe {
namespace {

/// What Lepori et al. 2024 report for Experiment 1 (one seed, one draw of exemplars, no random controls).
struct Published {
  std::string_view variable;
  std::string_view meaning;
  std::string_view block;
  double knn;       ///< Test accuracy of the circuit.
  double full_knn;  ///< Of the whole component.
  double size;      ///< Weights in the circuit / weights in the component.
  double ablated;   ///< Task accuracy with the circuit at zero.
};
constexpr std::array<Published, 8> kPublished = {{
    {"var_0", "a^2", "attn", .991, .660, .533, .008},
    {"var_0", "a^2", "mlp", .658, .103, .650, .057},
    {"var_1", "-b^2", "attn", .991, .610, .535, .009},
    {"var_1", "-b^2", "mlp", .480, .087, .638, .086},
    {"aux_0", "a+b", "attn", .008, .011, 0, 1},
    {"aux_0", "a+b", "mlp", .008, .011, 0, 1},
    {"aux_1", "a-b", "attn", .008, .011, 0, 1},
    {"aux_1", "a-b", "mlp", .008, .011, 0, 1},
}};
constexpr const char* kTransfer = "transfer";  // Of two variables only: it trains models.
constexpr double kPublishedTrainingLoss = 1.97e-4;

/// Of competing methods; those of transfer learning are read off curves.
constexpr auto kPublishedBaselines = std::to_array<PublishedBaseline>({
    {"linear_probe", "var_0", "a^2", "L0.mid", "test_accuracy", "", "1.0"},
    {"linear_probe", "var_1", "-b^2", "L0.mid", "test_accuracy", "", "1.0"},
    {"linear_probe", "aux_0", "a+b", "L0.mid", "test_accuracy", "", "0"},
    {"linear_probe", "aux_1", "a-b", "L0.mid", "test_accuracy", "", "0"},
    {"linear_probe", "var_0", "a^2", "L0.post", "test_accuracy", "", ".062"},
    {"linear_probe", "var_1", "-b^2", "L0.post", "test_accuracy", "", ".066"},
    {"linear_probe", "aux_0", "a+b", "L0.post", "test_accuracy", "", ".008"},
    {"linear_probe", "aux_1", "a-b", "L0.post", "test_accuracy", "", ".008"},
    {"mlp_probe", "var_0", "a^2", "L0.mid", "test_accuracy", "", "1.0"},
    {"mlp_probe", "var_1", "-b^2", "L0.mid", "test_accuracy", "", "1.0"},
    {"mlp_probe", "aux_0", "a+b", "L0.mid", "test_accuracy", "", ".007"},
    {"mlp_probe", "aux_1", "a-b", "L0.mid", "test_accuracy", "", ".007"},
    {"mlp_probe", "var_0", "a^2", "L0.post", "test_accuracy", "", ".551"},
    {"mlp_probe", "var_1", "-b^2", "L0.post", "test_accuracy", "", ".658"},
    {"mlp_probe", "aux_0", "a+b", "L0.post", "test_accuracy", "", ".014"},
    {"mlp_probe", "aux_1", "a-b", "L0.post", "test_accuracy", "", ".014"},
    {"counterfactual_embedding", "var_0", "a^2", "L0.mid", "probe_flipped", "", "1.0"},
    {"counterfactual_embedding", "var_1", "-b^2", "L0.mid", "probe_flipped", "", "1.0"},
    {"counterfactual_embedding", "aux_0", "a+b", "L0.mid", "probe_flipped", "", "1.0"},
    {"counterfactual_embedding", "aux_1", "a-b", "L0.mid", "probe_flipped", "", "1.0"},
    {"counterfactual_embedding", "var_0", "a^2", "L0.post", "probe_flipped", "", "1.0"},
    {"counterfactual_embedding", "var_1", "-b^2", "L0.post", "probe_flipped", "", "1.0"},
    {"counterfactual_embedding", "aux_0", "a+b", "L0.post", "probe_flipped", "", "1.0"},
    {"counterfactual_embedding", "aux_1", "a-b", "L0.post", "probe_flipped", "", "1.0"},
    {"counterfactual_embedding", "var_0", "a^2", "L0.mid", "counterfactual_answer", "", "<= .019"},
    {"counterfactual_embedding", "var_1", "-b^2", "L0.mid", "counterfactual_answer", "", "<= .019"},
    {"counterfactual_embedding", "aux_0", "a+b", "L0.mid", "counterfactual_answer", "", "<= .019"},
    {"counterfactual_embedding", "aux_1", "a-b", "L0.mid", "counterfactual_answer", "", "<= .019"},
    {"counterfactual_embedding", "var_0", "a^2", "L0.post", "counterfactual_answer", "", "<= .019"},
    {"counterfactual_embedding", "var_1", "-b^2", "L0.post", "counterfactual_answer", "", "<= .019"},
    {"counterfactual_embedding", "aux_0", "a+b", "L0.post", "counterfactual_answer", "", "<= .019"},
    {"counterfactual_embedding", "aux_1", "a-b", "L0.post", "counterfactual_answer", "", "<= .019"},
    {"amnesic_probing", "var_0", "a^2", "L0.mid", "erased_accuracy Test", "", ".019"},
    {"amnesic_probing", "var_1", "-b^2", "L0.mid", "erased_accuracy Test", "", ".018"},
    {"amnesic_probing", "aux_0", "a+b", "L0.mid", "erased_accuracy Test", "", ".354"},
    {"amnesic_probing", "aux_1", "a-b", "L0.mid", "erased_accuracy Test", "", ".352"},
    {"amnesic_probing", "var_0", "a^2", "L0.post", "erased_accuracy Test", "", "1.0"},
    {"amnesic_probing", "var_1", "-b^2", "L0.post", "erased_accuracy Test", "", "1.0"},
    {"amnesic_probing", "aux_0", "a+b", "L0.post", "erased_accuracy Test", "", ".993"},
    {"amnesic_probing", "aux_1", "a-b", "L0.post", "erased_accuracy Test", "", ".994"},
    {"boundless_das", "var_0", "a^2", "L0.mid", "interchange_accuracy", "", ".98"},
    {"boundless_das", "var_1", "-b^2", "L0.mid", "interchange_accuracy", "", ".99"},
    {"boundless_das", "aux_0", "a+b", "L0.mid", "interchange_accuracy", "", ".01"},
    {"boundless_das", "aux_1", "a-b", "L0.mid", "interchange_accuracy", "", ".01"},
    {"boundless_das", "var_0", "a^2", "L0.post", "interchange_accuracy", "", ".02"},
    {"boundless_das", "var_1", "-b^2", "L0.post", "interchange_accuracy", "", ".02"},
    {"boundless_das", "aux_0", "a+b", "L0.post", "interchange_accuracy", "", ".02"},
    {"boundless_das", "aux_1", "a-b", "L0.post", "interchange_accuracy", "", ".02"},
    {"transfer", "var_0", "a^2", "model", "steps_to_accuracy", "", "3"},
    {"transfer", "var_0", "a^2", "model", "steps_to_accuracy", "from scratch", "10"},
    {"transfer", "aux_0", "a+b", "model", "steps_to_accuracy", "", "261"},
    {"transfer", "aux_0", "a+b", "model", "steps_to_accuracy", "from scratch", "58"},
});

std::filesystem::path seed_folder(const Experiment1Options& options, int64_t seed) {
  return options.common.out / fmt::format("seed_{}", seed);
}

/// Data and a trained model for one seed, from an earlier call with these options where they are there.
void prepare(const ArithmeticTask& task, const Experiment1Options& options, int64_t seed) {
  const std::filesystem::path folder = seed_folder(options, seed);
  const Seed task_seed(static_cast<uint64_t>(seed));
  const ModelConfig config = toy_config(task);
  const bool overwrite = options.common.overwrite;
  const TrainOptions training{.steps = options.steps, .overwrite = overwrite, .quiet = options.common.quiet};
  const TaskData data = prepare_task_data(task, folder / "data", task_seed, overwrite);
  if (overwrite || !is_trained(config, data.train, data.test, training, folder, task_seed)) {
    train(config, data.train, data.test, training, folder, task_seed);
  }
}

Spec probing_spec(const Experiment1Options& options, int64_t seed) {
  const std::filesystem::path folder = seed_folder(options, seed);
  Spec spec{.model = folder / "final",
            .task = "exp1",
            .train_csv = folder / "data/train.csv",
            .test_csv = folder / "data/test.csv",
            .behaviour_csvs = {{"Test", folder / "data/test.csv"}},
            .variables = {"var_0", "var_1", "aux_0", "aux_1"},
            .seeds = {static_cast<uint64_t>(seed)},
            .out = folder / "circuits"};
  spec.ablation.n_random = options.common.n_random;
  return spec;
}

/// Computes what is missing of a seed's run, and returns its rows.
std::vector<Store::Fields> probe(const Experiment1Options& options, int64_t seed) {
  const Spec spec = probing_spec(options, seed);
  const RunSummary summary = run(spec, run_options(options.common));
  if (!summary.failures.empty()) throw failure("{}: {}", spec.out.string(), summary.failures.front());
  return Store::open_existing(spec.out).results();
}

/// Figures of the competing methods for one seed.
std::vector<Store::MetricRow> run_baselines_of(const Experiment1Options& options, int64_t seed) {
  Spec spec = probing_spec(options, seed);
  const auto run_methods = [&](const std::vector<std::string>& methods) {
    return run_published_baselines(spec, methods, options.common);
  };
  std::vector<std::string> methods;
  for (const PublishedBaseline& p : kPublishedBaselines) {
    if (p.method != kTransfer && (methods.empty() || methods.back() != p.method)) methods.emplace_back(p.method);
  }
  run_methods(methods);
  spec.variables = {"var_0", "aux_0"};
  return run_methods({kTransfer});
}

/// What a seed's model was trained to, from its curve.
double final_training_loss(const Experiment1Options& options, int64_t seed) {
  return std::stod(CsvTable::read(seed_folder(options, seed) / "curve.csv").text("train_loss").back());
}

/// The rows of one variable and block, one per seed.
std::vector<Store::Fields> select(const std::vector<Store::Fields>& rows, const Published& published) {
  std::vector<Store::Fields> selected;
  for (const Store::Fields& row : rows) {
    if (value_of(row, "variable") == published.variable && value_of(row, "operation") == published.block) {
      selected.push_back(row);
    }
  }
  return selected;
}

/// "empty", or "empty 2, proper part 1" where seeds differ.
std::string circuits_in_words(const std::vector<Store::Fields>& rows) {
  std::map<std::string, int> counts;
  for (const Store::Fields& row : rows) ++counts[value_of(row, "circuit")];
  std::vector<std::string> words;
  words.reserve(counts.size());
  for (const auto& [word, n] : counts) words.push_back(counts.size() == 1 ? word : fmt::format("{} {}", word, n));
  return fmt::format("{}", fmt::join(words, ", "));
}

}  // namespace

std::string reproduce_experiment1(const ArithmeticTask& task, const Experiment1Options& options) {
  if (options.n_seeds < 1 || options.steps < 1) {
    throw input_error("reproduce needs at least one seed and one step, found {} and {}", options.n_seeds,
                      options.steps);
  }
  const int n_threads = options.common.n_threads;
  set_threads(n_threads > 0 ? n_threads : available_threads());
  std::vector<Store::Fields> rows;
  std::vector<Store::MetricRow> figures;
  std::vector<double> losses;
  for (int64_t seed = 0; seed < options.n_seeds; ++seed) {
    prepare(task, options, seed);
    losses.push_back(final_training_loss(options, seed));
    for (Store::Fields& fields : probe(options, seed)) rows.push_back(std::move(fields));
    if (!options.baselines) continue;
    for (Store::MetricRow& figure : run_baselines_of(options, seed)) figures.push_back(std::move(figure));
  }
  std::vector<std::vector<std::string>> lines = {{"variable", "block", "circuit", "kNN", "(paper)", "kNN full",
                                                  "(paper)", "weights", "(paper)", "vanilla", "ablated", "(paper)",
                                                  "random control", "worst p"}};
  for (const Published& p : kPublished) {
    const std::vector<Store::Fields> own = select(rows, p);
    const std::vector<double> p_values = column_values(own, "ablated p Test");
    lines.push_back({std::string(p.meaning), std::string(p.block), circuits_in_words(own),
                     figure_over(column_values(own, "knn test acc")), published_figure(p.knn),
                     figure_over(column_values(own, "full model knn test acc")), published_figure(p.full_knn),
                     figure_over(circuit_shares(own)), published_figure(p.size),
                     figure_over(column_values(own, " vanilla acc Test")),
                     figure_over(column_values(own, " ablated acc Test")), published_figure(p.ablated),
                     figure_over(column_values(own, "random ablate acc mean Test")),
                     p_values.empty() ? "-" : fmt::format("{:.3f}", *std::ranges::max_element(p_values))});
  }
  std::string table = text_table(lines);
  table += fmt::format(
      "\nTraining loss at the end, by seed: {:.1e} ({:.1e}). After thousands of steps the ablated MLP varies with "
      "it.\n",
      fmt::join(losses, ", "), kPublishedTrainingLoss);
  if (options.baselines) table += "\n" + baselines_table(figures, kPublishedBaselines);
  write_file(options.common.out / "table.txt", table);
  return table;
}

}  // namespace cprobe
