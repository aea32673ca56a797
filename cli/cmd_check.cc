#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/plan_text.h"
#include "cli/progress_bar.h"
#include "cprobe/core/text_table.h"
#include "cprobe/evaluate/behaviour.h"
#include "cprobe/probe/data_check.h"

namespace cprobe {
namespace {

struct CheckCommand {
  std::filesystem::path spec;
  int n_threads = 0;
  bool json = false;
  bool is_quick = false;
};

void print_json(const DataCheck& check) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array(), classes = nlohmann::ordered_json::object(),
                         parts = nlohmann::ordered_json::object(), types = nlohmann::ordered_json::object();
  for (const DataCheck::Row& row : check.rows) {
    rows.push_back({{"row", row.row}, {"text", row.before + row.token + row.after}, {"token", row.token}});
    for (const auto& [variable, name] : row.classes) rows.back()["class"][variable] = name;
    // One variable is the usual case, and needs no name.
    if (row.classes.size() == 1) rows.back()["class"] = row.classes.begin()->second;
  }
  for (const auto& [variable, of_classes] : check.classes) {
    for (const auto& [name, counts] : of_classes) {
      int64_t n = 0;
      for (const int64_t count : counts) n += count;
      classes[variable][name] = n;
    }
  }
  for (const auto& [label, n] : check.parts) parts[label] = n;
  for (const auto& [variable, text] : check.types) types[variable] = text;
  nlohmann::ordered_json object = {{"rows", rows}, {"classes", classes}, {"parts", parts}, {"types", types}};
  object["titles"] = check.titles;
  object["continuations"] = check.continuations;
  object["notes"] = check.notes;
  object["warnings"] = check.warnings;
  fmt::print("{}\n", object.dump());
}

void print_text(const DataCheck& check) {
  std::vector<std::vector<std::string>> lines = {{"row", "text, with the [probed] token"}};
  if (!check.rows.empty()) {
    for (const auto& [variable, name] : check.rows.front().classes) {
      lines.front().push_back(title_and_column(check.titles, variable));
    }
  }
  for (const DataCheck::Row& row : check.rows) {
    lines.push_back({std::to_string(row.row), row.before + "[" + row.token + "]" + row.after});
    for (const auto& [variable, name] : row.classes) lines.back().push_back(name);
  }
  fmt::print("{}", text_table(lines));
  constexpr size_t kMostClasses = 20;
  for (const auto& [variable, classes] : check.classes) {
    std::vector<std::vector<std::string>> table = {{title_and_column(check.titles, variable)}};
    for (const auto& [label, n] : check.parts) table.front().push_back(fmt::format("{} ({})", label, n));
    for (const auto& [name, counts] : classes) {
      if (table.size() > kMostClasses) {
        table.push_back({fmt::format("... {} more", classes.size() - kMostClasses)});
        table.back().resize(table.front().size());
        break;
      }
      table.push_back({name});
      for (const int64_t n : counts) table.back().push_back(std::to_string(n));
    }
    fmt::print("\n{}", text_table(table));
  }
  fmt::print("\n");
  for (const auto& [variable, text] : check.types) {
    fmt::print("Types of {}: {}.\n", title_in(check.titles, variable), text);
  }
  const std::string_view either_way = check.is_either_way ? ", or the other way round" : "";
  for (const std::string& text : check.continuations) fmt::print("The model should say {}{}.\n", text, either_way);
  for (const std::string& note : check.notes) fmt::print("{}\n", note);
  for (const std::string& warning : check.warnings) fmt::print("Warning: {}\n", warning);
}

void run_check(const CheckCommand& command) {
  const Spec spec = read_spec_file(command.spec);
  begin_computing(command.n_threads);
  const RunData data = load_run_data(spec);
  const DataCheck check = check_data(spec, data);
  if (command.json) return print_json(check);
  print_text(check);
  if (command.is_quick) {
    fmt::print("What it takes, and what the tests could tell: cprobe fit {} --dry-run\n", command.spec.string());
    return;
  }
  for (const auto& [label, set] : data.evaluation_sets) {
    const double right = run_untouched(data.model, set, embed(data.model, set.trie), Site::start()).accuracy;
    fmt::print("The untouched model is right in {:.3f} of the rows of {}.\n", right, label);
  }
  fmt::print("\n");
  ProgressBar bar;
  RunOptions options{.n_threads = command.n_threads};
  options.callbacks.on_progress = bar.on_progress();
  const RunPlan plan = plan_run(spec, options);
  bar.clear();
  print_plan(plan);
}

}  // namespace

void setup_check(CLI::App& app) {
  const auto options = std::make_shared<CheckCommand>();
  CLI::App* command =
      app.add_subcommand("check", "Show what a spec probes: rows, tokens, classes, what the model should say");
  command->add_option("spec", options->spec, "Spec file, or one of the reference's flat configs")
      ->type_name("SPEC.yaml")
      ->required();
  command->add_flag("--quick", options->is_quick, "Leave out the time that a run takes, and what its tests could tell");
  command->add_flag("--json", options->json, "Print one JSON object");
  add_threads_option(*command, options->n_threads);
  command->footer(
      "Reads model and data as fit does, and writes nothing. Of each variable it says how many rows of each part\n"
      "have which class, and on what it depends (its types). Warns of rows that are to train on and in a test set,\n"
      "of rows of the same tokens with different classes, of classes without a row to train on, and of spaces that\n"
      "are missing where texts join. Then it measures how long a run would take, as fit --dry-run does; not so with\n"
      "--quick or --json.\n"
      "\n"
      "Example:\n"
      "  cprobe check examples/smollm2_agreement.yaml");
  command->callback([options] { run_check(*options); });
}

}  // namespace cprobe
