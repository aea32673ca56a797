#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <string>

#include "cli/commands.h"
#include "cprobe/core/seed.h"
#include "cprobe/data/arithmetic.h"
#include "cprobe/io/document.h"

namespace cprobe {
namespace {

struct DataOptions {
  std::filesystem::path task;
  std::filesystem::path out;
  uint64_t seed = 0;
  bool uniform_distractors = false;
};

void run_data(const DataOptions& options) {
  ArithmeticTask task = parse_arithmetic_task(Document::read_yaml(options.task));
  if (options.uniform_distractors) {
    for (Symbol& symbol : task.symbols) {
      if (symbol.kind == SymbolKind::kBijection) {
        symbol.kind = SymbolKind::kUniform;
      }
    }
  }
  const ArithmeticTable table = generate(task, Seed(options.seed));
  write_arithmetic_csv(table, options.out);
  fmt::print("{}: {} rows\n", (options.out / "train.csv").string(), table.train.size());
  fmt::print("{}: {} rows\n", (options.out / "test.csv").string(), table.test.size());
  fmt::print("vocabulary: {} tokens\n", vocabulary(task));
}

}  // namespace

void setup_data(CLI::App& app) {
  const auto options = std::make_shared<DataOptions>();
  CLI::App* command = app.add_subcommand("data", "Write an arithmetic task's train.csv and test.csv");
  command->add_option("task", options->task, "YAML file that describes the task")->required()->type_name("TASK.yaml");
  command->add_option("-o,--out", options->out, "Folder for the two files; files of these names are replaced")
      ->required()
      ->type_name("FOLDER");
  command->add_option("--seed", options->seed, "Seed of the rows' order, pairs and distractors")
      ->type_name("N")
      ->capture_default_str();
  command->add_flag("--uniform-distractors", options->uniform_distractors,
                    "Draw distractors for every row, where the task has them follow an operand");
  command->footer("Example:\n  cprobe data examples/tasks/exp1.yaml --out data/exp1");
  command->callback([options] { run_data(*options); });
}

}  // namespace cprobe
