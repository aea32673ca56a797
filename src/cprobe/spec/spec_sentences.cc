#include <algorithm>

#include "cprobe/spec/spec_keys.h"
#include "cprobe/spec/spec_values.h"

namespace cprobe {
namespace {

/// Reads a continuation: a text, or a column of texts.
void read_continuation(const Document& value, std::string& text, std::string& column) {
  if (!value.is_map()) {
    text = value.as_text();
    return;
  }
  require_known_keys(value, kColumnKeys);
  column = value.at("column").as_text();
}

/// Reads an expectation: of the last word if there is a key `last_word_against`, else of
/// continuations.
Expectation read_expectation(const Document& map) {
  require_known_keys(map, kExpectKeys);
  if (const Document* column = map.find("last_word_against")) {
    for (const std::string_view key : {"continuation", "against", "where"}) {
      if (const Document* other = map.find(key)) throw other->error("has no meaning beside last_word_against");
    }
    return {.last_word = true, .against_column = column->as_text()};
  }
  Expectation expectation;
  read_continuation(map.at("continuation"), expectation.continuation, expectation.continuation_column);
  for (const Document& one : map.at("against").items_or_self()) {
    std::string text, column;
    read_continuation(one, text, column);
    if (column.empty()) {
      expectation.against.push_back(text);
    } else {
      expectation.against_columns.push_back(column);
    }
  }
  if (expectation.against.size() + expectation.against_columns.size() == 0) {
    throw map.at("against").error("expected at least one continuation to compare with");
  }
  // A column can hold the right continuation of every row; a text cannot.
  if (!expectation.continuation_column.empty() && map.find("where") == nullptr) return expectation;
  if (map.find("where") == nullptr) {
    throw map.error(
        "a continuation that is one text for all rows needs 'where': a column of 1 and 0, or {COLUMN: value}, "
        "for the rows in which it is right");
  }
  const Document& where = map.at("where");
  if (!where.is_map()) {
    expectation.label_column = where.as_text();
    return expectation;
  }
  if (where.entries().size() != 1) throw where.error("expected one column and its value, such as {tense: past}");
  expectation.label_column = where.entries().front().first;
  expectation.label_value = where.entries().front().second.as_text();
  return expectation;
}

/// Reads `special_tokens`: template or none.
TemplateTokens template_tokens_of(const Document& value) {
  const std::string text = value.as_text();
  if (text == "template") return TemplateTokens::kBefore;
  if (text == "none") return TemplateTokens::kNone;
  throw value.error(fmt::format("expected template or none, found '{}'", text));
}

void read_groups(const Document& map, LanguageTask& task) {
  require_known_keys(map, kGroupKeys);
  task.group_column = map.at("column").as_text();
  task.groups.clear();
  for (const auto& [label, value] : map.at("values").entries())
    task.groups.push_back({.values = list_of(value, &Document::as_text), .label = label});
  if (task.groups.empty()) throw map.at("values").error("expected at least one group");
}

/// Reads which token of each sentence is probed: the last one of a word or of some characters, or
/// one with a number.
ProbedPlace read_place(const Document& map) {
  if (!map.is_map()) throw map.error("expected {word: COLUMN}, {start: COLUMN, end: COLUMN} or {token: COLUMN}");
  require_known_keys(map, kPlaceKeys);
  const Document *word = map.find("word"), *start = map.find("start"), *end = map.find("end"),
                 *token = map.find("token"), *occurrence = map.find("occurrence");
  if ((word != nullptr) + (start != nullptr || end != nullptr) + (token != nullptr) != 1) {
    throw map.error("expected one of {word: COLUMN}, {start: COLUMN, end: COLUMN} and {token: COLUMN}");
  }
  if (occurrence != nullptr && word == nullptr) throw occurrence->error("only a word can be there several times");
  if (token != nullptr) return {.kind = ProbedPlace::Kind::kToken, .column = token->as_text()};
  if (word == nullptr) {
    return {.kind = ProbedPlace::Kind::kCharacters,
            .column = map.at("start").as_text(),
            .end_column = map.at("end").as_text()};
  }
  ProbedPlace place{.column = word->as_text()};
  if (occurrence == nullptr) return place;
  place.last_occurrence = occurrence->as_text() == "last";
  if (!place.last_occurrence && occurrence->as_text() != "first") {
    throw occurrence->error(fmt::format("expected first or last, found '{}'", occurrence->as_text()));
  }
  return place;
}

/// Reads the division of the sentences: two files, a column, or sizes.
void read_division(const Document& map, LanguageTask& task) {
  const Document *train = map.find("train"), *split = map.find("split"), *split_by = map.find("split_by");
  if (train != nullptr) {
    for (const char* key : {"sentences", "split", "split_by"}) {
      if (const Document* other = map.find(key)) throw other->error("has no meaning beside the files train and test");
    }
    task.sentences = train->as_text();
    task.test = map.at("test").as_text();
  } else {
    task.sentences = map.at("sentences").as_text();
    if (const Document* test = map.find("test")) throw test->error("needs 'train' in place of 'sentences'");
  }
  if (split != nullptr && split_by != nullptr) throw split_by->error("has no meaning beside split");
  if_given(map, "split", [&](const Document& v) { task.split_column = v.as_text(); });
  if_given(map, "split_by", [&](const Document& v) { task.split_by = v.as_text(); });
}

}  // namespace

bool is_over_sentences(const Document& task) {
  const auto has = [&](const DocumentKey& key) { return task.find(key.name) != nullptr; };
  return std::ranges::any_of(kSentenceTaskKeys, has);
}

LanguageTask read_language(const Document& map) {
  require_known_keys(map, task_keys(true));
  LanguageTask task{.name = "sentences"};
  if_given(map, "name", [&](const Document& v) { task.name = v.as_text(); });
  if (const std::optional<PaperTask> known = find_paper_task(task.name)) task = language_task(*known);
  read_division(map, task);
  if_given(map, "gen", [&](const Document& v) { task.gen = v.as_text(); });
  if_given(map, "text", [&](const Document& v) { task.text_column = v.as_text(); });
  if_given(map, "prompt", [&](const Document& v) { task.prompt_column = v.as_text(); });
  if_given(map, "at", [&](const Document& v) { task.probed = list_of(v, read_place); });
  if_given(map, "train_rows", [&](const Document& v) { task.train_rows = as_count(v, 1); });
  if_given(map, "test_rows", [&](const Document& v) { task.test_rows = as_count(v, 1); });
  if_given(map, "split_seed", [&](const Document& v) { task.split_seed = as_data_seed(v); });
  if_given(map, "prefix", [&](const Document& v) { task.prefix = v.as_text(); });
  if_given(map, "special_tokens", [&](const Document& v) { task.around = template_tokens_of(v); });
  if_given(map, "expect", [&](const Document& v) {
    std::map<std::string, int64_t> words;
    if (task.expectation) words = task.expectation->label_words;
    task.expectation = read_expectation(v);
    task.expectation->label_words = std::move(words);
  });
  if (task.expectation && task.expectation->last_word && !task.prompt_column.empty()) {
    throw map.at("prompt").error("has no meaning where the sentence's last word is the answer (last_word_against)");
  }
  if_given(map, "groups", [&](const Document& v) { read_groups(v, task); });
  return task;
}

}  // namespace cprobe
