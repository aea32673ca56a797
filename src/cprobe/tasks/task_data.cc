#include "cprobe/tasks/task_data.h"

#include "cprobe/core/error.h"
#include "cprobe/data/token_csv.h"
#include "cprobe/io/csv.h"
#include "cprobe/tasks/arithmetic_data.h"
#include "cprobe/tasks/column_formulas.h"
#include "cprobe/tasks/sentences.h"

namespace cprobe {
namespace {

using Records = std::vector<std::vector<std::string>>;

bool holds(const std::filesystem::path& path, const std::vector<std::string>& columns, const Records& records) {
  const CsvTable table = CsvTable::read(path);
  if (table.columns() != columns || table.n_rows() != records.size()) return false;
  for (size_t c = 0; c < columns.size(); ++c) {
    const std::vector<std::string> fields = table.text(columns[c]);
    for (size_t r = 0; r < fields.size(); ++r) {
      if (fields[r] != records[r][c]) return false;
    }
  }
  return true;
}

/// Whether all files exist already. @throws Error (kInput) if a file holds other records.
bool are_there(const std::vector<std::pair<std::filesystem::path, const Records*>>& files,
               const std::vector<std::string>& columns, std::string_view task) {
  bool all = true;
  for (const auto& [path, records] : files) {
    if (!std::filesystem::exists(path)) {
      all = false;
    } else if (!holds(path, columns, *records)) {
      throw input_error("{}: not the data of task '{}' with this seed; overwrite it or choose another folder",
                        path.string(), task);
    }
  }
  return all;
}

}  // namespace

TaskData prepare_task_data(const ArithmeticTask& task, const std::filesystem::path& folder, Seed seed, bool overwrite) {
  const ArithmeticTable table = generate(task, seed);
  const std::filesystem::path train = folder / "train.csv", test = folder / "test.csv";
  if (overwrite || !are_there({{train, &table.train}, {test, &table.test}}, table.columns, task.name)) {
    write_arithmetic_csv(table, folder);
  }
  write_column_formulas(task, folder);
  return {load_token_csv(train, vocabulary(task)), load_token_csv(test, vocabulary(task))};
}

std::vector<std::filesystem::path> prepare_sentences(const Lexicon& lexicon, PaperTask task,
                                                     const std::filesystem::path& folder, Seed seed, bool overwrite) {
  const SentenceTable table = generate_sentences(lexicon, task, std::nullopt, seed);
  std::vector<std::pair<std::filesystem::path, const Records*>> files;
  std::vector<std::filesystem::path> paths = sentence_files(table, task, folder);
  files.emplace_back(paths.front(), &table.iid);
  if (paths.size() > 1) files.emplace_back(paths.back(), &table.gen);
  if (overwrite || !are_there(files, table.columns, task_name(task))) write_sentences_csv(table, task, folder);
  return paths;
}

}  // namespace cprobe
