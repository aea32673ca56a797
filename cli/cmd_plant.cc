#include <memory>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/plant_into.h"
#include "cli/progress_bar.h"
#include "cprobe/core/error.h"
#include "cprobe/plant/compiled.h"
#include "cprobe/plant/planted_folder.h"
#include "cprobe/plant/trained.h"

namespace cprobe {
namespace {

struct PlantOptions {
  std::filesystem::path out, check;
  uint64_t seed = 0;
  std::string tier = "compiled", component, answer = "direct";
  CompiledOptions compiled;
  TrainedOptions trained;
  PlantIntoOptions implant;
  bool has_classes = false;
  int n_threads = 0;
};

PlantedAnswer parse_answer(const std::string& text) {
  for (const PlantedAnswer answer : kPlantedAnswers) {
    if (to_string(answer) == text) return answer;
  }
  throw input_error("--answer {}: expected direct, combined or other", text);
}

/// Options of one tier only.
constexpr std::array kOnlyCompiled = {"--one-operand",     "--gain",    "--distractors",
                                      "--distractor-gain", "--overlap", "--redundancy",
                                      "--rotation",        "--noise",   "--dead"};
constexpr std::array kOnlyTrained = {"--share", "--steps"};

/// Refuses options of another tier.
void require_options_of_tier(const CLI::App& command, const std::string& tier) {
  const auto refuse = [&](const auto& names, std::string_view other) {
    for (const char* name : names) {
      if (command.count(name) > 0) throw input_error("{} is an option of --tier {}, not of {}", name, other, tier);
    }
  };
  if (tier == "trained") return refuse(kOnlyCompiled, "compiled");
  if (tier != "compiled") throw input_error("--tier {}: expected compiled or trained", tier);
  refuse(kOnlyTrained, "trained");
}

Planted make_planted(PlantOptions& options) {
  const Seed seed(options.seed);
  options.compiled.answer = parse_answer(options.answer);
  if (!options.component.empty()) options.compiled.component = parse_component(options.component);
  if (options.tier == "compiled") return compile_model(options.compiled, seed);
  TrainedOptions& trained = options.trained;
  if (options.compiled.n_operands > 0) trained.n_operands = options.compiled.n_operands;
  trained.n_classes = options.compiled.n_classes;
  trained.context = options.compiled.context;
  trained.answer = options.compiled.answer;
  trained.n_layers = options.compiled.n_layers;
  if (options.compiled.component) trained.component = *options.compiled.component;
  ProgressBar bar;
  trained.on_progress = bar.on_progress();
  return train_planted(trained, seed);
}

void print_checked(const std::filesystem::path& folder, const std::vector<PlantedExchange>& exchanges) {
  fmt::print("{}: the truth holds\n", folder.string());
  for (const PlantedExchange& exchange : exchanges) {
    fmt::print("  {}: exchanging its units moves {} in {:.3f} of the pairs, exchanging all others in {:.3f}\n",
               exchange.variable, exchange.is_by_answers ? "the answer" : "it", exchange.by_units, exchange.by_others);
  }
}

void run_plant(const CLI::App& command, PlantOptions options) {
  require_options_of_tier(command, options.tier);
  begin_computing(options.n_threads);
  if (!options.check.empty() && holds_implant_truth(options.check)) return print_checked_implant(options.check);
  if (!options.check.empty()) return print_checked(options.check, check_planted(options.check));
  if (options.out.empty()) throw input_error("plant: needs --out FOLDER, or --check FOLDER");
  if (asks_for_implant(options.implant)) {
    const int64_t n_classes = options.has_classes ? options.compiled.n_classes : 0;
    plant_into(options.implant, options.component, n_classes, options.seed, options.out);
    print_checked_implant(options.out);
    return fmt::print("Look for it with: cprobe fit {}\n", (options.out / "spec.yaml").string());
  }
  write_planted(make_planted(options), options.out);
  print_checked(options.out, check_planted(options.out));
  fmt::print("Look for it with: cprobe fit {}\n", (options.out / "spec.yaml").string());
}

}  // namespace

void setup_plant(CLI::App& app) {
  const auto options = std::make_shared<PlantOptions>();
  CLI::App* command = app.add_subcommand("plant", "Make a model in which the answer is known");
  CompiledOptions& knobs = options->compiled;
  add_option(*command, "-o,--out", options->out, "FOLDER",
             "Folder for the model, its data, its truth file and a spec; files of the same names are replaced");
  add_option(*command, "--check", options->check, "FOLDER", "Test the truth file of a folder, and make nothing");
  add_option_with_default(*command, "--seed", options->seed, "N", "Seed of all that is drawn");
  add_option_with_default(*command, "--tier", options->tier, "compiled|trained",
                          "Compiled, or trained so that chosen units carry v");
  add_option(*command, "--component", options->component, "L1.mlp",
             "Component that computes (default: drawn; of a trained model L0.mlp)");
  add_option_with_default(*command, "--answer", options->answer, "direct|combined|other",
                          "What the model answers: v, v + u1, or u1, so that v is idle");
  add_option(*command, "--operands", knobs.n_operands, "N",
             "Values of each of the two operands (default: 11, or 17 where functions are of one operand)");
  add_option_with_default(*command, "--classes", knobs.n_classes, "N", "Values of v and of each u (of an implant: 4)");
  add_option_with_default(*command, "--layers", knobs.n_layers, "N", "Layers of the model");
  command->add_flag("--one-operand", knobs.one_operand, "An MLP computes functions of one operand, too");
  add_option_with_default(*command, "--gain", knobs.gain, "X", "Length of v's code in relation to an operand's");
  add_option_with_default(*command, "--distractors", knobs.n_distractors, "N",
                          "Variables u1, u2, ... that the same component computes");
  add_option_with_default(*command, "--distractor-gain", knobs.distractor_gain, "X", "Length of their codes");
  add_option_with_default(*command, "--overlap", knobs.overlap, "X",
                          "Share of v's hidden units that write u1 as well (MLP)");
  add_option_with_default(*command, "--redundancy", knobs.redundancy, "N", "Copies of v's hidden units (MLP)");
  add_option_with_default(*command, "--rotation", knobs.rotation, "X",
                          "How far the values of the head are rotated (attention)");
  add_option_with_default(*command, "--noise", knobs.noise, "X", "Noise on all weights, in relation to a unit's own");
  add_option_with_default(*command, "--dead", knobs.dead, "X", "Share of units that serve nothing");
  add_option_with_default(*command, "--context", knobs.context, "N", "Tokens before the operands");
  add_option_with_default(*command, "--share", options->trained.share, "X",
                          "Share of each matrix's units that carry v");
  add_option_with_default(*command, "--steps", options->trained.steps, "N", "Steps of training at most");
  for (const char* name : kOnlyCompiled) command->get_option(name)->group("Options of --tier compiled");
  for (const char* name : kOnlyTrained) command->get_option(name)->group("Options of --tier trained");
  add_plant_into_options(*command, options->implant);
  add_threads_option(*command, options->n_threads);
  command->footer(
      "Examples:\n  cprobe plant --out models/planted --seed 1\n"
      "  cprobe plant --out models/trained --tier trained --layers 1 --share .1\n"
      "  cprobe plant --spec examples/exp1.yaml --component L0.mlp --units 16 --out models/implant\n"
      "  cprobe plant --check models/planted");
  command->callback([options, command] {
    options->has_classes = command->count("--classes") > 0;
    run_plant(*command, *options);
  });
}

}  // namespace cprobe
