#include "cprobe/spec/suggested_spec.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "cprobe/core/error.h"
#include "cprobe/core/text.h"
#include "cprobe/data/classes.h"
#include "cprobe/data/placed_words.h"
#include "cprobe/data/types.h"
#include "cprobe/io/csv.h"
#include "cprobe/model/config.h"
#include "cprobe/tasks/lexicon.h"

namespace cprobe {
namespace {

constexpr size_t kMostClasses = 20, kLeastRowsOfAClass = 4;

/// What a column of a file could be.
struct Column {
  std::string name;
  std::vector<size_t> classes = {};  ///< Of each row, numbered as they appear.
  std::set<std::string> values;      ///< Distinct fields, without the spaces around them.
  size_t n_rows = 0;
  double words = 0;  ///< In a field, on average.
  bool has_blanks = false;
  bool is_real = false;  ///< Numbers, and not all whole.
  bool is_word = false;  ///< Each row's field is a whole word of its sentence.

  bool is_division() const {
    const auto is_part = [](const std::string& value) {
      const std::string lower = lowercase(value);
      return lower == "train" || lower == "test" || lower == "gen" || lower.starts_with("val") || lower == "dev";
    };
    return values.size() > 1 && std::ranges::all_of(values, is_part);
  }
  bool is_variable() const {
    const bool are_classes = values.size() >= 2 && values.size() <= kMostClasses;
    return !has_blanks && !is_real && !is_division() && are_classes && n_rows >= kLeastRowsOfAClass * values.size();
  }
  std::string why_no_variable() const {
    if (has_blanks) return "has empty fields";
    if (is_real) return "real numbers; task.bins makes classes of them";
    if (values.size() < 2) return "one value";
    return fmt::format("{} values in {} rows", values.size(), n_rows);
  }
};

/// Whether all values are numbers, and not all whole.
bool is_real(const std::set<std::string>& values) {
  return std::ranges::all_of(values, is_number) && !std::ranges::all_of(values, is_whole_number);
}

Column described(const CsvTable& table, const std::string& name) {
  const std::vector<std::string> fields = table.text(name);
  Column column{.name = name, .n_rows = fields.size()};
  std::map<std::string, size_t> numbers;
  for (const std::string& field : fields) {
    column.words += static_cast<double>(words_of(field).size()) / static_cast<double>(fields.size());
    const std::string value(trimmed(field));
    column.has_blanks = column.has_blanks || value.empty() || lowercase(value) == "nan";
    column.classes.push_back(numbers.emplace(value, numbers.size()).first->second);
    if (!value.empty()) column.values.insert(value);
  }
  column.is_real = !column.values.empty() && is_real(column.values);
  return column;
}

/// The column of sentences.
const Column& text_among(const std::vector<Column>& columns, const CsvTable& table) {
  for (const char* name : {"sentence", "text"}) {
    const auto found = std::ranges::find(columns, name, &Column::name);
    if (found != columns.end()) return *found;
  }
  const auto longest = std::ranges::max_element(columns, {}, &Column::words);
  if (longest->words >= 2) return *longest;
  throw input_error("{}: no column holds sentences; its columns are {}", table.source(),
                    fmt::join(table.columns(), ", "));
}

bool is_word_of(const CsvTable& table, const std::string& column, const std::vector<std::string>& sentences) {
  const std::vector<std::string> words = table.text(column);
  for (size_t row = 0; row < words.size(); ++row) {
    if (places_of(trimmed(words[row]), sentences[row]).empty()) return false;
  }
  return true;
}

/// A text as a YAML scalar. JSON's are.
std::string quoted(const std::string& text) {
  const bool is_plain = !text.empty() && std::ranges::all_of(text, [](char c) {
    return c == '_' || c == '/' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  });
  const std::array reserved = {"true", "false", "null", "yes", "no", "on", "off"};
  return is_plain && std::ranges::find(reserved, lowercase(text)) == reserved.end() ? text
                                                                                    : nlohmann::json(text).dump();
}

/// The lines of the division.
std::string division(const std::vector<Column>& columns, const std::vector<const Column*>& variables) {
  for (const Column& column : columns) {
    if (column.is_division()) return fmt::format("  split: {}\n", quoted(column.name));
  }
  std::string lines =
      "  # Rows are divided at random, two to one, within each class. To test on values that masks never saw:\n";
  for (const bool is_word : {false, true}) {
    for (const Column& column : columns) {
      const bool is_variable = std::ranges::find(variables, column.name, &Column::name) != variables.end();
      const bool is_taken = is_variable || column.has_blanks || column.is_real || column.is_word != is_word;
      if (is_taken || column.values.size() <= 5 || column.words >= 2) continue;
      return lines + fmt::format("  # split_by: {}\n", quoted(column.name));
    }
  }
  return lines + "  # split_by: COLUMN\n";
}

}  // namespace

std::string suggested_spec(const std::filesystem::path& data, const std::filesystem::path& model) {
  const ModelConfig config = read_model_config(model / "config.json");
  const CsvTable table = CsvTable::read(data);
  if (table.n_rows() == 0) throw input_error("{}: no rows below the header", table.source());
  if (table.has_column("data") && table.has_column("labels")) {
    throw input_error("{}: rows of tokens (column 'data'); examples/exp1.yaml is a spec for these", table.source());
  }
  std::vector<Column> columns;
  for (const std::string& name : table.columns()) {
    if (!name.empty()) columns.push_back(described(table, name));
  }
  const Column& text = text_among(columns, table);
  const std::vector<std::string> sentences = table.text(text.name);
  std::vector<const Column*> words, variables, copies;
  for (Column& column : columns) {
    column.is_word = &column != &text && !column.has_blanks && is_word_of(table, column.name, sentences);
    if (column.is_word) words.push_back(&column);
    if (&column == &text || column.is_word || !column.is_variable()) continue;
    const bool is_copy = std::ranges::find(variables, column.classes, &Column::classes) != variables.end();
    (is_copy ? copies : variables).push_back(&column);
  }
  std::ranges::stable_sort(variables, {}, [](const Column* column) { return column->values.size(); });
  if (variables.empty()) {
    std::vector<std::string> reasons;
    for (const Column& column : columns) {
      const std::string why = &column == &text ? "the sentences"
                              : column.is_word ? "words of the sentences"
                                               : column.why_no_variable();
      reasons.push_back(fmt::format("{} ({})", column.name, why));
    }
    throw input_error("{}: no column can be a variable, which needs 2 to {} classes of {} rows or more: {}",
                      table.source(), kMostClasses, kLeastRowsOfAClass, fmt::join(reasons, ", "));
  }
  std::vector<std::string> names, classes;
  for (const Column* variable : variables) {
    names.push_back(quoted(variable->name));
    std::vector<std::string> some(variable->values.begin(), variable->values.end());
    const bool is_long = some.size() > 4;
    if (is_long) some.resize(2);
    for (std::string& value : some) value = quoted(std::as_const(value));
    if (is_long) some.emplace_back("...");
    classes.push_back(fmt::format("{} ({})", names.back(), fmt::join(some, ", ")));
  }
  const std::string stem = data.stem().string();
  // The name of a task that cprobe knows would bring its expectation along.
  const bool is_known = find_paper_task(stem).has_value();
  std::string spec = fmt::format(
      "# Is {} computed in the model, where, and does its behaviour depend on it?\n"
      "model: {}\ntask:\n  name: {}{}\n  sentences: {}   # {} rows\n",
      names.front(), quoted(model.string()), quoted(is_known ? stem + "_own" : stem),
      is_known ? fmt::format("   # not {}, a task whose groups and expectation are built in", stem) : "",
      quoted(data.string()), table.n_rows());
  if (text.name != "sentence") spec += fmt::format("  text: {}\n", quoted(text.name));
  if (words.empty()) {
    spec +=
        "  # The last token of each sentence is probed. Of a word in it: {word: COLUMN}, with a column of such words.\n"
        "  # at: {word: COLUMN}\n";
  } else {
    spec += fmt::format("  at: {{word: {}}}   # the last token of this word in each sentence\n",
                        quoted(words.front()->name));
    for (const Column* word : std::span(words).subspan(1))
      spec += fmt::format("  # at: {{word: {}}}\n", quoted(word->name));
  }
  for (const Column& column : columns) {
    if (column.is_real && !column.has_blanks)
      spec += fmt::format("  # bins: 4   # makes classes of {}\n", quoted(column.name));
  }
  spec += division(columns, variables);
  spec += fmt::format(
      "  # What the model should say if it uses the variable; without it nothing is ablated:\n"
      "  # expect: {{continuation: \" are\", against: [\" is\"], where: {{{}: {}}}}}\n"
      "  # or, of each row: {{continuation: {{column: COLUMN}}, against: {{column: COLUMN}}}}\n"
      "variables: [{}]   # {}\n"
      "layers: [{}]   # of 0 to {}; all: every layer. Where to look? Linear probes of all layers take a minute:\n"
      "               # layers: all, then cprobe baseline SPEC --methods linear_probe\n"
      "blocks: [attn, mlp]\n"
      "out: {}\n",
      quoted(variables.front()->name), quoted(*variables.front()->values.begin()), fmt::join(names, ", "),
      fmt::join(classes, "; "), config.n_layers / 2, config.n_layers - 1, quoted("runs/" + stem));
  for (const Column* copy : copies)
    spec += fmt::format("# {} has the same classes as a variable above.\n", quoted(copy->name));
  return spec;
}

}  // namespace cprobe
