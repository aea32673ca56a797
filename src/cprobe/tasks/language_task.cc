#include "cprobe/tasks/language_task.h"

#include <algorithm>

#include "cprobe/core/error.h"
#include "cprobe/core/replay.h"
#include "cprobe/core/seed.h"
#include "cprobe/core/text.h"
#include "cprobe/data/classes.h"
#include "cprobe/data/counterfactual.h"
#include "cprobe/io/csv.h"

namespace cprobe {
namespace {

constexpr const char* kSentence = "sentence";

/// A file of sentences, tokenized, not yet divided.
struct Sentences {
  std::string source;
  std::vector<std::vector<int64_t>> rows;
  Contrast contrast;
  at::Tensor answers;  ///< [n_rows] int64.
  /// [n_rows] int64: the variable that decides between a row's answer and its alternative;
  /// undefined if it is not known.
  at::Tensor deciding;
  std::map<std::string, std::vector<int64_t>> variables;
  std::map<std::string, std::vector<std::string>> class_names;
  std::vector<at::Tensor> groups;  ///< Numbers of the rows of each group; one of all without groups.
  std::vector<std::string> texts;
  std::map<std::string, std::vector<std::string>> type_columns;
};

class Reader {
 public:
  Reader(const LanguageTask& task, const Tokenizer& tokenizer, int64_t vocab, int64_t n_positions)
      : task_(task), tokenizer_(tokenizer), vocab_(vocab), n_positions_(n_positions) {}

  /// The sentences of a file, without its variables.
  Sentences read(const CsvTable& table) const {
    Sentences sentences{.source = table.source(), .texts = table.text(kSentence)};
    const std::vector<std::string>& texts = sentences.texts;
    for (const char* column : {"type", "block"}) {
      if (table.has_column(column)) sentences.type_columns[column] = table.text(column);
    }
    for (const std::string& column : task_.type_columns) sentences.type_columns[column] = table.text(column);
    if (texts.empty()) throw input_error("{}: no sentences below the header", table.source());
    for (size_t row = 0; row < texts.size(); ++row) {
      if (texts[row].empty())
        throw input_error("{}:{}: column '{}': empty", table.source(), table.line(row), kSentence);
      sentences.rows.push_back(tokens(table, row, kSentence, texts[row]));
    }
    if (task_.expectation.last_word) {
      take_last_words(table, sentences);
    } else {
      expect_fixed(table, sentences);
    }
    sentences.groups = groups_of(table);
    return sentences;
  }

 private:
  /// The tokens of the prefix and a text.
  std::vector<int64_t> tokens(const CsvTable& table, size_t row, const std::string& column,
                              const std::string& unprefixed) const {
    const std::string text = task_.prefix + unprefixed;
    const auto where = [&] { return fmt::format("{}:{}: column '{}'", table.source(), table.line(row), column); };
    const Encoding encoding = tokenizer_.encode(text);
    const std::vector<int64_t>& ids = encoding.ids;
    if (static_cast<int64_t>(ids.size()) > n_positions_) {
      throw input_error("{}: {} tokens, but the model's context is {}", where(), ids.size(), n_positions_);
    }
    for (const int64_t id : ids) {
      if (id >= vocab_) {
        throw input_error(
            "{}: token {} is outside the model's vocabulary of {}; do tokenizer and model belong together?", where(),
            id, vocab_);
      }
    }
    const size_t word = text.find_last_of(' ');
    const bool single_word = word != std::string::npos && ids.size() > 1 && encoding.begin.back() == word;
    if (task_.expectation.last_word && !single_word) {
      throw input_error(
          "{}: the last word of '{}' must be a single token behind a space, as the answer is the next token", where(),
          text);
    }
    return ids;
  }

  int64_t continuation(const std::string& text) const {
    const std::string where = fmt::format("task '{}'", task_.name);
    const int64_t id = single_token(tokenizer_, text, where);
    if (id < vocab_) return id;
    throw input_error(
        "{}: the continuation '{}' is token {}, outside the model's vocabulary of {}; do tokenizer and model belong "
        "together?",
        where, text, id, vocab_);
  }

  /// In which rows the continuation is right, 1 or 0.
  std::vector<int64_t> labels_of(const CsvTable& table) const {
    const Expectation& expectation = task_.expectation;
    const std::vector<std::string> fields = table.text(expectation.label_column);
    std::vector<int64_t> labels;
    if (expectation.label_value) {
      for (const std::string& field : fields) labels.push_back(is_same_value(field, *expectation.label_value) ? 1 : 0);
      require_value(table, expectation.label_column, *expectation.label_value);
      return labels;
    }
    for (size_t row = 0; row < fields.size(); ++row) {
      const auto word = expectation.label_words.find(lowercase(trimmed(fields[row])));
      const std::optional<int64_t> label =
          word == expectation.label_words.end() ? truth_of(fields[row]) : std::optional(word->second);
      if (!label) {
        throw input_error(
            "{}:{}: column '{}': '{}' says neither that '{}' is right (1 or true) nor that it is wrong (0 or false); "
            "`where: {{{}: VALUE}}` names the value that does",
            table.source(), table.line(row), expectation.label_column, fields[row], expectation.continuation,
            expectation.label_column);
      }
      labels.push_back(*label);
    }
    return labels;
  }

  /// Refuses a value of a spec that no row has.
  static void require_value(const CsvTable& table, const std::string& column, const std::string& value) {
    const std::vector<std::string> fields = table.text(column);
    if (std::ranges::any_of(fields, [&](const std::string& field) { return is_same_value(field, value); })) return;
    throw input_error("{}: no row has '{}' in column '{}'; did you mean '{}'?", table.source(), value, column,
                      nearest(value, fields));
  }

  /// The rows of each group, in order; all rows if the task has no groups.
  std::vector<at::Tensor> groups_of(const CsvTable& table) const {
    if (task_.groups.empty()) return {at::arange(static_cast<int64_t>(table.n_rows()))};
    const std::vector<std::string> fields = table.text(task_.group_column);
    std::vector<at::Tensor> groups;
    for (const RowGroup& group : task_.groups) {
      std::vector<int64_t> rows;
      for (size_t row = 0; row < fields.size(); ++row) {
        const auto is_row = [&](const std::string& value) { return is_same_value(fields[row], value); };
        if (std::ranges::any_of(group.values, is_row)) rows.push_back(static_cast<int64_t>(row));
      }
      groups.push_back(at::tensor(rows, at::kLong));
    }
    return groups;
  }

  void expect_fixed(const CsvTable& table, Sentences& sentences) const {
    const Expectation& expectation = task_.expectation;
    const std::vector<int64_t> labels = labels_of(table);
    sentences.deciding = at::tensor(labels, at::kLong);
    const int64_t preferred = continuation(expectation.continuation);
    std::vector<int64_t> against;
    for (const std::string& text : expectation.against) {
      against.push_back(continuation(text));
      if (against.back() == preferred)
        throw input_error("task '{}': the continuation '{}' cannot win against itself", task_.name, text);
    }
    const auto n = static_cast<int64_t>(labels.size());
    sentences.contrast = {.continuation = at::full({n}, preferred, at::kLong),
                          .against = at::tensor(against, at::kLong).repeat({n, 1})};
    sentences.answers = at::where(at::tensor(labels, at::kLong).eq(1), preferred, against.front());
  }

  /// Moves the last token of every sentence out of the row and into the contrast.
  void take_last_words(const CsvTable& table, Sentences& sentences) const {
    const std::string& column = task_.expectation.against_column;
    const std::vector<std::string> others = table.text(column);
    std::vector<int64_t> right, wrong;
    for (size_t row = 0; row < sentences.rows.size(); ++row) {
      std::vector<int64_t>& ids = sentences.rows[row];
      std::vector<int64_t> other = tokens(table, row, column, others[row]);
      right.push_back(ids.back());
      wrong.push_back(other.back());
      ids.pop_back();
      other.pop_back();
      if (ids != other || right.back() == wrong.back()) {
        throw input_error("{}:{}: column '{}': '{}' must differ from the sentence in its last word, and only there",
                          table.source(), table.line(row), column, others[row]);
      }
    }
    sentences.contrast = {.continuation = at::tensor(right, at::kLong),
                          .against = at::tensor(wrong, at::kLong).unsqueeze(1)};
    sentences.answers = sentences.contrast.continuation;
  }

  const LanguageTask& task_;
  const Tokenizer& tokenizer_;
  int64_t vocab_;
  int64_t n_positions_;
};

TokenTrie trie_of(const Sentences& sentences, const at::Tensor& rows) {
  const int64_t* begin = rows.data_ptr<int64_t>();
  std::vector<std::vector<int64_t>> sequences;
  for (int64_t i = 0; i < rows.size(0); ++i) sequences.push_back(sentences.rows[static_cast<size_t>(begin[i])]);
  return build_trie(sequences);
}

/// Whether two variables are equal but for the numbers of their classes.
bool is_same_partition(const at::Tensor& a, const at::Tensor& b) {
  const auto n_classes = [](const at::Tensor& values) { return std::get<0>(at::unique_dim(values, 0)).size(0); };
  const int64_t n_pairs = n_classes(at::stack({a, b}, 1));
  return n_pairs == n_classes(a) && n_pairs == n_classes(b);
}

/// Pairs each row with a random other row, its source, for interchange interventions. If the source
/// has the other value of the deciding variable, the right answer becomes the row's alternative;
/// otherwise it stays. Only variables that equal the deciding one get such answers. Does nothing if
/// the deciding variable has more than two values, as a row has only one alternative.
void pair_rows(const Sentences& sentences, const at::Tensor& rows, Seed seed, Dataset& dataset) {
  if (!sentences.deciding.defined()) return;
  const at::Tensor deciding = sentences.deciding.index_select(0, rows);
  if (std::get<0>(at::_unique(deciding)).numel() > 2) return;
  // The source is the next row in a random order, so that no row is its own source.
  const at::Tensor order = at::randperm(rows.size(0), seed.generator(), at::kLong);
  const at::Tensor source = at::empty_like(order).scatter_(0, order, order.roll(1));
  const Contrast& contrast = *dataset.contrast;
  const at::Tensor alternative =
      at::where(dataset.answers.eq(contrast.continuation), contrast.against.select(1, 0), contrast.continuation);
  const at::Tensor answers = at::where(deciding.eq(deciding.index_select(0, source)), dataset.answers, alternative);
  Counterfactuals pairs{.sources = trie_of(sentences, rows.index_select(0, source))};
  std::map<std::string, at::Tensor> of_sources;
  for (const auto& [name, values] : dataset.variables) {
    of_sources.emplace(std::string(kSourcePrefix) + name, values.index_select(0, source));
    const bool is_deciding =
        sentences.class_names.contains(name) ? is_same_partition(values, deciding) : at::equal(values, deciding);
    if (is_deciding) pairs.answers.emplace(name, answers);
  }
  dataset.variables.merge(of_sources);
  dataset.counterfactuals = std::move(pairs);
}

Dataset chosen(const Sentences& sentences, const std::string& label, const at::Tensor& rows, const Wording& wording,
               Seed pairing) {
  const auto pick = [&](const at::Tensor& all) { return all.index_select(0, rows); };
  Dataset dataset{.source = fmt::format("{} ({})", sentences.source, label),
                  .trie = trie_of(sentences, rows),
                  .answers = pick(sentences.answers),
                  .contrast = sentences.contrast.of_rows(rows)};
  for (const auto& [name, values] : sentences.variables) {
    dataset.variables.emplace(name, pick(at::tensor(values, at::kLong)));
  }
  dataset.class_names = sentences.class_names;
  const auto pick_texts = [&](const std::vector<std::string>& all) {
    std::vector<std::string> picked;
    for (int64_t i = 0; i < rows.size(0); ++i) picked.push_back(all[static_cast<size_t>(rows[i].item<int64_t>())]);
    return picked;
  };
  dataset.texts = pick_texts(sentences.texts);
  dataset.rows_of_file.assign(rows.data_ptr<int64_t>(), rows.data_ptr<int64_t>() + rows.size(0));
  dataset.wording = wording;
  for (const auto& [column, texts] : sentences.type_columns) dataset.type_columns[column] = pick_texts(texts);
  pair_rows(sentences, rows, pairing.derive(label), dataset);
  return dataset;
}

/// Reads the variables of all files of a task, whose classes are numbered together: columns of
/// whole numbers, and those that are probed.
void read_variables(const LanguageTask& task, const std::vector<const CsvTable*>& tables,
                    const std::vector<Sentences*>& files) {
  for (size_t f = 0; f < files.size(); ++f) {
    for (const std::string& column : tables[f]->integer_columns()) {
      files[f]->variables[column] = tables[f]->integers(column);
    }
  }
  const std::vector<std::string> of_task = {task.name};
  for (const std::string& variable : task.variables.empty() ? of_task : task.variables) {
    const bool stands_for_another = variable == task.name && !tables.front()->has_column(variable);
    const std::string& column = stands_for_another ? task.variable : variable;
    std::vector<FileColumn> columns;
    std::vector<Sentences*> of_columns;
    for (size_t f = 0; f < files.size(); ++f) {
      if (!tables[f]->has_column(column)) continue;
      columns.push_back({tables[f], column});
      of_columns.push_back(files[f]);
    }
    if (columns.empty() && stands_for_another) tables.front()->text(column);  // says what columns there are
    const Classes classes = classes_of(columns);
    for (size_t c = 0; c < columns.size(); ++c) {
      of_columns[c]->variables[variable] = classes.values[c];
      if (!classes.names.empty()) of_columns[c]->class_names[variable] = classes.names;
    }
  }
  if (!task.expectation.last_word) return;
  for (Sentences* file : files) {
    for (const std::string& name : {task.name, task.variable}) {
      const auto deciding = file->variables.find(name);
      if (deciding != file->variables.end()) file->deciding = at::tensor(deciding->second, at::kLong);
    }
  }
}

/// Splits some rows by `torch_random_split` into parts of the given lengths, and drops the rest.
std::vector<at::Tensor> split(const Sentences& sentences, const at::Tensor& rows, std::vector<int64_t> lengths,
                              const std::string& group, uint64_t seed) {
  int64_t n_wanted = 0;
  for (const int64_t length : lengths) n_wanted += length;
  if (rows.size(0) < n_wanted) {
    throw input_error("{}: {}{} rows are to be taken ({}), but there are only {}", sentences.source,
                      group.empty() ? "" : group + ": ", n_wanted, fmt::join(lengths, " + "), rows.size(0));
  }
  lengths.push_back(rows.size(0) - n_wanted);
  std::vector<at::Tensor> parts = torch_random_split(lengths, seed);
  for (at::Tensor& part : parts) part = rows.index_select(0, part);
  return parts;
}

/// Two thirds and one third of some rows, divided at random within each class of a variable, in the
/// file's order.
std::vector<at::Tensor> two_to_one(const at::Tensor& rows, const at::Tensor& classes, uint64_t seed) {
  std::vector<at::Tensor> train, test;
  const at::Tensor of_rows = classes.index_select(0, rows);
  const at::Tensor values = std::get<0>(at::_unique(of_rows, true));
  for (int64_t i = 0; i < values.size(0); ++i) {
    const at::Tensor of_class = rows.index_select(0, of_rows.eq(values[i]).nonzero().squeeze(1));
    const int64_t n = of_class.size(0), n_test = n / 3;
    const std::vector<at::Tensor> parts = torch_random_split({n - n_test, n_test}, seed);
    train.push_back(of_class.index_select(0, parts[0]));
    test.push_back(of_class.index_select(0, parts[1]));
  }
  const auto in_order = [](const std::vector<at::Tensor>& parts) { return std::get<0>(at::cat(parts).sort()); };
  return {in_order(train), in_order(test)};
}

/// Divides a group's rows into those to train on and those to test, and notes what was chosen where
/// the task leaves it to the data.
std::vector<at::Tensor> divide(const Sentences& sentences, const at::Tensor& rows, const LanguageTask& task,
                               const std::string& group, std::vector<std::string>& notes) {
  const int64_t n = rows.size(0);
  if (!task.train_rows && !task.test_rows && n < kTrainRows + kTestRows) {
    const auto classes = sentences.variables.find(task.variables.empty() ? task.name : task.variables.front());
    const at::Tensor values = classes == sentences.variables.end()
                                  ? at::zeros({static_cast<int64_t>(sentences.rows.size())}, at::kLong)
                                  : at::tensor(classes->second, at::kLong);
    std::vector<at::Tensor> parts = two_to_one(rows, values, task.split_seed);
    if (parts[1].size(0) > 0) {
      notes.push_back(
          fmt::format("{}{} rows, fewer than {} and {}: {} to train on and {} to test, drawn within each "
                      "class (task.train_rows and test_rows)",
                      group.empty() ? "" : group + ": ", n, kTrainRows, kTestRows, parts[0].size(0), parts[1].size(0)));
      return parts;
    }
  }
  const int64_t n_train =
      task.train_rows.value_or(std::clamp<int64_t>(n - task.test_rows.value_or(kTestRows), 1, kTrainRows));
  const int64_t n_test = task.test_rows.value_or(std::clamp<int64_t>(n - n_train, 1, kTestRows));
  return split(sentences, rows, {n_train, n_test}, group, task.split_seed);
}

}  // namespace

LanguageTask language_task(PaperTask which) {
  LanguageTask task{.name = std::string(task_name(which)),
                    .expectation = {.continuation = " are",
                                    .against = {" is"},
                                    .label_column = "labels",
                                    .label_words = {{"plural", 1}, {"singular", 0}}}};
  if (which == PaperTask::kSyntacticNumber) task.variable = "object labels";
  if (which == PaperTask::kReflexive) {
    task.expectation = {.last_word = true, .against_column = "ungrammatical"};
    task.group_column = "gender";
    task.groups = {{{"0", "male"}, "Male"}, {{"1", "female"}, "Female"}};
  }
  return task;
}

LanguageData load_language_data(const LanguageTask& task, const Tokenizer& tokenizer, int64_t vocab,
                                int64_t n_positions) {
  const Wording wording{
      .tokenizer = tokenizer, .prefix = task.prefix, .ends_before_last_token = task.expectation.last_word};
  const Reader reader(task, tokenizer, vocab, n_positions);
  const CsvTable table = CsvTable::read(task.sentences);
  Sentences sentences = reader.read(table);
  std::optional<CsvTable> gen_table;
  std::optional<Sentences> gen;
  if (!task.gen.empty()) gen = reader.read(gen_table.emplace(CsvTable::read(task.gen)));
  if (gen) {
    read_variables(task, {&table, &*gen_table}, {&sentences, &*gen});
  } else {
    read_variables(task, {&table}, {&sentences});
  }
  const Seed pairing = Seed(task.split_seed).derive("sources");
  LanguageData data;
  for (size_t g = 0; g < std::max<size_t>(task.groups.size(), 1); ++g) {
    const std::string group = task.groups.empty() ? "" : task.groups[g].label;
    const std::string prefix = group.empty() ? "" : group + " ";
    const std::vector<at::Tensor> parts = divide(sentences, sentences.groups[g], task, group, data.notes);
    if (g == 0) data.train = chosen(sentences, prefix + "train", parts[0], wording, pairing);
    data.evaluation_sets.emplace_back(prefix + "IID", chosen(sentences, prefix + "IID", parts[1], wording, pairing));
    if (gen) {
      const at::Tensor& all = gen->groups[g];
      const int64_t n = task.test_rows.value_or(std::clamp<int64_t>(all.size(0), 1, kTestRows));
      const at::Tensor rows = split(*gen, all, {n}, group, task.split_seed)[0];
      data.evaluation_sets.emplace_back(prefix + "Gen", chosen(*gen, prefix + "Gen", rows, wording, pairing));
    }
  }
  data.test = data.evaluation_sets.front().second;
  return data;
}

}  // namespace cprobe
