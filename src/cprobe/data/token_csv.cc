#include "cprobe/data/token_csv.h"

#include <sstream>

#include "cprobe/core/error.h"
#include "cprobe/data/classes.h"
#include "cprobe/data/counterfactual.h"
#include "cprobe/data/types.h"
#include "cprobe/io/csv.h"

namespace cprobe {
namespace {

void require_in_vocabulary(const CsvTable& table, size_t row, const char* column, int64_t value, int64_t vocab) {
  if (value < 0 || value >= vocab) {
    throw input_error("{}:{}: column '{}': {} is outside the model's vocabulary of {} tokens (0 to {})", table.source(),
                      table.line(row), column, value, vocab, vocab - 1);
  }
}

/// The rows of tokens in a column. @throws Error (kInput) for a row without tokens, or a token
/// outside the vocabulary.
std::vector<std::vector<int64_t>> token_rows(const CsvTable& table, const char* column, int64_t vocab) {
  std::vector<std::vector<int64_t>> rows = table.integer_lists(column);
  for (size_t row = 0; row < rows.size(); ++row) {
    if (rows[row].empty()) throw input_error("{}:{}: column '{}': no tokens", table.source(), table.line(row), column);
    for (const int64_t token : rows[row]) require_in_vocabulary(table, row, column, token, vocab);
  }
  return rows;
}

/// The one variable that a formula such as "counter_var_0 var_1 +" takes from the source; empty if
/// the formula takes none or several.
std::string replaced_variable(const std::string& formula) {
  std::istringstream words(formula);
  std::string word, variable;
  while (words >> word) {
    if (!word.starts_with(kSourcePrefix)) continue;
    if (!variable.empty()) return {};
    variable = word.substr(kSourcePrefix.size());
  }
  return variable;
}

/// Reads the sources and, for each variable, the first column of answers for which only that
/// variable has the source's value.
Counterfactuals read_counterfactuals(const CsvTable& table, int64_t vocab) {
  Counterfactuals pairs{.sources = build_trie(token_rows(table, "counterfactual_data", vocab))};
  const auto has = [&](const char* name, int k) { return table.has_column(fmt::format("{}_{}", name, k)); };
  for (int k = 0; has("CF_FN", k) && has("CF_Label", k); ++k) {
    const std::string variable = replaced_variable(table.text(fmt::format("CF_FN_{}", k)).front());
    if (variable.empty() || pairs.answers.contains(variable)) continue;
    const std::string column = fmt::format("CF_Label_{}", k);
    const std::vector<int64_t> answers = table.integers(column);
    for (size_t row = 0; row < answers.size(); ++row) {
      require_in_vocabulary(table, row, column.c_str(), answers[row], vocab);
    }
    pairs.answers.emplace(variable, at::tensor(answers));
  }
  return pairs;
}

/// The positions in a column `type_of_VARIABLE`, which must be the same in every row.
std::vector<int64_t> type_positions(const CsvTable& table, const std::string& column) {
  const std::vector<std::vector<int64_t>> rows = table.integer_lists(column);
  for (size_t row = 0; row < rows.size(); ++row) {
    if (rows[row].empty() || rows[row] != rows.front()) {
      throw input_error("{}:{}: column '{}': expected positions of tokens, the same in every row", table.source(),
                        table.line(row), column);
    }
  }
  return rows.front();
}

/// The columns whose fields are all whole numbers, with their values.
std::map<std::string, at::Tensor> whole_numbers(const CsvTable& table) {
  std::map<std::string, at::Tensor> variables;
  for (const std::string& column : table.integer_columns()) {
    const bool is_variable = !column.empty() && column != "data" && column != "labels" &&
                             column != "counterfactual_data" && !column.starts_with(kTypeColumnPrefix);
    if (is_variable) variables.emplace(column, at::tensor(table.integers(column)));
  }
  return variables;
}

Dataset token_rows_of(const CsvTable& table, int64_t vocab, const std::vector<std::string>& type_columns) {
  const std::vector<std::vector<int64_t>> sequences = token_rows(table, "data", vocab);
  const std::vector<int64_t> answers = table.integers("labels");
  if (sequences.empty()) throw input_error("{}: no rows below the header", table.source());
  for (size_t row = 0; row < answers.size(); ++row) require_in_vocabulary(table, row, "labels", answers[row], vocab);
  Dataset dataset{.source = table.source(),
                  .trie = build_trie(sequences),
                  .answers = at::tensor(answers),
                  .variables = whole_numbers(table)};
  for (const std::string& column : table.columns()) {
    if (!column.starts_with(kTypeColumnPrefix)) continue;
    dataset.type_positions[column.substr(kTypeColumnPrefix.size())] = type_positions(table, column);
  }
  for (const std::string& column : type_columns) dataset.type_columns[column] = table.text(column);
  if (table.has_column("counterfactual_data")) dataset.counterfactuals = read_counterfactuals(table, vocab);
  return dataset;
}

/// Reads a variable, and its values in the rows' sources, into the data sets that have it.
void add_classes(const std::string& variable, const Bins& bins, const std::vector<CsvTable>& tables,
                 std::vector<Dataset>& sets) {
  std::vector<FileColumn> columns;
  std::vector<size_t> set_of;
  for (size_t s = 0; s < tables.size(); ++s) {
    for (const std::string& name : {variable, std::string(kSourcePrefix) + variable}) {
      if (!tables[s].has_column(name)) continue;
      columns.push_back({&tables[s], name});
      set_of.push_back(s);
    }
  }
  const Classes classes = classes_of(columns, bins);
  for (size_t c = 0; c < columns.size(); ++c) {
    Dataset& set = sets[set_of[c]];
    set.variables[columns[c].name] = at::tensor(classes.values[c]);
    if (!classes.names.empty()) set.class_names[variable] = classes.names;
  }
}

}  // namespace

std::vector<Dataset> load_token_csvs(const std::vector<std::filesystem::path>& paths, int64_t vocab,
                                     const TokenColumns& columns) {
  std::vector<CsvTable> tables;
  std::vector<Dataset> sets;
  for (const std::filesystem::path& path : paths) {
    tables.push_back(CsvTable::read(path));
    sets.push_back(token_rows_of(tables.back(), vocab, columns.types));
  }
  for (const std::string& variable : columns.variables) add_classes(variable, columns.bins, tables, sets);
  return sets;
}

Dataset load_token_csv(const std::filesystem::path& path, int64_t vocab, const TokenColumns& columns) {
  return std::move(load_token_csvs({path}, vocab, columns).front());
}

}  // namespace cprobe
