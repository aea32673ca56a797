#include "cprobe/tasks/sentence_file.h"

#include <algorithm>
#include <iterator>

#include "cprobe/core/error.h"
#include "cprobe/core/text.h"
#include "cprobe/data/classes.h"
#include "cprobe/tasks/joined_texts.h"

namespace cprobe {
namespace {

class Reader {
 public:
  Reader(const LanguageTask& task, const Tokenizer& tokenizer, int64_t vocab, int64_t n_positions)
      : task_(task),
        tokenizer_(tokenizer),
        of_file_(tokenizer.without_config()),
        vocab_(vocab),
        n_positions_(n_positions) {}

  /// The sentences of a file, without its variables.
  SentenceFile read(const CsvTable& table, std::vector<std::string>& notes, std::vector<std::string>& warnings) {
    const std::vector<std::string> sentences = table.text(task_.text_column);
    SentenceFile file{.source = table.source(), .texts = sentences};
    read_type_columns(table, file);
    if (sentences.empty()) throw input_error("{}: no sentences below the header", table.source());
    if (!task_.prompt_column.empty()) {
      const std::vector<std::string> prompts = table.text(task_.prompt_column);
      for (size_t row = 0; row < prompts.size(); ++row) file.texts[row] += prompts[row];
      append(warnings, join_warnings(table.source(), sentences, prompts, "the prompt"));
    }
    std::vector<PlacedSentence> placed;
    for (size_t row = 0; row < sentences.size(); ++row) {
      if (sentences[row].empty())
        throw input_error("{}:{}: column '{}': empty", table.source(), table.line(row), task_.text_column);
      Encoding encoding = tokens(table, row, task_.text_column, file.texts[row]);
      if (encoding.n_before > 0) ++file.n_begun;
      file.rows.push_back(encoding.ids);
      file.lines.push_back(table.line(row));
      if (task_.probed.empty()) continue;
      placed.push_back(
          {.text = task_.prefix + file.texts[row], .encoding = std::move(encoding), .begin = task_.prefix.size()});
    }
    if (is_last_word()) {
      take_last_words(table, file);
    } else if (task_.expectation) {
      expect_continuations(table, file, warnings);
    }
    for (size_t row = 0; row < placed.size(); ++row) placed[row].n_tokens = std::ssize(file.rows[row]);
    for (const ProbedPlace& place : task_.probed) {
      file.places[place.position().name] = find_places(place, table, sentences, placed, notes);
    }
    const std::string& divider = task_.split_column.empty() ? task_.split_by : task_.split_column;
    if (!divider.empty() && table.has_column(divider)) file.parts = table.text(divider);
    file.groups = groups_of(table);
    file.is_of_file = is_of_file_;
    return file;
  }

 private:
  bool is_last_word() const { return task_.expectation && task_.expectation->last_word; }

  static void append(std::vector<std::string>& all, std::vector<std::string> more) {
    all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  }

  void read_type_columns(const CsvTable& table, SentenceFile& file) const {
    for (const char* column : {"type", "block"}) {
      if (table.has_column(column)) file.type_columns[column] = table.text(column);
    }
    for (const std::string& column : task_.type_columns) file.type_columns[column] = table.text(column);
    for (const ProbedPlace& place : task_.probed) {
      if (place.kind != ProbedPlace::Kind::kWord) continue;
      file.type_columns[place.column] = table.text(place.column);
      file.word_columns.push_back(place.column);
    }
  }

  /// The tokens of the prefix and a text, behind those of the tokenizer's template.
  Encoding tokens(const CsvTable& table, size_t row, const std::string& column, const std::string& unprefixed) {
    const std::string text = task_.prefix + unprefixed;
    const auto where = [&] { return fmt::format("{}:{}: column '{}'", table.source(), table.line(row), column); };
    Encoding encoding = tokenizer_.encode(text, task_.around);
    const std::vector<int64_t>& ids = encoding.ids;
    is_of_file_ = is_of_file_ && of_file_.encode(text).ids == ids;
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
    if (is_last_word() && !single_word) {
      throw input_error(
          "{}: the last word of '{}' must be a single token behind a space, as the answer is the next token", where(),
          text);
    }
    return encoding;
  }

  /// The tokens of a continuation. @param where  begins the error message.
  std::vector<int64_t> continuation(const std::string& text, const std::string& where) {
    std::vector<int64_t> ids = tokenizer_.encode_continuation(text);
    is_of_file_ = is_of_file_ && of_file_.encode(text).ids == ids;
    if (ids.empty()) throw input_error("{}: the continuation '{}' has no tokens", where, text);
    for (const int64_t id : ids) {
      if (id < vocab_) continue;
      throw input_error(
          "{}: the continuation '{}' has token {}, outside the model's vocabulary of {}; do tokenizer and model belong "
          "together?",
          where, text, id, vocab_);
    }
    return ids;
  }

  /// The tokens of a continuation of every row: of a text or, if `column` is set, of its fields.
  std::vector<std::vector<int64_t>> continuations(const CsvTable& table, const std::string& text,
                                                  const std::string& column) {
    const size_t n = table.n_rows();
    if (column.empty()) return {n, continuation(text, fmt::format("task '{}'", task_.name))};
    const std::vector<std::string> fields = table.text(column);
    std::vector<std::vector<int64_t>> tokens;
    tokens.reserve(n);
    for (size_t row = 0; row < n; ++row) {
      tokens.push_back(
          continuation(fields[row], fmt::format("{}:{}: column '{}'", table.source(), table.line(row), column)));
    }
    return tokens;
  }

  /// In which rows the continuation is right, 1 or 0.
  std::vector<int64_t> labels_of(const CsvTable& table) const {
    const Expectation& expectation = *task_.expectation;
    if (expectation.label_column.empty()) return std::vector<int64_t>(table.n_rows(), 1);
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
            table.source(), table.line(row), expectation.label_column, fields[row],
            expectation.continuation_column.empty() ? expectation.continuation : expectation.continuation_column,
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
      if (rows.empty()) {
        throw input_error(
            "{}: no row is of the group '{}': column '{}' is never {}. Groups are those of task.groups or, without it, "
            "of task '{}'; a task of your own takes another name",
            table.source(), group.label, task_.group_column, fmt::join(group.values, " or "), task_.name);
      }
      groups.push_back(at::tensor(rows, at::kLong));
    }
    return groups;
  }

  using Options = std::vector<std::vector<int64_t>>;  ///< [n_rows]: tokens of a continuation.

  /// Keeps continuations of several tokens. @param options  the one that should win first.
  void take_whole(const CsvTable& table, const std::vector<Options>& options, SentenceFile& file) const {
    for (size_t row = 0; row < file.rows.size(); ++row) {
      auto& of_row = file.continuations.emplace_back();
      for (const Options& option : options) {
        of_row.push_back(option[row]);
        const auto n_tokens = std::ssize(file.rows[row]) + std::ssize(option[row]) - 1;
        if (n_tokens <= n_positions_) continue;
        throw input_error("{}:{}: {} tokens with the continuation, but the model's context is {}", table.source(),
                          table.line(row), n_tokens, n_positions_);
      }
    }
    const int64_t n = std::ssize(file.rows), n_others = std::ssize(options) - 1;
    file.contrast = {.continuation = at::ones({n}, at::kLong), .against = at::zeros({n, n_others}, at::kLong)};
  }

  void expect_continuations(const CsvTable& table, SentenceFile& file, std::vector<std::string>& warnings) {
    const Expectation& expectation = *task_.expectation;
    const std::vector<int64_t> labels = labels_of(table);
    if (!expectation.label_column.empty()) file.deciding = at::tensor(labels, at::kLong);
    const Options preferred = continuations(table, expectation.continuation, expectation.continuation_column);
    std::vector<Options> options = {preferred};
    const auto add = [&](const std::string& text, const std::string& column) {
      const Options& other = options.emplace_back(continuations(table, text, column));
      for (size_t row = 0; row < other.size(); ++row) {
        if (other[row] != preferred[row]) continue;
        if (column.empty() && expectation.continuation_column.empty())
          throw input_error("task '{}': the continuation '{}' cannot win against itself", task_.name, text);
        throw input_error("{}:{}: column '{}': the continuation cannot win against itself", table.source(),
                          table.line(row), column.empty() ? expectation.continuation_column : column);
      }
    };
    for (const std::string& text : expectation.against) add(text, "");
    for (const std::string& column : expectation.against_columns) add("", column);
    const bool is_whole = std::ranges::any_of(options, [](const Options& of_rows) {
      return std::ranges::any_of(of_rows, [](const std::vector<int64_t>& tokens) { return tokens.size() > 1; });
    });
    if (is_whole) {
      take_whole(table, options, file);
    } else {
      const auto single = [&](const Options& of_rows) {
        std::vector<int64_t> tokens;
        for (const std::vector<int64_t>& of_row : of_rows) tokens.push_back(of_row.front());
        return at::tensor(tokens, at::kLong);
      };
      std::vector<at::Tensor> against;
      for (size_t o = 1; o < options.size(); ++o) against.push_back(single(options[o]));
      file.contrast = {.continuation = single(preferred), .against = at::stack(against, 1)};
    }
    file.answers = at::where(at::tensor(labels, at::kLong).eq(1), file.contrast->continuation,
                             file.contrast->against.select(1, 0));
    const std::string& column = expectation.continuation_column;
    append(warnings,
           join_warnings(table.source(), file.texts,
                         column.empty() ? std::vector<std::string>(file.texts.size(), expectation.continuation)
                                        : table.text(column),
                         "the continuation"));
  }

  /// Moves the last token of every sentence out of the row and into the contrast.
  void take_last_words(const CsvTable& table, SentenceFile& file) {
    const std::string& column = task_.expectation->against_column;
    const std::vector<std::string> others = table.text(column);
    std::vector<int64_t> right, wrong;
    for (size_t row = 0; row < file.rows.size(); ++row) {
      std::vector<int64_t>& ids = file.rows[row];
      std::vector<int64_t> other = tokens(table, row, column, others[row]).ids;
      right.push_back(ids.back());
      wrong.push_back(other.back());
      ids.pop_back();
      other.pop_back();
      if (ids != other || right.back() == wrong.back()) {
        throw input_error("{}:{}: column '{}': '{}' must differ from the sentence in its last word, and only there",
                          table.source(), table.line(row), column, others[row]);
      }
    }
    file.contrast = {.continuation = at::tensor(right, at::kLong),
                     .against = at::tensor(wrong, at::kLong).unsqueeze(1)};
    file.answers = file.contrast->continuation;
  }

  const LanguageTask& task_;
  const Tokenizer& tokenizer_;
  Tokenizer of_file_;       ///< Of tokenizer.json alone.
  bool is_of_file_ = true;  ///< All tokens so far are those of `of_file_`.
  int64_t vocab_;
  int64_t n_positions_;
};

}  // namespace

SentenceFile read_sentences(const LanguageTask& task, const CsvTable& table, const Tokenizer& tokenizer, int64_t vocab,
                            int64_t n_positions, std::vector<std::string>& notes, std::vector<std::string>& warnings) {
  return Reader(task, tokenizer, vocab, n_positions).read(table, notes, warnings);
}

}  // namespace cprobe
