#include "cprobe/tasks/sentence_file.h"

#include <algorithm>

#include "cprobe/core/error.h"
#include "cprobe/core/text.h"
#include "cprobe/data/classes.h"

namespace cprobe {
namespace {

constexpr const char* kSentence = "sentence";

class Reader {
 public:
  Reader(const LanguageTask& task, const Tokenizer& tokenizer, int64_t vocab, int64_t n_positions)
      : task_(task), tokenizer_(tokenizer), vocab_(vocab), n_positions_(n_positions) {}

  /// The sentences of a file, without its variables.
  SentenceFile read(const CsvTable& table) const {
    SentenceFile sentences{.source = table.source(), .texts = table.text(kSentence)};
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

  void expect_fixed(const CsvTable& table, SentenceFile& sentences) const {
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
  void take_last_words(const CsvTable& table, SentenceFile& sentences) const {
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

}  // namespace

SentenceFile read_sentences(const LanguageTask& task, const CsvTable& table, const Tokenizer& tokenizer, int64_t vocab,
                            int64_t n_positions) {
  return Reader(task, tokenizer, vocab, n_positions).read(table);
}

}  // namespace cprobe
