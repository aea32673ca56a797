#include <fmt/ranges.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/progress_bar.h"
#include "cli/run_summary.h"
#include "cprobe/core/text_table.h"
#include "cprobe/run/search_power.h"

namespace cprobe {
namespace {

struct PowerCommand {
  std::filesystem::path spec;
  std::string component;
  SearchPowerOptions power;
  bool quiet = false, json = false;
};

/// A p-value; three digits, and "<" where these are all 0.
std::string shown_p(double p) {
  return p < 0.0005 ? "< .001" : fmt::format("{:.3f}", p);
}

void print_power(const SearchPower& power) {
  fmt::print("Implants of {} units in {}, a function of {}. Without an implant the model answers {:.3f} right.\n\n",
             power.n_units, to_string(power.component), power.function_of, power.accuracy_before);
  std::vector<std::vector<std::string>> lines = {
      {"strength", "present", "T", "null circuits", "p", "recall", "precision", "accuracy"}};
  for (const StrengthPower& s : power.strengths) {
    lines.push_back({fmt::format("{:g}", s.strength), fmt::format("{} of {}", s.n_found, s.n_implants),
                     fmt::format("{:.3f}", s.statistic), fmt::format("{:.3f}", s.null_mean), shown_p(s.p),
                     fmt::format("{:.2f}", s.recall), fmt::format("{:.2f}", s.precision),
                     fmt::format("{:.3f}", s.accuracy)});
  }
  fmt::print("{}\n{}\n", text_table(lines), power.sentence);
}

void print_power_json(const SearchPower& power) {
  nlohmann::ordered_json object = {
      {"component", to_string(power.component)},
      {"units", power.n_units},
      {"function_of", power.function_of},
      {"accuracy_before", power.accuracy_before},
      {"found_from", power.found_from ? nlohmann::ordered_json(*power.found_from) : nullptr},
      {"sentence", power.sentence}};
  object["strengths"] = nlohmann::ordered_json::array();
  for (const StrengthPower& s : power.strengths) {
    object["strengths"].push_back({{"strength", s.strength},
                                   {"implants", s.n_implants},
                                   {"found", s.n_found},
                                   {"statistic", s.statistic},
                                   {"null_mean", s.null_mean},
                                   {"p", s.p},
                                   {"recall", s.recall},
                                   {"precision", s.precision},
                                   {"accuracy", s.accuracy}});
  }
  object["searches"] = nlohmann::ordered_json::array();
  for (const ImplantSearch& s : power.searches) {
    object["searches"].push_back({{"strength", s.strength},
                                  {"implant", s.implant},
                                  {"folder", s.folder.string()},
                                  {"present", to_string(s.present)},
                                  {"statistic", s.statistic},
                                  {"null_mean", s.null_mean},
                                  {"p", s.p},
                                  {"recall", s.recall},
                                  {"precision", s.precision},
                                  {"accuracy", s.accuracy},
                                  {"was_there", s.was_there}});
  }
  fmt::print("{}\n", object.dump());
}

void run_power(PowerCommand command) {
  if (!command.component.empty()) command.power.component = parse_component(command.component);
  const Spec spec = read_spec_file(command.spec);
  begin_computing(command.power.n_threads);
  ProgressBar bar;
  command.power.callbacks = run_callbacks(bar, command.quiet);
  const SearchPower power = search_power(spec, command.power, [&](const ImplantSearch& s) {
    if (command.quiet) return;
    bar.print_line(fmt::format("strength {:g}, implant {}: present: {}, T {:.3f}, null circuits {:.3f}, p {}{}",
                               s.strength, s.implant, to_string(s.present), s.statistic, s.null_mean, shown_p(s.p),
                               s.was_there ? " (searched before)" : ""));
  });
  bar.clear();
  if (command.json) return print_power_json(power);
  print_power(power);
}

}  // namespace

void setup_power(CLI::App& app) {
  const auto options = std::make_shared<PowerCommand>();
  CLI::App* command = app.add_subcommand("power", "Say from which strength on a search would have found a circuit");
  SearchPowerOptions& power = options->power;
  add_option(*command, "spec", options->spec, "SPEC.yaml", "Spec whose search is tried on implants")->required();
  add_option(*command, "-o,--out", power.out, "FOLDER", "Folder for the implants and their runs")->required();
  add_option(*command, "--component", options->component, "L5.mlp",
             "MLP to implant into (default: the first of the spec); attention has no hidden units");
  add_option(*command, "--into", power.into, "FOLDER", "Model folder, in place of the spec's");
  add_option_with_default(*command, "--units", power.n_units, "N", "Hidden units of an implant");
  add_option_with_default(*command, "--classes", power.n_classes, "N", "Values of an implant's variable");
  add_option(*command, "--strengths", power.strengths, "X,...",
             "Lengths of what implants add, in relation to the component's own update (default: 0.25,0.5,1,2)")
      ->delimiter(',');
  add_option_with_default(*command, "--seeds", power.n_seeds, "N", "Implants of each strength");
  command->add_flag("--keep-models", power.keep_models, "Keep the weights of each implant after its search");
  add_threads_option(*command, power.n_threads);
  command->add_flag("--quiet", options->quiet, "No progress");
  command->add_flag("--json", options->json, "Print one JSON object");
  command->footer(
      "A search that finds nothing says little unless it would have found something. This command plants\n"
      "circuits of known strength in the spec's own model: hidden units that compute a random partition of\n"
      "its tokens. It runs the spec's search (fit options, null variables, question 1) on each, and says from\n"
      "which strength on it finds them. A second call with the same folder computes nothing.\n\n"
      "Example:\n  cprobe power examples/exp1.yaml --component L0.mlp --out runs/power");
  command->callback([options] { run_power(*options); });
}

}  // namespace cprobe
