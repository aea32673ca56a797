#include "cprobe/tasks/language_task.h"

#include <algorithm>

#include "cprobe/core/error.h"
#include "cprobe/core/hash.h"
#include "cprobe/core/seed.h"
#include "cprobe/data/classes.h"
#include "cprobe/data/counterfactual.h"
#include "cprobe/io/csv.h"
#include "cprobe/tasks/row_division.h"
#include "cprobe/tasks/sentence_file.h"

namespace cprobe {
namespace {

TokenTrie trie_of(const SentenceFile& sentences, const at::Tensor& rows) {
  const int64_t* begin = rows.data_ptr<int64_t>();
  std::vector<std::vector<int64_t>> sequences;
  for (int64_t i = 0; i < rows.size(0); ++i) sequences.push_back(sentences.rows[static_cast<size_t>(begin[i])]);
  TokenTrie trie = build_trie(sequences);
  for (const auto& [name, places] : sentences.places) {
    trie.places[name] = at::tensor(places, at::kLong).index_select(0, rows);
  }
  return trie;
}

/// Puts the continuations of a data set's rows into its trie, behind the rows.
/// @param rows  numbers of the rows in their file.
void add_continuations(const SentenceFile& sentences, const at::Tensor& rows, Dataset& dataset) {
  if (sentences.continuations.empty()) return;
  const auto* begin = rows.data_ptr<int64_t>();
  const int64_t n = rows.size(0), n_options = std::ssize(sentences.continuations.front());
  std::vector<std::vector<int64_t>> sequences;
  int64_t n_most = 0;
  for (int64_t i = 0; i < n; ++i) sequences.push_back(sentences.rows[static_cast<size_t>(begin[i])]);
  for (int64_t i = 0; i < n; ++i) {
    for (const std::vector<int64_t>& tokens : sentences.continuations[static_cast<size_t>(begin[i])]) {
      std::vector<int64_t>& sequence = sequences.emplace_back(sequences[static_cast<size_t>(i)]);
      sequence.insert(sequence.end(), tokens.begin(), tokens.end() - 1);
      n_most = std::max(n_most, std::ssize(tokens));
    }
  }
  TokenTrie trie = build_trie(sequences);
  WholeContinuations whole{.token = at::full({n, n_options, n_most}, -1, at::kLong),
                           .node = at::full({n, n_options, n_most}, -1, at::kLong)};
  auto token = whole.token.accessor<int64_t, 3>(), node = whole.node.accessor<int64_t, 3>();
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t o = 0; o < n_options; ++o) {
      const auto& tokens = sentences.continuations[static_cast<size_t>(begin[i])][static_cast<size_t>(o)];
      const std::span<const int64_t> path = trie.row(n + i * n_options + o);
      for (size_t k = 0; k < tokens.size(); ++k) {
        token[i][o][static_cast<int64_t>(k)] = tokens[k];
        node[i][o][static_cast<int64_t>(k)] = path[path.size() - tokens.size() + k];
      }
    }
  }
  // Continuations are no rows, but their nodes stay.
  trie.row_begin.resize(static_cast<size_t>(n) + 1);
  trie.row_nodes.resize(static_cast<size_t>(trie.row_begin.back()));
  trie.places = std::move(dataset.trie.places);
  dataset.trie = std::move(trie);
  dataset.contrast->whole = std::move(whole);
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
void pair_rows(const SentenceFile& sentences, const at::Tensor& rows, Seed seed, Dataset& dataset) {
  if (!sentences.deciding.defined() || !sentences.continuations.empty()) return;
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

Dataset chosen(const SentenceFile& sentences, const std::string& label, const at::Tensor& rows, const Wording& wording,
               Seed pairing) {
  const auto pick = [&](const at::Tensor& all) { return all.index_select(0, rows); };
  Dataset dataset{.source = fmt::format("{} ({})", sentences.source, label),
                  .trie = trie_of(sentences, rows),
                  .answers = sentences.answers.defined() ? pick(sentences.answers) : at::Tensor()};
  if (sentences.contrast) dataset.contrast = sentences.contrast->of_rows(rows);
  add_continuations(sentences, rows, dataset);
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
  dataset.word_columns = sentences.word_columns;
  for (const auto& [column, texts] : sentences.type_columns) dataset.type_columns[column] = pick_texts(texts);
  pair_rows(sentences, rows, pairing.derive(label), dataset);
  return dataset;
}

/// Reads the variables of all files of a task, whose classes are numbered together: columns of
/// whole numbers, and those that are probed.
void read_variables(const LanguageTask& task, const std::vector<CsvTable>& tables, std::vector<SentenceFile>& files) {
  for (size_t f = 0; f < files.size(); ++f) {
    for (const std::string& column : tables[f].integer_columns()) {
      files[f].variables[column] = tables[f].integers(column);
    }
  }
  const std::vector<std::string> of_task = {task.name};
  for (const std::string& variable : task.variables.empty() ? of_task : task.variables) {
    const bool stands_for_another = variable == task.name && !tables.front().has_column(variable);
    const std::string& column = stands_for_another ? task.variable : variable;
    std::vector<FileColumn> columns;
    std::vector<SentenceFile*> of_columns;
    for (size_t f = 0; f < files.size(); ++f) {
      if (!tables[f].has_column(column)) continue;
      columns.push_back({&tables[f], column});
      of_columns.push_back(&files[f]);
    }
    const bool is_made_later = column.starts_with(kSourcePrefix);
    if (columns.empty() && !is_made_later) tables.front().text(column);  // says what columns there are
    const Classes classes = classes_of(columns, task.bins);
    for (size_t c = 0; c < columns.size(); ++c) {
      of_columns[c]->variables[variable] = classes.values[c];
      if (!classes.names.empty()) of_columns[c]->class_names[variable] = classes.names;
    }
  }
  for (SentenceFile& file : files) {
    if (!file.contrast || file.deciding.defined()) continue;
    for (const std::string& name : {task.name, task.variable}) {
      const auto deciding = file.variables.find(name);
      if (deciding != file.variables.end()) file.deciding = at::tensor(deciding->second, at::kLong);
    }
  }
}

/// The tokens as the vocabulary writes them, one behind the other.
std::string text_of(const std::vector<int64_t>& ids, const Tokenizer& tokenizer) {
  std::string text;
  for (const int64_t id : ids) text += tokenizer.token(id);
  return text;
}

/// Says what the tokenizer's template does to the rows.
void note_template(const LanguageTask& task, const Tokenizer& tokenizer, const std::vector<SentenceFile>& files,
                   std::vector<std::string>& notes) {
  if (task.around == TemplateTokens::kNone) return;
  const auto& [before, behind] = tokenizer.token_template();
  int64_t n_begun = 0, n_rows = 0;
  for (const SentenceFile& file : files) {
    n_begun += file.n_begun;
    n_rows += std::ssize(file.rows);
  }
  if (n_begun > 0) {
    const std::string rows = n_begun == n_rows ? "each row" : fmt::format("{} of {} rows", n_begun, n_rows);
    const std::string places = before.size() == 1 ? "position 0" : fmt::format("positions 0 to {}", before.size() - 1);
    notes.push_back(
        fmt::format("the tokenizer puts {} before {}: {} of the row (left out with task.special_tokens: none)",
                    text_of(before, tokenizer), rows, places));
  }
  if (!before.empty() && n_begun < n_rows) {
    notes.push_back(
        fmt::format("{} of {} rows begin with {} themselves, which the tokenizer would put before them: they have it "
                    "once",
                    n_rows - n_begun, n_rows, text_of(before, tokenizer)));
  }
  if (!behind.empty()) {
    notes.push_back(fmt::format("{}, which the tokenizer puts behind a text, is left out, as the model goes on there",
                                text_of(behind, tokenizer)));
  }
}

/// LanguageData::token_fingerprint.
std::string token_fingerprint(const std::vector<SentenceFile>& files) {
  if (std::ranges::all_of(files, &SentenceFile::is_of_file)) return "";
  std::string text;
  const auto add = [&](const std::vector<int64_t>& ids) { text += fmt::format("{}\n", fmt::join(ids, " ")); };
  const auto add_tensor = [&](const at::Tensor& ids) {
    const at::Tensor flat = ids.contiguous().view(-1);
    add({flat.data_ptr<int64_t>(), flat.data_ptr<int64_t>() + flat.numel()});
  };
  for (const SentenceFile& file : files) {
    for (const std::vector<int64_t>& row : file.rows) add(row);
    for (const auto& of_row : file.continuations) {
      for (const std::vector<int64_t>& tokens : of_row) add(tokens);
    }
    if (!file.contrast) continue;
    add_tensor(file.contrast->continuation);
    add_tensor(file.contrast->against);
  }
  return to_hex(hash(text));
}

}  // namespace

LanguageTask language_task(PaperTask which) {
  LanguageTask task{.name = std::string(task_name(which)),
                    .expectation = Expectation{.continuation = " are",
                                               .against = {" is"},
                                               .label_column = "labels",
                                               .label_words = {{"plural", 1}, {"singular", 0}}}};
  if (which == PaperTask::kSyntacticNumber) task.variable = "object labels";
  if (which == PaperTask::kReflexive) {
    task.expectation = Expectation{.last_word = true, .against_column = "ungrammatical"};
    task.group_column = "gender";
    task.groups = {{{"0", "male"}, "Male"}, {{"1", "female"}, "Female"}};
  }
  return task;
}

LanguageData load_language_data(const LanguageTask& task, const Tokenizer& tokenizer, int64_t vocab,
                                int64_t n_positions) {
  const bool is_last_word = task.expectation && task.expectation->last_word;
  const Wording wording{
      .tokenizer = tokenizer, .prefix = task.prefix, .around = task.around, .ends_before_last_token = is_last_word};
  LanguageData data;
  std::vector<CsvTable> tables;
  std::vector<SentenceFile> files;
  for (const std::filesystem::path& path : {task.sentences, task.test, task.gen}) {
    if (path.empty()) continue;
    tables.push_back(CsvTable::read(path));
    files.push_back(read_sentences(task, tables.back(), tokenizer, vocab, n_positions, data.notes, data.warnings));
  }
  read_variables(task, tables, files);
  note_template(task, tokenizer, files, data.notes);
  data.token_fingerprint = token_fingerprint(files);
  if (std::ranges::any_of(files, [](const SentenceFile& file) { return !file.continuations.empty(); })) {
    data.notes.push_back(
        "continuations of several tokens: whole log-probabilities are compared, and no question about exchanges is "
        "asked");
  }
  const SentenceFile& sentences = files.front();
  const SentenceFile& test = task.test.empty() ? sentences : files[1];
  if (sentences.parts.empty() && !(task.split_column + task.split_by).empty()) {
    tables.front().text(task.split_column.empty() ? task.split_by : task.split_column);  // says what columns there are
  }
  const Seed pairing = Seed(task.split_seed).derive("sources");
  for (size_t g = 0; g < std::max<size_t>(task.groups.size(), 1); ++g) {
    const std::string group = task.groups.empty() ? "" : task.groups[g].label;
    const std::string prefix = group.empty() ? "" : group + " ";
    const auto part = [&](const SentenceFile& file, const char* name, const at::Tensor& rows) {
      return chosen(file, prefix + name, rows, wording, pairing);
    };
    RowDivision rows = divide_rows(sentences, sentences.groups[g], task, group, data.notes);
    if (!task.test.empty()) rows.test = some_rows(test, test.groups[g], task.test_rows, group, task.split_seed);
    if (g == 0) data.train = part(sentences, "train", rows.train);
    data.evaluation_sets.emplace_back(prefix + "IID", part(test, "IID", rows.test));
    if (!task.gen.empty()) {
      const SentenceFile& gen = files.back();
      const int64_t n = task.test_rows.value_or(std::clamp<int64_t>(gen.groups[g].size(0), 1, kTestRows));
      data.evaluation_sets.emplace_back(
          prefix + "Gen", part(gen, "Gen", split_rows(gen, gen.groups[g], {n}, group, task.split_seed)[0]));
    } else if (rows.gen.defined() && rows.gen.size(0) > 0) {
      data.evaluation_sets.emplace_back(prefix + "Gen", part(sentences, "Gen", rows.gen));
    }
  }
  data.test = data.evaluation_sets.front().second;
  return data;
}

}  // namespace cprobe
