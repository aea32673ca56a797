#include <set>

#include "cprobe/core/error.h"
#include "cprobe/io/atomic_file.h"
#include "cprobe/reproduce/exp4_table.h"
#include "cprobe/reproduce/toy_experiment.h"
#include "cprobe/tasks/task_data.h"
#include "cprobe/tokenizer/tokenizer.h"

namespace cprobe {
namespace {

template <typename T>
void require_distinct(const std::vector<T>& values, std::string_view what) {
  if (std::set<T>(values.begin(), values.end()).size() == values.size()) return;
  throw input_error("reproduce: a {} stands twice in the list", what);
}

void check_options(const Experiment4Options& options, const ModelConfig& config) {
  if (options.train_rows < kBatchSize) {
    throw input_error("reproduce needs at least {} training rows, which is one batch, found {}", kBatchSize,
                      options.train_rows);
  }
  if (options.test_rows < 1) throw input_error("reproduce needs at least one test row, found {}", options.test_rows);
  if (options.tasks.empty()) throw input_error("reproduce needs at least one task");
  require_distinct(options.tasks, "task");
  require_distinct(options.layers, "layer");
  for (const int64_t layer : options.layers) require_component(config, {layer, Block::kAttention});
}

/// The files of a task in the layout of the paper's repository: the sentences and, except for
/// syntactic number, sentences of other structure.
std::vector<std::filesystem::path> paper_files(PaperTask task, const std::filesystem::path& folder) {
  switch (task) {
    case PaperTask::kAgreement:
      return {folder / "SV_Agr/SV_Agr.csv", folder / "SV_Agr/SV_Agr_gen.csv"};
    case PaperTask::kReflexive:
      return {folder / "Reflexive_An/Reflexive_An.csv", folder / "Reflexive_An/Reflexive_An_gen.csv"};
    case PaperTask::kSyntacticNumber:
      break;
  }
  return {folder / "Syntactic_Number/Syntactic_Number.csv"};
}

Spec probing_spec(const Lexicon& lexicon, const Experiment4Options& options, PaperTask which) {
  const std::filesystem::path& out = options.common.out;
  const std::vector<std::filesystem::path> files =
      options.data.empty() ? prepare_sentences(lexicon, which, out / "data", Seed(0), options.common.overwrite)
                           : paper_files(which, options.data);
  LanguageTask task = language_task(which);
  task.sentences = files.front();
  if (files.size() > 1) task.gen = files.back();
  task.train_rows = options.train_rows;
  task.test_rows = options.test_rows;
  task.prefix = options.prefix;
  Spec spec{.model = {.folder = options.model},
            .data = {.task = task.name, .language = task},
            .grid = {.variables = {task.name}}};
  spec.grid.layers = options.layers;
  spec.probe.ablation.n_random = options.common.n_random;
  spec.probe.null_variables = options.common.n_nulls;
  spec.out = out / task.name;
  return spec;
}

}  // namespace

std::string reproduce_experiment4(const Lexicon& lexicon, const Experiment4Options& options) {
  const ModelConfig config = read_model_config(options.model / "config.json");
  check_options(options, config);
  Tokenizer::load(options.model);  // Throws for a bad tokenizer before any sentences are written.
  const PublishedModel* published = find_published_model(config);
  std::vector<Spec> specs;
  for (const PaperTask task : options.tasks) specs.push_back(probing_spec(lexicon, options, task));
  // Checks all tasks first, so that hours on one task do not come before a mistake in the next.
  for (const Spec& spec : specs) check_run(spec, run_options(options.common));
  std::string text;
  if (published == nullptr) {
    text = fmt::format("Nothing is published for this model ({}, {} layers, d_model {}).\n", config.architecture,
                       config.n_layers, config.d_model);
  }
  const std::filesystem::path table = options.common.out / "table.txt";
  std::vector<std::string> failures;
  for (size_t i = 0; i < specs.size(); ++i) {
    tell(options.common.on_message,
         {Message::Kind::kNote, fmt::format("{} ({} of {})", specs[i].data.task, i + 1, specs.size())});
    for (const std::string& failed : run(specs[i], run_options(options.common)).failures) failures.push_back(failed);
    const std::vector<ProbedCell> cells = Store::open_existing(specs[i].out).probed();
    if (!text.empty()) text += "\n";
    text += experiment4_table(cells, published, options.tasks[i]);
    write_file(table, text);
  }
  if (failures.empty()) return text;
  throw failure(
      "{} circuits failed; the others are in {}, and the same command without --overwrite tries these again:\n  {}",
      failures.size(), table.string(), fmt::join(failures, "\n  "));
}

}  // namespace cprobe
