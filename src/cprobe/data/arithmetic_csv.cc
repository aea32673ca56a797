#include <algorithm>

#include "cprobe/core/error.h"
#include "cprobe/data/arithmetic.h"
#include "cprobe/io/csv.h"

namespace cprobe {
namespace {

/// Whether a field is a whole number in form: an optional sign and digits, spaces around.
bool looks_whole(std::string_view field) {
  const size_t begin = field.find_first_not_of(' ');
  if (begin == std::string_view::npos) {
    return false;
  }
  field = field.substr(begin, field.find_last_not_of(' ') - begin + 1);
  if (field.front() == '-' || field.front() == '+') {
    field.remove_prefix(1);
  }
  return !field.empty() && field.find_first_not_of("0123456789") == std::string_view::npos;
}

/// A column is a variable if any of its fields is a whole number: one bad field then is an error, not a lost variable.
bool is_variable(const CsvTable& table, const std::string& column) {
  if (column.empty() || column == "data" || column == "labels" || column == "counterfactual_data") {
    return false;
  }
  const std::vector<std::string> fields = table.text(column);
  return std::any_of(fields.begin(), fields.end(), looks_whole);
}

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
  for (const std::string& column : table.columns()) {
    if (is_variable(table, column)) {
      dataset.variables.emplace(column, at::tensor(table.integers(column)));
    }
  }
  return dataset;
}

}  // namespace cprobe
