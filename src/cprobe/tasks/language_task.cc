#include "cprobe/tasks/language_task.h"

#include <algorithm>

#include "cprobe/core/error.h"
#include "cprobe/core/replay.h"
#include "cprobe/core/seed.h"
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
  /// [n_rows] int64: the variable that decides between a row's answer and its alternative.
  at::Tensor deciding;
  std::map<std::string, std::vector<int64_t>> variables;
  std::vector<std::string> texts;
  std::map<std::string, std::vector<std::string>> type_columns;
};

class Reader {
 public:
  Reader(const LanguageTask& task, const Tokenizer& tokenizer, int64_t vocab, int64_t n_positions)
      : task_(task), tokenizer_(tokenizer), vocab_(vocab), n_positions_(n_positions) {}

  Sentences read(const std::filesystem::path& path) const {
    const CsvTable table = CsvTable::read(path);
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
    for (const std::string& column : table.integer_columns()) sentences.variables[column] = table.integers(column);
    sentences.variables.emplace(task_.name, table.integers(task_.variable));
    const std::string& column = task_.expectation.last_word ? task_.variable : task_.expectation.label_column;
    sentences.deciding = at::tensor(table.integers(column), at::kLong);
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

  void expect_fixed(const CsvTable& table, Sentences& sentences) const {
    const Expectation& expectation = task_.expectation;
    const std::vector<int64_t> labels = table.integers(expectation.label_column);
    for (size_t row = 0; row < labels.size(); ++row) {
      if (labels[row] == 0 || labels[row] == 1) continue;
      throw input_error("{}:{}: column '{}': {} says neither that '{}' is right (1) nor that it is wrong (0)",
                        table.source(), table.line(row), expectation.label_column, labels[row],
                        expectation.continuation);
    }
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

/// Pairs each row with a random other row, its source, for interchange interventions. If the source
/// has the other value of the deciding variable, the right answer becomes the row's alternative;
/// otherwise it stays. Only variables that equal the deciding one get such answers. Does nothing if
/// the deciding variable has more than two values, as a row has only one alternative.
void pair_rows(const Sentences& sentences, const at::Tensor& rows, Seed seed, Dataset& dataset) {
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
    if (at::equal(values, deciding)) pairs.answers.emplace(name, answers);
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
  const auto pick_texts = [&](const std::vector<std::string>& all) {
    std::vector<std::string> picked;
    for (int64_t i = 0; i < rows.size(0); ++i) picked.push_back(all[static_cast<size_t>(rows[i].item<int64_t>())]);
    return picked;
  };
  dataset.texts = pick_texts(sentences.texts);
  dataset.wording = wording;
  for (const auto& [column, texts] : sentences.type_columns) dataset.type_columns[column] = pick_texts(texts);
  pair_rows(sentences, rows, pairing.derive(label), dataset);
  return dataset;
}

/// The rows of one group, in order; all rows if the task has no groups.
at::Tensor group_rows(const Sentences& sentences, const LanguageTask& task, size_t group) {
  const auto n = static_cast<int64_t>(sentences.rows.size());
  if (task.groups.empty()) return at::arange(n);
  const auto column = sentences.variables.find(task.group_column);
  if (column == sentences.variables.end()) {
    throw input_error("{}: no column '{}' of whole numbers, which divides the rows into groups", sentences.source,
                      task.group_column);
  }
  return at::tensor(column->second, at::kLong).eq(task.groups[group].first).nonzero().squeeze(1);
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

}  // namespace

LanguageTask language_task(PaperTask which) {
  LanguageTask task{.name = std::string(task_name(which)),
                    .expectation = {.continuation = " are", .against = {" is"}, .label_column = "labels"}};
  if (which == PaperTask::kSyntacticNumber) task.variable = "object labels";
  if (which == PaperTask::kReflexive) {
    task.expectation = {.last_word = true, .against_column = "ungrammatical"};
    task.group_column = "gender";
    task.groups = {{0, "Male"}, {1, "Female"}};
  }
  return task;
}

LanguageData load_language_data(const LanguageTask& task, const Tokenizer& tokenizer, int64_t vocab,
                                int64_t n_positions) {
  const Wording wording{
      .tokenizer = tokenizer, .prefix = task.prefix, .ends_before_last_token = task.expectation.last_word};
  const Reader reader(task, tokenizer, vocab, n_positions);
  const Sentences sentences = reader.read(task.sentences);
  std::optional<Sentences> gen;
  if (!task.gen.empty()) gen = reader.read(task.gen);
  const Seed pairing = Seed(task.split_seed).derive("sources");
  LanguageData data;
  for (size_t g = 0; g < std::max<size_t>(task.groups.size(), 1); ++g) {
    const std::string group = task.groups.empty() ? "" : task.groups[g].second;
    const std::string prefix = group.empty() ? "" : group + " ";
    const std::vector<at::Tensor> parts =
        split(sentences, group_rows(sentences, task, g), {task.train_rows, task.test_rows}, group, task.split_seed);
    if (g == 0) data.train = chosen(sentences, prefix + "train", parts[0], wording, pairing);
    data.evaluation_sets.emplace_back(prefix + "IID", chosen(sentences, prefix + "IID", parts[1], wording, pairing));
    if (gen) {
      const at::Tensor rows = split(*gen, group_rows(*gen, task, g), {task.test_rows}, group, task.split_seed)[0];
      data.evaluation_sets.emplace_back(prefix + "Gen", chosen(*gen, prefix + "Gen", rows, wording, pairing));
    }
  }
  data.test = data.evaluation_sets.front().second;
  return data;
}

}  // namespace cprobe
