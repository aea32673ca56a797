#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/ablation_text.h"
#include "cli/commands.h"
#include "cli/events.h"
#include "cli/loaded_model.h"
#include "cli/next_tokens.h"
#include "cli/options.h"
#include "cli/progress_bar.h"
#include "cprobe/circuit/head_units.h"
#include "cprobe/circuit/masked_view.h"
#include "cprobe/core/error.h"
#include "cprobe/probe/ablate_everywhere.h"
#include "cprobe/probe/probe_cell.h"

namespace cprobe {
namespace {

/// The command line. Ablations are measured on the evaluation sets of a spec, on a CSV file, or on
/// the next token of a text.
struct AblateCommand {
  std::filesystem::path circuit;
  std::filesystem::path spec;
  std::filesystem::path model;
  std::filesystem::path data;
  std::filesystem::path train;
  std::optional<std::string> next;
  std::string special_tokens = "template";
  std::vector<std::string> continuations;
  std::vector<std::string> fills;
  std::optional<int64_t> n_random;
  std::optional<uint64_t> seed;
  bool per_matrix = false;
  bool effects = false;
  int n_threads = 0;
  bool json = false;
};

/// The model, the data and the ablations that are measured.
struct Measurement {
  ModelSpec model;
  DataSpec data;
  AblationOptions options;
  std::vector<std::string> variables;              ///< Of the spec's grid.
  std::vector<uint64_t> seeds = GridSpec().seeds;  ///< Of the spec's grid.
};

/// The measurement of --spec, or of --model, --data and --train. Options of the command line
/// replace those of the spec.
Measurement read_measurement(const AblateCommand& command) {
  Measurement measured;
  if (!command.spec.empty()) {
    const Spec spec = read_spec_file(command.spec);
    measured = {spec.model, spec.data, spec.probe.ablation, spec.grid.variables, spec.grid.seeds};
    measured.data.measure_behaviour = true;
  } else {
    measured.model = {.folder = command.model};
    measured.data = {.train_csv = command.train.empty() ? command.data : command.train,
                     .test_csv = command.data,
                     .evaluation_csvs = {{command.data.stem().string(), command.data}}};
  }
  AblationOptions& options = measured.options;
  if (!command.fills.empty()) {
    options.fills.clear();
    for (const std::string& fill : command.fills) options.fills.push_back(parse_fill(fill));
  }
  if (take_donors(options.fills) && command.spec.empty() && command.train.empty())
    throw input_error("every --fill but zero needs --train, the data to take it from");
  if (command.n_random) options.n_random = *command.n_random;
  options.sets_seed = command.seed.value_or(0);
  options.per_matrix = options.per_matrix || command.per_matrix;
  options.effect = options.effect || command.effects;
  return measured;
}

/// The seed that the circuit was found with, if it is among `seeds`; else the first of `seeds`.
/// With the circuit's own seed, the figures are those of the run.
uint64_t seed_of(const Circuit& circuit, const std::vector<uint64_t>& seeds) {
  const auto seed = circuit.provenance.find("seed");
  const auto found = std::ranges::find_if(
      seeds, [&](uint64_t one) { return seed != circuit.provenance.end() && seed->second == std::to_string(one); });
  return found == seeds.end() ? seeds.front() : *found;
}

void note_other_model(const Circuit& circuit, const std::string& model_fingerprint) {
  const auto found_in = circuit.provenance.find("model_fingerprint");
  if (found_in == circuit.provenance.end() || !are_of_different_models(found_in->second, model_fingerprint)) return;
  say(Message::Kind::kNote, fmt::format("this circuit was found in another model (fingerprint {})", found_in->second));
}

void run_next(const AblateCommand& command) {
  const TextsToContinue texts = read_texts(command.model, *command.next, command.continuations,
                                           template_tokens_of(command.special_tokens, TemplateTokens::kBefore));
  const Model model = loaded_model(command.model);
  const Circuit circuit = load_circuit(command.circuit, model.config);
  note_other_model(circuit, fingerprint(model));
  const std::vector<NextTokens> untouched = next_tokens(model, texts);
  const std::vector<NextTokens> ablated = next_tokens(
      model, texts,
      component_masks(
          model, circuit.matrices,
          over_outputs(model.config, circuit.matrices, circuit.unit, removing(circuit.members), HeadPart::kValues)));
  for (size_t i = 0; i < untouched.size(); ++i) {
    if (command.json) {
      fmt::print("{}\n", nlohmann::ordered_json{{"untouched", next_tokens_json(untouched[i], texts)},
                                                {"circuit_removed", next_tokens_json(ablated[i], texts)}}
                             .dump());
    } else {
      fmt::print("{}{}", i > 0 ? "\n" : "", next_tokens_table(untouched[i], ablated[i]));
    }
  }
}

void run_ablate(const AblateCommand& command) {
  // The parser refuses the options that --spec excludes.
  if (command.spec.empty() && (command.model.empty() || (command.data.empty() && !command.next))) {
    throw input_error(
        "ablate needs something to measure on: --spec SPEC.yaml, or --model FOLDER and either --data CSV or --next "
        "TEXT");
  }
  begin_computing(command.n_threads);
  if (command.next) return run_next(command);
  const Measurement measured = read_measurement(command);
  const AblationOptions& options = measured.options;
  const ModelControl control = measured.model.control;
  const RunData data = load_run_data(measured.model, measured.data, measured.variables);
  const Circuit circuit = load_circuit(command.circuit, data.model.config);
  if (circuit.components().size() > 1) {
    throw input_error("{}: a circuit of {}; without --next, only circuits of one component are ablated",
                      command.circuit.string(), to_string(circuit.components()));
  }
  const uint64_t found_with = seed_of(circuit, measured.seeds);
  const Model model = controlled_model(control, circuit.component(), found_with, data.model);
  note_other_model(circuit, control == ModelControl::kNone ? data.fingerprints.front() : fingerprint(model));
  Streams streams(model);
  std::vector<Findings::OnEvaluationSet> results;
  {
    ProgressBar bar;
    results = ablate_everywhere(model, circuit, data, options, Seed(command.seed.value_or(found_with)), streams,
                                bar.on_progress());
  }
  fmt::print("{}", command.json ? ablations_json(results) : ablations_table(results));
}

/// Adds --spec, --data and --next, which exclude each other, and the options that belong to them.
/// Returns the option --next.
CLI::Option* add_sources(CLI::App& command, AblateCommand& options) {
  CLI::Option* spec = add_option(command, "--spec", options.spec, "SPEC.yaml",
                                 "Measure on every data set of a spec, with its model and options");
  add_option(command, "--model", options.model, "FOLDER", "Hugging Face model folder")->excludes(spec);
  CLI::Option* data =
      add_option(command, "--data", options.data, "CSV", "Rows of tokens to measure the task on")->excludes(spec);
  CLI::Option* train =
      add_option(command, "--train", options.train, "CSV", "Rows that give means and donors to every fill but zero")
          ->excludes(spec);
  CLI::Option* next = add_option(command, "--next", options.next, "TEXT",
                                 "The likeliest next tokens of a text, with and without the circuit (fill zero)");
  for (CLI::Option* other : {spec, data, train}) next->excludes(other);
  add_option(command, "--of", options.continuations, "TEXT", "With --next: also these next tokens")
      ->needs(next)
      ->allow_extra_args(false);
  add_special_tokens_option(command, options.special_tokens)->needs(next);
  return next;
}

/// Adds the options that say how to ablate. @param next  the option --next, which excludes them.
void add_choices(CLI::App& command, AblateCommand& options, CLI::Option* next) {
  command
      .add_option("--fill", options.fills,
                  fmt::format("What ablated units see: {} (default: the spec's, or zero)", fill_names()))
      ->excludes(next);
  command
      .add_option(
          "--random-controls", options.n_random,
          fmt::format("Random circuits of the same size (default: the spec's, or {})", AblationOptions().n_random))
      ->check(CLI::NonNegativeNumber)
      ->excludes(next);
  command.add_flag("--per-matrix", options.per_matrix, "Also ablate each weight matrix's part alone")->excludes(next);
  command
      .add_flag("--effects", options.effects,
                "Also the mean log-probability of the right next token, and the KL divergence of the next token's "
                "distribution from the untouched model's, in nats")
      ->excludes(next);
  command
      .add_option("--seed", options.seed,
                  "Seed of random sets (default: 0, as in runs) and of donors (default: the circuit's where the spec "
                  "has it, or the spec's first, or 0)")
      ->excludes(next);
}

}  // namespace

void setup_ablate(CLI::App& app) {
  const auto options = std::make_shared<AblateCommand>();
  CLI::App* command =
      app.add_subcommand("ablate", "Ablate a saved circuit in a model and measure the task, on any data");
  add_option(*command, "circuit", options->circuit, "CIRCUIT.safetensors", "Circuit file of a run")->required();
  add_choices(*command, *options, add_sources(*command, *options));
  add_threads_option(*command, options->n_threads);
  command->add_flag("--json", options->json, "One JSON object per line");
  command->footer(
      "With - for TEXT, --next reads JSON strings from stdin, one a line.\n\n"
      "Examples (after `cprobe reproduce exp1 --steps 1000 --seeds 1 --out runs/exp1`):\n"
      "  cprobe ablate runs/exp1/seed_0/circuits/circuits/var_0.L0.attn.*.safetensors \\\n"
      "    --model runs/exp1/seed_0/final --data runs/exp1/seed_0/data/test.csv --per-matrix\n"
      "(after `cprobe fit examples/smollm2_agreement.yaml`; CIRCUIT is a file of its folder circuits):\n"
      "  cprobe ablate CIRCUIT --spec examples/smollm2_agreement.yaml --effects\n"
      "  cprobe ablate CIRCUIT --model runs/smollm2 --next \"I know that the keys\" --of \" is\" --of \" are\"");
  command->callback([options] { run_ablate(*options); });
}

}  // namespace cprobe
