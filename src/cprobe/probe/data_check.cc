#include "cprobe/probe/data_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "cprobe/data/types.h"
#include "cprobe/io/csv.h"

namespace cprobe {
namespace {

/// The data sets, each once. A test set that is no evaluation set, because nothing is ablated, is a
/// part as well.
std::vector<std::pair<std::string, const Dataset*>> parts_of(const RunData& data) {
  std::vector<std::pair<std::string, const Dataset*>> parts = {{"train", &data.train}};
  for (const auto* sets : {&data.evaluation_sets, &data.decoded_sets}) {
    for (const auto& [label, set] : *sets) parts.emplace_back(label, &set);
  }
  const auto is_test = [&](const auto& part) { return part.second->identity() == data.test.identity(); };
  if (std::ranges::none_of(parts, is_test)) parts.emplace_back("test", &data.test);
  return parts;
}

/// A row with a token.
DataCheck::Row row_of(const Dataset& data, int64_t r, int64_t node) {
  const std::span<const int64_t> nodes = data.trie.row(r);
  const auto place = static_cast<size_t>(std::ranges::find(nodes, node) - nodes.begin());
  const auto number = static_cast<size_t>(r);
  DataCheck::Row row{.row = data.rows_of_file.empty() ? r : data.rows_of_file[number]};
  if (data.wording) {
    const std::string text = data.wording->prefix + data.texts[number];
    const Encoding encoding = data.wording->encode(data.texts[number]);
    const size_t begin = encoding.begin[place], end = encoding.end[place];
    // Tokens of the template cover nothing of the text.
    for (size_t i = 0; i < encoding.n_before; ++i) {
      std::string& part = i < place ? row.before : i == place ? row.token : row.after;
      part += data.wording->tokenizer.token(encoding.ids[i]);
    }
    row.before += text.substr(0, begin);
    row.token += text.substr(begin, end - begin);
    row.after += text.substr(end);
    return row;
  }
  const auto* tokens = data.trie.token.data_ptr<int64_t>();
  for (size_t i = 0; i < nodes.size(); ++i) {
    const std::string token = std::to_string(tokens[nodes[i]]);
    if (i < place) row.before += token + " ";
    if (i == place) row.token = token;
    if (i > place) row.after += " " + token;
  }
  return row;
}

/// "' was|walking' against ' is|walking'": tokens are divided by bars.
std::vector<std::string> whole_continuations_of(const WholeContinuations& whole, const Tokenizer& tokenizer) {
  const auto token = whole.token.accessor<int64_t, 3>();
  std::set<std::string> found;
  for (int64_t r = 0; r < token.size(0); ++r) {
    std::vector<std::string> options;
    for (int64_t o = 0; o < token.size(1); ++o) {
      std::vector<std::string> texts;
      for (int64_t k = 0; k < token.size(2) && token[r][o][k] >= 0; ++k) {
        const int64_t id = token[r][o][k];
        texts.push_back(tokenizer.decode(std::span(&id, 1)));
      }
      options.push_back(fmt::format("'{}'", fmt::join(texts, "|")));
    }
    found.insert(fmt::format("{} against {}", options.front(), fmt::join(options.begin() + 1, options.end(), ", ")));
  }
  return {found.begin(), found.end()};
}

std::vector<std::string> continuations_of(const RunData& data) {
  if (!data.train.contrast || !data.train.wording) return {};
  const Tokenizer& tokenizer = data.train.wording->tokenizer;
  if (data.train.contrast->whole) return whole_continuations_of(*data.train.contrast->whole, tokenizer);
  const auto* right = data.train.contrast->continuation.data_ptr<int64_t>();
  const at::Tensor against = data.train.contrast->against.contiguous();
  std::set<std::string> found;
  for (int64_t r = 0; r < data.train.trie.n_rows(); ++r) {
    std::vector<std::string> others;
    for (int64_t i = 0; i < against.size(1); ++i) {
      const int64_t id = against.data_ptr<int64_t>()[r * against.size(1) + i];
      others.push_back(fmt::format("'{}'", tokenizer.decode(std::span(&id, 1))));
    }
    found.insert(fmt::format("'{}' against {}", tokenizer.decode(std::span(right + r, 1)), fmt::join(others, ", ")));
  }
  return {found.begin(), found.end()};
}

/// Columns of the sentences' file of whose fields a variable is a function, and that have fewer
/// values than half of the rows, but more than the variable.
std::vector<std::string> deciding_columns(const LanguageTask& task, const Dataset& train, const std::string& variable) {
  const CsvTable table = CsvTable::read(task.sentences);
  const at::Tensor values = train.variables.at(variable);
  const int64_t n = train.trie.n_rows(), n_classes = std::get<0>(at::_unique(values)).numel();
  std::vector<std::string> found;
  for (const std::string& column : table.columns()) {
    if (column.empty() || column == variable || column == task.text_column) continue;
    const std::vector<std::string> fields = table.text(column);
    std::map<std::string, int64_t> value_of;
    bool is_function = true;
    for (int64_t r = 0; r < n && is_function; ++r) {
      const auto row = static_cast<size_t>(train.rows_of_file[static_cast<size_t>(r)]);
      const auto value = values[r].item<int64_t>();
      is_function = value_of.emplace(fields[row], value).first->second == value;
    }
    const int64_t n_values = std::ssize(value_of);
    if (is_function && n_values > n_classes && 2 * n_values <= n) found.push_back(column);
  }
  return found;
}

}  // namespace

std::string probed_text(const Spec& spec, const RunData& data) {
  const Dataset& train = data.train;
  const Titles titles = variable_titles(spec, data.titles);
  const at::Tensor probed = train.nodes_at(spec.grid.positions.front());
  const DataCheck::Row row = row_of(train, 0, probed[0].item<int64_t>());
  std::vector<std::string> classes, parts;
  for (const std::string& variable : spec.grid.variables) {
    const auto value = train.labelled(variable, spec.grid.positions.front()).labels[0].item<int64_t>();
    classes.push_back(fmt::format("{} is {}", title_in(titles, variable), train.class_name(variable, value)));
  }
  for (const auto& [label, set] : parts_of(data)) {
    const int64_t n = set->trie.n_rows();
    parts.push_back(label == "train" ? fmt::format("{} rows to train on", n) : fmt::format("{} {}", n, label));
  }
  return fmt::format("'{}[{}]{}': {}, and so on; {}", row.before, row.token, row.after, fmt::join(classes, ", "),
                     fmt::join(parts, ", "));
}

DataCheck check_data(const Spec& spec, const RunData& data, int64_t n_rows) {
  DataCheck check{.titles = variable_titles(spec, data.titles),
                  .continuations = continuations_of(data),
                  .notes = data.notes,
                  .warnings = data.warnings};
  if (data.train.contrast) {
    check.is_either_way = data.train.answers.ne(data.train.contrast->continuation).any().item<bool>();
  }
  expand(spec.grid, data.model.config);  // refuses layers that the model lacks
  if (spec.grid.positions.size() > 1) {
    std::vector<std::string> names;
    for (const Position& one : spec.grid.positions) names.push_back(phrase_of(one));
    check.notes.push_back(
        fmt::format("of {} probed tokens ({}) the first is shown", names.size(), fmt::join(names, ", ")));
  }
  const auto parts = parts_of(data);
  for (const auto& [label, set] : parts) check.parts.emplace_back(label, set->trie.n_rows());
  const Position& position = spec.grid.positions.front();
  for (const std::string& variable : spec.grid.variables) {
    data.train.labelled(variable, position);
    data.test.labelled(variable, position);
    std::map<std::string, std::vector<int64_t>>& counts = check.classes[variable];
    for (size_t p = 0; p < parts.size(); ++p) {
      const auto values = parts[p].second->variables.find(variable);
      if (values == parts[p].second->variables.end()) continue;
      const auto [classes, where, n] = at::_unique2(values->second, true, false, true);
      for (int64_t i = 0; i < classes.size(0); ++i) {
        std::vector<int64_t>& of_class = counts[data.train.class_name(variable, classes[i].item<int64_t>())];
        of_class.resize(parts.size());
        of_class[p] = n[i].item<int64_t>();
      }
    }
    if (spec.probe.protocol == Protocol::kPaper) continue;
    const Types types = find_types(data_sets(data), variable, spec.data.types_of(variable));
    check.types[variable] = types.text();
    if (!types.are_rows() || !spec.data.language) continue;
    const std::vector<std::string> columns = deciding_columns(*spec.data.language, data.train, variable);
    if (columns.empty()) continue;
    check.notes.push_back(
        fmt::format("each row counts as a type of its own, although {} decides {}: with 'task.type: [{}]' rows that "
                    "share its value "
                    "are one type",
                    fmt::join(columns, " or "), variable, columns.front()));
  }
  const at::Tensor probed = data.train.nodes_at(position);
  for (int64_t r = 0; r < std::min(n_rows, data.train.trie.n_rows()); ++r) {
    DataCheck::Row row = row_of(data.train, r, probed[r].item<int64_t>());
    for (const std::string& variable : spec.grid.variables) {
      row.classes[variable] = data.train.class_name(variable, data.train.variables.at(variable)[r].item<int64_t>());
    }
    check.rows.push_back(std::move(row));
  }
  return check;
}

}  // namespace cprobe
