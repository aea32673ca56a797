#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/commands.h"
#include "cli/options.h"
#include "cprobe/core/error.h"
#include "cprobe/core/seed.h"
#include "cprobe/io/document.h"
#include "cprobe/tasks/arithmetic_data.h"
#include "cprobe/tasks/arithmetic_task.h"
#include "cprobe/tasks/column_formulas.h"
#include "cprobe/tasks/sentences.h"
#include "embedded_tasks.h"

namespace cprobe {
namespace {

struct DataOptions {
  std::string task;
  std::filesystem::path out;
  std::filesystem::path lexicon;
  std::optional<int64_t> n_sentences;  ///< Not set: as many as in the paper.
  uint64_t seed = 0;
  bool uniform_distractors = false;
  bool json = false;
};

struct WrittenFile {
  std::filesystem::path path;
  size_t n_rows;
};

/// @param rows        what lines of the files are: "rows", "sentences".
/// @param vocabulary  0: none to print.
void print_written(const std::vector<WrittenFile>& files, const std::string& rows, int64_t vocabulary, bool json) {
  if (!json) {
    for (const auto& [path, n_rows] : files) fmt::print("{}: {} {}\n", path.string(), n_rows, rows);
    if (vocabulary > 0) fmt::print("vocabulary: {} tokens\n", vocabulary);
    return;
  }
  nlohmann::ordered_json object = {{"files", nlohmann::ordered_json::array()}};
  for (const auto& [path, n_rows] : files) object["files"].push_back({{"path", path.string()}, {"rows", n_rows}});
  if (vocabulary > 0) object["vocabulary"] = vocabulary;
  fmt::print("{}\n", object.dump());
}

void write_language_data(PaperTask task, const DataOptions& options) {
  const Lexicon lexicon =
      parse_lexicon(options.lexicon.empty() ? Document::parse_yaml(kLexicon, "examples/lexicon.yaml")
                                            : Document::read_yaml(options.lexicon));
  const SentenceTable table = generate_sentences(lexicon, task, options.n_sentences, Seed(options.seed));
  const std::vector<std::filesystem::path> paths = write_sentences_csv(table, task, options.out);
  std::vector<WrittenFile> files = {{paths.front(), table.iid.size()}};
  if (paths.size() > 1) files.push_back({paths.back(), table.gen.size()});
  print_written(files, "sentences", 0, options.json);
}

void write_arithmetic_data(const DataOptions& options) {
  ArithmeticTask task = parse_arithmetic_task(Document::read_yaml(options.task));
  if (options.uniform_distractors) task = with_uniform_distractors(std::move(task));
  const ArithmeticTable table = generate(task, Seed(options.seed));
  write_arithmetic_csv(table, options.out);
  write_column_formulas(task, options.out);
  print_written({{options.out / "train.csv", table.train.size()}, {options.out / "test.csv", table.test.size()}},
                "rows", vocabulary(task), options.json);
}

void run_data(const DataOptions& options) {
  if (const std::optional<PaperTask> task = find_paper_task(options.task)) {
    if (options.uniform_distractors) throw input_error("data: --uniform-distractors is for arithmetic tasks");
    return write_language_data(*task, options);
  }
  if (!std::filesystem::exists(options.task)) {
    throw input_error("data: '{}' is neither a language task (agreement, reflexive, syntactic_number) nor a file",
                      options.task);
  }
  if (!options.lexicon.empty() || options.n_sentences) {
    throw input_error("data: --lexicon and --sentences are for language tasks, and '{}' is none", options.task);
  }
  write_arithmetic_data(options);
}

}  // namespace

void setup_data(CLI::App& app) {
  const auto options = std::make_shared<DataOptions>();
  CLI::App* command = app.add_subcommand("data", "Write a task's CSV files");
  add_option(
      *command, "task", options->task, "NAME|TASK.yaml",
      "agreement, reflexive or syntactic_number: sentences of that language task, even where a file has this name; "
      "otherwise a YAML file that describes an arithmetic task")
      ->required();
  add_option(*command, "-o,--out", options->out, "FOLDER", "Folder for the files; files of the same names are replaced")
      ->required();
  add_option_with_default(*command, "--seed", options->seed, "N", "Seed of all that is drawn");
  add_option(*command, "--lexicon", options->lexicon, "FILE.yaml",
             "Words and templates of language tasks (default: examples/lexicon.yaml, built in)");
  add_option(*command, "--sentences", options->n_sentences, "N",
             "Sentences of each file of a language task (default: the paper's numbers, or all that there are)")
      ->check(CLI::Range(int64_t{1}, int64_t{1'000'000'000}));
  command->add_flag("--uniform-distractors", options->uniform_distractors,
                    "Draw distractors for every row, where an arithmetic task has them follow an operand");
  command->add_flag("--json", options->json, "Print one JSON object");
  command->footer(
      "Beside the files of an arithmetic task, columns.json has the formulas of their columns, by which reports\n"
      "call the variables.\n\n"
      "Examples:\n  cprobe data examples/tasks/exp1.yaml --out data/exp1\n"
      "  cprobe data agreement --out data/agreement");
  command->callback([options] { run_data(*options); });
}

}  // namespace cprobe
