#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/progress_bar.h"
#include "cprobe/core/error.h"
#include "cprobe/data/joined_data.h"
#include "cprobe/data/token_csv.h"
#include "cprobe/io/document.h"
#include "cprobe/tasks/arithmetic_task.h"
#include "cprobe/training/train_tasks.h"
#include "cprobe/training/trainer.h"

namespace cprobe {
namespace {

constexpr const char* kKeepLast = "last";
constexpr const char* kKeepBest = "best";

struct TrainCommand {
  std::vector<std::string> tasks;  ///< YAML files.
  std::vector<std::string> train;  ///< CSV files.
  std::vector<std::string> test;   ///< CSV files.
  std::filesystem::path out;
  TrainOptions options;
  uint64_t seed = 0;
  std::optional<int64_t> vocab;
  int64_t n_layers = 1;
  int64_t n_heads = 4;
  int64_t d_model = 128;
  int64_t d_mlp = 512;
  std::string keep = kKeepLast;
  int n_threads = 0;
  bool json = false;
};

ModelConfig with_sizes(ModelConfig config, const TrainCommand& command) {
  if (command.d_model % command.n_heads != 0) {
    throw input_error("--d-model {} is not a multiple of --heads {}", command.d_model, command.n_heads);
  }
  config.n_layers = command.n_layers;
  config.n_heads = config.n_kv_heads = command.n_heads;
  config.d_model = command.d_model;
  config.d_head = command.d_model / command.n_heads;
  config.d_mlp = command.d_mlp;
  return config;
}

int64_t largest_token(const Dataset& data) {
  return std::max(data.trie.token.max().item<int64_t>(), data.answers.max().item<int64_t>());
}

Dataset load_files(const std::vector<std::string>& files, int64_t vocab) {
  std::vector<Dataset> sets;
  sets.reserve(files.size());
  for (const std::string& file : files) sets.push_back(load_token_csv(file, vocab));
  return sets.size() == 1 ? sets.front() : joined(sets);
}

TrainResult train_on_files(const TrainCommand& command) {
  const int64_t bound = command.vocab.value_or(std::numeric_limits<int32_t>::max());
  const Dataset train_data = load_files(command.train, bound);
  const Dataset test_data = load_files(command.test, bound);
  const int64_t vocab =
      command.vocab ? *command.vocab : std::max(largest_token(train_data), largest_token(test_data)) + 1;
  const int64_t n_positions = std::max(train_data.trie.max_length(), test_data.trie.max_length());
  const ModelConfig config = with_sizes(toy_config(vocab, n_positions), command);
  return train(config, train_data, test_data, command.options, command.out, Seed(command.seed));
}

TrainResult train_on_tasks(const TrainCommand& command) {
  std::vector<ArithmeticTask> tasks;
  for (const std::string& file : command.tasks) tasks.push_back(parse_arithmetic_task(Document::read_yaml(file)));
  ModelConfig config = with_sizes(toy_config(tasks), command);
  config.vocab = command.vocab.value_or(config.vocab);
  return train_tasks(tasks, config, command.options, command.out, Seed(command.seed));
}

void print_result(const TrainCommand& command, const TrainResult& result) {
  const CurvePoint& last = result.curve.back();
  const std::string model = (command.out / "final").string(), best = (command.out / "best").string();
  if (command.json) {
    nlohmann::ordered_json summary = {{"model", model},
                                      {"step", last.step},
                                      {"train_loss", last.train_loss},
                                      {"train_accuracy", last.train_accuracy},
                                      {"test_loss", last.test_loss},
                                      {"test_accuracy", last.test_accuracy},
                                      {"resumed_at", result.resumed_at},
                                      {"seconds", result.seconds},
                                      {"fingerprint", fingerprint(result.model)}};
    if (result.best) {
      summary["best"] = {{"model", best},
                         {"step", result.best->step},
                         {"test_loss", result.best->test_loss},
                         {"test_accuracy", result.best->test_accuracy}};
    }
    fmt::print("{}\n", summary.dump());
    return;
  }
  fmt::print("{}: step {}, {}{}\n", model, last.step, format_duration(result.seconds),
             result.resumed_at > 0 ? fmt::format(" from step {} on", result.resumed_at) : "");
  fmt::print("train: loss {:.4g}, accuracy {:.4f}\n", last.train_loss, last.train_accuracy);
  fmt::print("test:  loss {:.4g}, accuracy {:.4f}\n", last.test_loss, last.test_accuracy);
  if (result.best) {
    fmt::print("{}: step {}, best on the test rows: loss {:.4g}, accuracy {:.4f}\n", best, result.best->step,
               result.best->test_loss, result.best->test_accuracy);
  }
}

void run_train(TrainCommand command) {
  if (command.tasks.empty() == (command.train.empty() && command.test.empty())) {
    throw input_error("train: give either task files or --train and --test");
  }
  if (command.tasks.empty() && (command.train.empty() || command.test.empty())) {
    throw input_error("train: --train and --test belong together");
  }
  begin_computing(command.n_threads);
  ProgressBar bar;
  command.options.on_progress = bar.on_progress();
  command.options.on_message = bar.on_message();
  command.options.keep_best = command.keep == kKeepBest;
  command.options.extend = true;
  const TrainResult result = command.tasks.empty() ? train_on_files(command) : train_on_tasks(command);
  bar.clear();
  print_result(command, result);
}

void add_model_options(CLI::App& app, TrainCommand& command) {
  const CLI::Range sizes(int64_t{1}, int64_t{1} << 24);
  const auto size = [&](const char* name, int64_t& value, const char* help) {
    add_option_with_default(app, name, value, "N", help)->check(sizes);
  };
  size("--layers", command.n_layers, "Layers of the model");
  size("--heads", command.n_heads, "Attention heads of a layer");
  size("--d-model", command.d_model, "Width of the residual stream");
  size("--d-mlp", command.d_mlp, "Neurons of an MLP");
  add_option(app, "--vocab", command.vocab, "N",
             "Tokens of the vocabulary (default: the task's, or the files' largest token + 1)")
      ->check(sizes);
}

void add_training_options(CLI::App& app, TrainOptions& options) {
  add_option_with_default(app, "--steps", options.steps, "N",
                          "Optimiser steps, each over all training rows; more than before: the run goes on");
  add_option(app, "--checkpoints", options.checkpoints, "N,...",
             "Steps after which to keep the model too, such as 100,200,1000")
      ->delimiter(',')
      ->allow_extra_args(false);
  add_option_with_default(app, "--learning-rate", options.learning_rate, "X",
                          "AdamW's learning rate after 10 steps of warm-up");
  add_option_with_default(app, "--weight-decay", options.weight_decay, "X", "AdamW's weight decay");
  add_option_with_default(app, "--evaluate-every", options.evaluate_every, "N", "Steps between points of curve.csv");
  app.add_flag("--overwrite", options.overwrite, "Remove a finished or different run in the folder");
}

}  // namespace

void setup_train(CLI::App& app) {
  const auto command = std::make_shared<TrainCommand>();
  CLI::App* train = app.add_subcommand("train", "Train a toy transformer on an arithmetic task");
  add_option(*train, "task", command->tasks, "TASK.yaml",
             "YAML file that describes the task; its data go to FOLDER/data. Several: the model learns all of them "
             "at once, and the data of each go to FOLDER/data/<its name>");
  add_option(*train, "--train", command->train, "FILE.csv",
             "Training rows instead of a task; of several files together");
  add_option(*train, "--test", command->test, "FILE.csv", "Test rows instead of a task, likewise");
  add_option(
      *train, "-o,--out", command->out, "FOLDER",
      "Folder for models, curve and state; an unfinished run there goes on, and a finished one with more --steps")
      ->required();
  add_training_options(*train, command->options);
  add_option(*train, "--stop-at", command->options.stop_at_test_accuracy, "X",
             "End early at this test accuracy, in (0, 1]");
  add_option_with_default(*train, "--keep", command->keep, "WHICH",
                          "best: keeps in FOLDER/best, beside the last model, that of the curve's point with the "
                          "highest test accuracy too (of equal ones the earliest)")
      ->check(CLI::IsMember({kKeepLast, kKeepBest}));
  add_model_options(*train, *command);
  add_option_with_default(*train, "--seed", command->seed, "N", "Seed of the weights and of a task's data");
  add_threads_option(*train, command->n_threads);
  train->add_flag("--json", command->json, "Print the result as one JSON object");
  train->footer(
      "Ctrl-C keeps the state: the same command then goes on. Until the end FOLDER/latest is the model of the last\n"
      "save (every 500 steps, and on Ctrl-C); a kill leaves it too.\n\n"
      "The same command with more --steps gives, bit for bit, what that many steps from the start would.\n\nExamples:\n"
      "  cprobe train examples/tasks/exp1.yaml --steps 1000 --checkpoints 100,300 --out runs/toy\n"
      "  cprobe train examples/tasks/exp2_task1.yaml examples/tasks/exp2_task2.yaml --steps 2000 --out "
      "runs/modularity");
  train->callback([command] { run_train(*command); });
}

}  // namespace cprobe
