#include <array>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/progress_bar.h"
#include "cprobe/report/findings_json.h"
#include "cprobe/report/read_runs.h"
#include "cprobe/reproduce/reproduce.h"
#include "embedded_tasks.h"

namespace cprobe {
namespace {

ArithmeticTask built_in_task(const char* yaml, const std::string& name) {
  return parse_arithmetic_task(Document::parse_yaml(yaml, "examples/tasks/" + name));
}

/// The table of an experiment. While the experiment runs, shows its progress on stderr.
std::string table_of(const std::function<std::string()>& experiment, ReproduceOptions& options, bool quiet) {
  begin_computing(options.n_threads);
  ProgressBar bar;
  if (!quiet) options.on_progress = bar.on_progress();
  options.on_message = bar.on_message(!quiet);
  return experiment();
}

/// For --json: the table as text, and every answer of the experiment's runs.
void print_json(const std::string& experiment, const std::filesystem::path& out, const std::string& table) {
  nlohmann::ordered_json object = {{"experiment", experiment}, {"out", out.string()}, {"table", table}};
  object.update(nlohmann::ordered_json::parse(findings_json(read_runs({out}))));
  fmt::print("{}\n", object.dump());
}

struct ToyExperimentCommand {
  ToyExperimentOptions options;
  std::string distractor = "bijection";  ///< Experiment 2 only.
  bool quiet = false;
  bool json = false;
};

void run_reproduce_exp1(ToyExperimentCommand command) {
  ToyExperimentOptions& options = command.options;
  const auto experiment = [&] { return reproduce_experiment1(built_in_task(kExperiment1Task, "exp1.yaml"), options); };
  const std::string table = table_of(experiment, options.common, command.quiet);
  if (command.json) return print_json("exp1", options.common.out, table);
  fmt::print(
      "Experiment 1: a^2 - b^2 mod 113, {} seed{}, {} training steps. Published figures in brackets.\n\n{}\n"
      "The first table has the paper's figures. A kNN accuracy above the majority, or above the whole block's, says "
      "little by\n"
      "itself: circuits of variables that nothing can compute reach it too. The second table compares each circuit "
      "with theirs\n"
      "(docs/statistics.md). Everything is in {}\n",
      options.n_seeds, options.n_seeds == 1 ? "" : "s", options.steps, table, options.common.out.string());
}

void run_reproduce_exp2(ToyExperimentCommand command) {
  ToyExperimentOptions& options = command.options;
  std::array tasks = {built_in_task(kExperiment2Task1, "exp2_task1.yaml"),
                      built_in_task(kExperiment2Task2, "exp2_task2.yaml")};
  if (command.distractor == "uniform") {
    for (ArithmeticTask& task : tasks) task = with_uniform_distractors(task);
  }
  const auto experiment = [&] { return reproduce_experiment2(tasks, options); };
  const std::string table = table_of(experiment, options.common, command.quiet);
  if (command.json) return print_json("exp2", options.common.out, table);
  fmt::print(
      "Experiment 2: one model of two tasks, a mod 29 + b mod 31 and a mod 29 + b mod 23 (mod 113), {} seed{}, {} "
      "training\nsteps. Published figures in brackets.\n\n{}\n"
      "Whose weights a variable lives in, a whole circuit does not say where random circuits of its size take both "
      "tasks down\n"
      "as well. Its part in c_attn alone does: where both tasks depend on the variable, ablating it harms both, where "
      "one does,\n"
      "that one. The auxiliary variables are not needed for the answers, and are here for comparison.\n"
      "Everything is in {}\n",
      options.n_seeds, options.n_seeds == 1 ? "" : "s", options.steps, table, options.common.out.string());
}

void run_reproduce_exp3(ToyExperimentCommand command) {
  ToyExperimentOptions& options = command.options;
  const auto experiment = [&] { return reproduce_experiment3(built_in_task(kExperiment3Task, "exp3.yaml"), options); };
  const std::string table = table_of(experiment, options.common, command.quiet);
  if (command.json) return print_json("exp3", options.common.out, table);
  fmt::print(
      "Experiment 3: a^2 + b mod 113 from a third of the rows, {} seed{}, {} training steps. Published figures in "
      "brackets.\n\n{}\n"
      "Ablating a circuit can only harm what the model has learned (test accuracy). The answer needs a^2; b^2 is for "
      "comparison.\n"
      "The curve as a table for plotting is {}; everything is in {}\n",
      options.n_seeds, options.n_seeds == 1 ? "" : "s", options.steps, table,
      (options.common.out / "emergence.csv").string(), options.common.out.string());
}

struct Experiment4Command {
  Experiment4Options options;
  std::vector<std::string> tasks;  ///< Names; empty: all.
  bool quiet = false;
  bool json = false;
};

void run_reproduce_exp4(Experiment4Command command) {
  Experiment4Options& options = command.options;
  if (!command.tasks.empty()) options.tasks.clear();
  for (const std::string& name : command.tasks) options.tasks.push_back(find_paper_task(name).value());
  const auto experiment = [&] {
    return reproduce_experiment4(parse_lexicon(Document::parse_yaml(kLexicon, "examples/lexicon.yaml")), options);
  };
  const std::string table = table_of(experiment, options.common, command.quiet);
  if (command.json) return print_json("exp4", options.common.out, table);
  fmt::print(
      "Experiment 4: language tasks in {}.\n\n{}\n"
      "Whether a circuit has the number of a noun, and not just its nouns, its null variables say (docs/statistics.md; "
      "cprobe\n"
      "report); kNN and ablation beside random controls alone do not. syntactic_number is a control: its "
      "circuits\n"
      "are those of the object's number, which the verb does not agree with. {}\n"
      "Everything is in {}\n",
      options.model.string(), table,
      options.data.empty() ? "The sentences are ours; the paper's, if you have them: --data."
                           : "The sentences are the paper's.",
      options.common.out.string());
}

/// Adds the options of experiments on toy models.
void add_training_options(CLI::App& command, ToyExperimentOptions& options, const std::string& of_steps) {
  add_option_with_default(command, "--steps", options.steps, "N", "Training steps per model" + of_steps);
  add_option_with_default(command, "--seeds", options.n_seeds, "N", "Models trained and probed");
  command.add_flag("--baselines", options.common.baselines, "Also run the comparison methods, in the paper's settings");
}

/// Adds the options of all experiments. @param kept  contents of the folder --out, for the help.
template <typename Command>
void add_common_options(CLI::App& command, Command& to, const std::string& kept) {
  ReproduceOptions& options = to.options.common;
  add_option(command, "-o,--out", options.out, "FOLDER", "Folder for " + kept + "; an interrupted call continues there")
      ->required();
  command.add_option("--random-controls", options.n_random, "Random circuits per circuit")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command
      .add_option("--null-variables", options.n_nulls,
                  "Null variables per variable; 0: what needs them is not tested, in a twentieth of the time")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  add_threads_option(command, options.n_threads);
  command.add_flag("--overwrite", options.overwrite, "Compute again what an earlier call left in the folder");
  command.add_flag("--quiet", to.quiet, "No progress");
  command.add_flag("--json", to.json, "Print one JSON object: the table, and every answer with its figures");
}

void setup_exp1(CLI::App& reproduce) {
  const auto command = std::make_shared<ToyExperimentCommand>();
  command->options.n_seeds = 3;
  CLI::App* exp1 =
      reproduce.add_subcommand("exp1", "Deciphering: does the model compute a^2 and -b^2, or a+b and a-b?");
  add_common_options(*exp1, *command, "data, models and runs");
  add_training_options(*exp1, command->options, " (1,000 suffice for test accuracy 1.0)");
  exp1->footer("Example (three minutes on 2 cores):\n  cprobe reproduce exp1 --steps 1000 --seeds 1 --out runs/exp1");
  exp1->callback([command] { run_reproduce_exp1(*command); });
}

void setup_exp2(CLI::App& reproduce) {
  const auto command = std::make_shared<ToyExperimentCommand>();
  ToyExperimentOptions& options = command->options;
  CLI::App* exp2 = reproduce.add_subcommand(
      "exp2",
      "Modularity: do two tasks share the weights of their shared variable, and have their own for the others?");
  add_common_options(*exp2, *command, "data, models and runs");
  add_training_options(*exp2, options, "");
  add_option_with_default(
      *exp2, "--distractor", command->distractor, "KIND",
      "The number that plays no part: a fixed bijection of the operand b, as published, or uniform, drawn "
      "for every row")
      ->check(CLI::IsMember({"bijection", "uniform"}));
  exp2->footer("Example:\n  cprobe reproduce exp2 --steps 2000 --out runs/exp2");
  exp2->callback([command] { run_reproduce_exp2(*command); });
}

void setup_exp3(CLI::App& reproduce) {
  const auto command = std::make_shared<ToyExperimentCommand>();
  command->options.steps = 20'000;
  CLI::App* exp3 = reproduce.add_subcommand(
      "exp3", "Training: when does the circuit of a^2 appear, and when does the model generalise?");
  add_common_options(*exp3, *command, "data, checkpoints and runs");
  add_training_options(*exp3, command->options, "; the last and the paper's before it are probed");
  exp3->footer("Example:\n  cprobe reproduce exp3 --steps 2000 --out runs/exp3");
  exp3->callback([command] { run_reproduce_exp3(*command); });
}

void setup_exp4(CLI::App& reproduce) {
  const auto command = std::make_shared<Experiment4Command>();
  Experiment4Options& options = command->options;
  CLI::App* exp4 = reproduce.add_subcommand(
      "exp4", "Language models: where is a noun's number computed, and do verbs and pronouns depend on it?");
  add_option(*exp4, "--model", options.model, "FOLDER", "Hugging Face folder of a language model, with its tokenizer")
      ->required();
  add_common_options(*exp4, *command, "sentences and runs");
  add_option(*exp4, "--data", options.data, "FOLDER",
             "The paper's sentences, in the folders of its repository (SV_Agr/SV_Agr.csv, ...); default: ours, "
             "as cprobe data makes them");
  add_option(*exp4, "--tasks", command->tasks, "NAME,...", "Default: agreement,reflexive,syntactic_number")
      ->delimiter(',')
      ->check(CLI::IsMember({"agreement", "reflexive", "syntactic_number"}));
  add_option(*exp4, "--layers", options.layers, "N,...", "Layers to probe, such as 5,6,7; default: all")
      ->delimiter(',');
  add_option(*exp4, "--prefix", options.prefix, "TEXT",
             "Text before every sentence, such as \"I know that \"; the paper has none");
  add_option_with_default(*exp4, "--train-rows", options.train_rows, "N",
                          "Sentences of a task to find circuits with, 500 or more");
  add_option_with_default(*exp4, "--test-rows", options.test_rows, "N",
                          "Sentences of each kind to decode and to ablate on");
  exp4->footer(
      "Published are figures for GPT-2 small and medium; they are printed beside ours where the model has those "
      "sizes.\n"
      "For each block of each layer and each task a circuit is found; --layers and --tasks make that less.\n\n"
      "Example (the model: scripts/get_smollm2 runs/smollm2):\n"
      "  cprobe reproduce exp4 --model runs/smollm2 --prefix \"I know that \" --tasks agreement --layers 12 --out "
      "runs/exp4");
  exp4->callback([command] { run_reproduce_exp4(*command); });
}

}  // namespace

void setup_reproduce(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("reproduce", "Run a published experiment from nothing and print its figures beside ours");
  command->require_subcommand(1);
  setup_exp1(*command);
  setup_exp2(*command);
  setup_exp3(*command);
  setup_exp4(*command);
}

}  // namespace cprobe
