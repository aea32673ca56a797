#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands.h"
#include "cli/compute_options.h"
#include "cprobe/experiment/reproduce.h"
#include "embedded_tasks.h"

namespace cprobe {
namespace {

void run_reproduce_exp1(const ReproduceOptions& options) {
  begin_computing(options.n_threads);
  const ArithmeticTask task = parse_arithmetic_task(Document::parse_yaml(kExperiment1Task, "examples/tasks/exp1.yaml"));
  const std::string table = reproduce_experiment1(task, options);
  fmt::print(
      "Experiment 1: a^2 - b^2 mod 113, {} seed{}, {} training steps. Published figures in brackets.\n\n{}\n"
      "A variable is computed where its circuit decodes it (kNN) and ablating the circuit destroys the task, more "
      "than\n"
      "random controls of the same size do; where they destroy it as well (p near 1), the circuit's size alone may "
      "explain it.\n"
      "An empty circuit (weights 0) means that no part of the block was found to compute the variable.\n"
      "Everything is in {}\n",
      options.n_seeds, options.n_seeds == 1 ? "" : "s", options.steps, table, options.out.string());
}

}  // namespace

void setup_reproduce(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("reproduce", "Run a published experiment from nothing and print its figures beside ours");
  command->require_subcommand(1);
  const auto options = std::make_shared<ReproduceOptions>();
  CLI::App* exp1 = command->add_subcommand("exp1", "Deciphering: does the model compute a^2 and -b^2, or a+b and a-b?");
  exp1->add_option("-o,--out", options->out, "Folder for data, models and runs; an interrupted call continues there")
      ->required()
      ->type_name("FOLDER");
  exp1->add_option("--steps", options->steps, "Training steps per model (1,000 suffice for test accuracy 1.0)")
      ->capture_default_str();
  exp1->add_option("--seeds", options->n_seeds, "Models trained and probed")->capture_default_str();
  exp1->add_option("--random-controls", options->n_random, "Random circuits per circuit")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  add_threads_option(*exp1, options->n_threads);
  exp1->add_flag("--overwrite", options->overwrite, "Compute again what an earlier call left in the folder");
  exp1->add_flag("--quiet", options->quiet, "No progress");
  exp1->footer("Example (three minutes on 2 cores):\n  cprobe reproduce exp1 --steps 1000 --seeds 1 --out runs/exp1");
  exp1->callback([options] { run_reproduce_exp1(*options); });
}

}  // namespace cprobe
