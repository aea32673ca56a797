#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/compute_options.h"
#include "cprobe/circuit/circuit.h"
#include "cprobe/core/progress.h"
#include "cprobe/core/text_table.h"
#include "cprobe/data/arithmetic.h"
#include "cprobe/evaluate/ablation.h"

namespace cprobe {
namespace {

struct AblateCommand {
  std::filesystem::path circuit;
  std::filesystem::path model;
  std::filesystem::path data;
  std::filesystem::path train;
  std::vector<std::string> fills = {"zero"};
  int64_t n_random = 20;
  bool per_matrix = false;
  uint64_t seed = 0;
  int n_threads = 0;
  bool json = false;
};

void print_json(const AblationBench& bench, const std::vector<AblationResult>& results) {
  fmt::print(
      "{}\n",
      nlohmann::ordered_json{{"target", "none"}, {"accuracy", bench.vanilla()}, {"n_rows", bench.n_rows()}}.dump());
  for (const AblationResult& r : results) {
    nlohmann::ordered_json line = {{"target", to_string(r.target)},
                                   {"fill", to_string(r.fill)},
                                   {"matrix", r.matrix},
                                   {"accuracy", r.accuracy.mean},
                                   {"sd", nullptr},
                                   {"draws", r.accuracy.n},
                                   {"p", nullptr},
                                   {"note", r.note}};
    if (r.accuracy.sd) line["sd"] = *r.accuracy.sd;
    if (r.p) line["p"] = *r.p;
    fmt::print("{}\n", line.dump());
  }
}

void print_table(const AblationBench& bench, const std::vector<AblationResult>& results) {
  std::vector<std::vector<std::string>> lines = {{"removed", "matrix", "fill", "accuracy", "p", "note"},
                                                 {"nothing", "", "", fmt::format("{:.4f}", bench.vanilla()), "", ""}};
  for (const AblationResult& r : results) {
    std::string accuracy = fmt::format("{:.4f}", r.accuracy.mean);
    if (r.accuracy.sd) accuracy += fmt::format(" ± {:.4f} (n = {})", *r.accuracy.sd, r.accuracy.n);
    lines.push_back({std::string(to_string(r.target)), r.matrix, std::string(to_string(r.fill)), accuracy,
                     r.p ? fmt::format("{:.3f}", *r.p) : "", r.note});
  }
  fmt::print("{}", text_table(lines));
}

void run_ablate(const AblateCommand& command) {
  begin_computing(command.n_threads);
  const at::NoGradGuard no_gradients;
  AblationOptions options{.fills = {}, .n_random = command.n_random, .per_matrix = command.per_matrix};
  for (const std::string& fill : command.fills) options.fills.push_back(parse_fill(fill));
  const bool needs_training = std::ranges::any_of(options.fills, [](Fill fill) { return fill != Fill::kZero; });
  if (needs_training && command.train.empty())
    throw input_error("fills mean and resample need --train, the data to take them from");
  const Model model = load_model(command.model);
  const Circuit circuit = load_circuit(command.circuit, model.config);
  const auto found_in = circuit.provenance.find("model_fingerprint");
  if (found_in != circuit.provenance.end() && found_in->second != fingerprint(model)) {
    fmt::print(stderr, "note: this circuit was found in another model (fingerprint {})\n", found_in->second);
  }
  const Dataset data = load_arithmetic_csv(command.data, model.config.vocab);
  std::optional<Dataset> train;
  std::optional<Stream> train_before;
  if (!command.train.empty()) {
    train = load_arithmetic_csv(command.train, model.config.vocab);
    train_before = stream_at(model, train->trie, Site::before(circuit.component));
  }
  const Site site = Site::before(circuit.component);
  const Stream before = stream_at(model, data.trie, site);
  const AblationBench bench(model, circuit.component, data, before, run_untouched(model, data, before, site),
                            train ? &*train : nullptr, train ? &*train_before : nullptr);
  std::vector<AblationResult> results;
  {
    Progress progress("ablations", most_ablations(options, circuit.matrices.size()));
    results = ablate(bench, circuit, options, Seed(command.seed), [&] { progress.advance(); });
  }
  if (command.json) {
    print_json(bench, results);
  } else {
    print_table(bench, results);
  }
}

}  // namespace

void setup_ablate(CLI::App& app) {
  const auto options = std::make_shared<AblateCommand>();
  CLI::App* command =
      app.add_subcommand("ablate", "Remove a saved circuit from a model and measure the task, on any data");
  command->add_option("circuit", options->circuit, "Circuit file of a run")
      ->required()
      ->type_name("CIRCUIT.safetensors");
  command->add_option("--model", options->model, "Hugging Face model folder")->required()->type_name("FOLDER");
  command->add_option("--data", options->data, "Rows to measure the task on")->required()->type_name("CSV");
  command->add_option("--train", options->train, "Rows that give means and donors to the fills mean and resample")
      ->type_name("CSV");
  command->add_option("--fill", options->fills, "What removed units see: zero, mean, resample")->capture_default_str();
  command->add_option("--random-controls", options->n_random, "Random circuits of the same size")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_flag("--per-matrix", options->per_matrix, "Also remove each weight matrix's part alone");
  command->add_option("--seed", options->seed, "Seed of random controls and donors")->capture_default_str();
  add_threads_option(*command, options->n_threads);
  command->add_flag("--json", options->json, "One JSON object per line");
  command->footer(
      "Example (after `cprobe reproduce exp1 --steps 1000 --seeds 1 --out runs/exp1`):\n"
      "  cprobe ablate runs/exp1/seed_0/circuits/circuits/var_0.L0.attn.*.safetensors \\\n"
      "    --model runs/exp1/seed_0/final --data runs/exp1/seed_0/data/test.csv --per-matrix");
  command->callback([options] { run_ablate(*options); });
}

}  // namespace cprobe
