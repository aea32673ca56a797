#include "cprobe/core/error.h"
#include "cprobe/data/arithmetic.h"
#include "cprobe/io/csv.h"

namespace cprobe {
namespace {

void require_in_vocabulary(const CsvTable& table, size_t row, const char* column, int64_t value, int64_t vocab) {
  if (value < 0 || value >= vocab) {
    throw input_error("{}:{}: column '{}': {} is outside the model's vocabulary of {} tokens (0 to {})", table.source(),
                      table.line(row), column, value, vocab, vocab - 1);
  }
}

}  // namespace

Dataset load_arithmetic_csv(const std::filesystem::path& path, int64_t vocab) {
  const CsvTable table = CsvTable::read(path);
  const std::vector<std::vector<int64_t>> sequences = table.integer_lists("data");
  const std::vector<int64_t> answers = table.integers("labels");
  if (sequences.empty()) {
    throw input_error("{}: no rows below the header", table.source());
  }
  for (size_t row = 0; row < sequences.size(); ++row) {
    if (sequences[row].empty()) {
      throw input_error("{}:{}: column 'data': no tokens", table.source(), table.line(row));
    }
    for (const int64_t token : sequences[row]) {
      require_in_vocabulary(table, row, "data", token, vocab);
    }
    require_in_vocabulary(table, row, "labels", answers[row], vocab);
  }

  Dataset dataset;
  dataset.source = table.source();
  dataset.trie = build_trie(sequences);
  dataset.answers = at::tensor(answers);
  for (const std::string& column : table.integer_columns()) {
    const bool is_variable =
        !column.empty() && column != "data" && column != "labels" && column != "counterfactual_data";
    if (is_variable) dataset.variables.emplace(column, at::tensor(table.integers(column)));
  }
  return dataset;
}

}  // namespace cprobe
