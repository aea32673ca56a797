#include "cprobe/data/task_data.h"

#include <string>
#include <vector>

#include "cprobe/core/error.h"
#include "cprobe/io/csv.h"

namespace cprobe {
namespace {

bool holds(const std::filesystem::path& path, const std::vector<std::string>& columns,
           const std::vector<std::vector<std::string>>& records) {
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

}  // namespace

TaskData prepare_task_data(const ArithmeticTask& task, const std::filesystem::path& folder, Seed seed, bool overwrite) {
  const ArithmeticTable table = generate(task, seed);
  const std::filesystem::path train = folder / "train.csv", test = folder / "test.csv";
  bool complete = !overwrite;
  if (!overwrite) {
    for (const auto& [path, records] : {std::pair(train, &table.train), std::pair(test, &table.test)}) {
      if (!std::filesystem::exists(path)) {
        complete = false;
      } else if (!holds(path, table.columns, *records)) {
        throw input_error("{}: not the data of task '{}' with seed {}; overwrite it or choose another folder",
                          path.string(), task.name, seed.value());
      }
    }
  }
  if (!complete) write_arithmetic_csv(table, folder);
  return {load_arithmetic_csv(train, vocabulary(task)), load_arithmetic_csv(test, vocabulary(task))};
}

}  // namespace cprobe
