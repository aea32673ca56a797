#include "cprobe/tasks/sentences.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "cprobe/core/error.h"
#include "cprobe/io/atomic_file.h"
#include "cprobe/io/csv.h"
#include "cprobe/tasks/sentence_template.h"

namespace cprobe {
namespace {

using Record = std::vector<std::string>;

/// The number of sentences in the paper's file of a task, and in each of its gen files.
int64_t paper_size(PaperTask task) {
  switch (task) {
    case PaperTask::kAgreement:
      return 6'160;
    case PaperTask::kReflexive:
      return 25'760;
    case PaperTask::kSyntacticNumber:
      break;
  }
  return 3'120;
}
constexpr int64_t kPaperGenSize = 5'000;

std::string file_name(PaperTask task, bool is_gen) {
  return fmt::format("{}{}.csv", task_name(task), is_gen ? "_gen" : "");
}

/// The features of sentence `i` of a file, before shuffling. The binary digits of i give the
/// subject's number, in reflexives the gender, and the other nouns' numbers. So in any run of
/// sentences, each combination of features occurs equally often, or once more.
SentenceFeatures features_of(int64_t i, PaperTask task, const SentenceTemplate& pattern) {
  auto digits = static_cast<uint64_t>(i);
  SentenceFeatures features;
  features.plural_subject = digits % 2 == 1;
  digits /= 2;
  if (task == PaperTask::kReflexive) {
    features.female = digits % 2 == 1;
    digits /= 2;
  }
  features.plural_nouns = digits % (uint64_t{1} << count_slots(pattern, Slot::kNoun));
  return features;
}

/// The numbers 0..n-1 in random order, one per call. A Fisher-Yates shuffle that stores only the
/// places it has changed.
class Shuffled {
 public:
  explicit Shuffled(int64_t n) : n_(n) {}

  int64_t next(const at::Generator& generator) {
    const int64_t place = at::randint(n_drawn_, n_, {1}, generator, at::kLong).item<int64_t>();
    const int64_t value = entry(place);
    changed_[place] = entry(n_drawn_++);
    return value;
  }

 private:
  int64_t entry(int64_t place) const {
    const auto found = changed_.find(place);
    return found == changed_.end() ? place : found->second;
  }

  int64_t n_;
  int64_t n_drawn_ = 0;
  std::unordered_map<int64_t, int64_t> changed_;
};

Record make_record(const Lexicon& lexicon, PaperTask task, const SentenceTemplate& pattern, int64_t combination,
                   const SentenceFeatures& features) {
  const auto digit = [](bool value) { return std::string(value ? "1" : "0"); };
  const auto filled = [&](const char* pronoun) { return fill(pattern, lexicon, combination, features, pronoun); };
  const auto sentence = [&](const char* pronoun) { return filled(pronoun).text; };
  const bool is_plural = features.plural_subject;
  const Slot decisive = task == PaperTask::kSyntacticNumber ? Slot::kNoun : Slot::kSubject;
  const std::vector<FilledSentence::Noun> nouns = filled("").nouns;
  const FilledSentence::Noun& noun = *std::ranges::find(nouns, decisive, &FilledSentence::Noun::slot);
  switch (task) {
    case PaperTask::kAgreement:
      return {sentence(""), digit(is_plural), noun.form, noun.singular};
    case PaperTask::kSyntacticNumber:
      return {sentence(""), digit(is_plural), digit(features.plural_nouns == 1), noun.form, noun.singular};
    case PaperTask::kReflexive:
      break;
  }
  const char* singular = features.female ? "herself" : "himself";
  const char* plural = "themselves";
  return {sentence(is_plural ? plural : singular),
          digit(is_plural),
          sentence(is_plural ? singular : plural),
          digit(features.female),
          noun.form,
          noun.singular};
}

/// Draws the files of one task.
class Draw {
 public:
  Draw(const Lexicon& lexicon, PaperTask task, Seed seed) : lexicon_(lexicon), task_(task), seed_(seed) {}

  /// @param n_wanted  number of sentences; if not given, `n_usual`, or all if there are fewer.
  std::vector<Record> file(const std::string& name, const std::vector<SentenceTemplate>& templates,
                           std::optional<int64_t> n_wanted, int64_t n_usual) {
    const int64_t n_all = count_sentences(lexicon_, task_, templates);
    const int64_t n = n_wanted.value_or(std::min(n_usual, std::max<int64_t>(n_all, 1)));
    if (n < 1 || n > n_all) {
      throw input_error("{}: {} sentences wanted, and the lexicon gives at most {}; add words or templates for more",
                        name, n, n_all);
    }
    const at::Generator words = seed_.derive("sentences/" + name + "/words").generator();
    const double share = static_cast<double>(n) / static_cast<double>(n_all);
    std::vector<Record> records;
    int64_t n_before = 0;  // Sentences that the templates up to this one can give.
    for (const SentenceTemplate& pattern : templates) {
      n_before += count_sentences(lexicon_, task_, {pattern});
      add_sentences(records, std::llround(share * static_cast<double>(n_before)), pattern, words);
    }
    return shuffled(records, seed_.derive("sentences/" + name + "/order"));
  }

 private:
  /// Adds sentences of one template until there are `n` records.
  void add_sentences(std::vector<Record>& records, int64_t n, const SentenceTemplate& pattern,
                     const at::Generator& words) {
    const int64_t n_combinations = count_combinations(lexicon_, pattern);
    // The combinations of words that are left, for each combination of numbers.
    std::map<std::pair<bool, uint64_t>, Shuffled> combinations;
    for (auto i = static_cast<int64_t>(records.size()); i < n; ++i) {
      const SentenceFeatures features = features_of(i, task_, pattern);
      const std::pair numbers(features.plural_subject, features.plural_nouns);
      Shuffled& rest = combinations.try_emplace(numbers, n_combinations).first->second;
      records.push_back(make_record(lexicon_, task_, pattern, rest.next(words), features));
      require_new(records.back().front(), pattern);
    }
  }

  void require_new(const std::string& sentence, const SentenceTemplate& pattern) {
    const auto [earlier, is_new] = templates_.emplace(sentence, &pattern);
    if (!is_new) {
      throw input_error("the templates '{}' and '{}' both give '{}'; change one of them, or a word",
                        earlier->second->text, pattern.text, sentence);
    }
  }

  static std::vector<Record> shuffled(std::vector<Record>& records, Seed seed) {
    const at::Tensor order = at::randperm(static_cast<int64_t>(records.size()), seed.generator(), at::kLong);
    std::vector<Record> result;
    for (size_t i = 0; i < records.size(); ++i) {
      result.push_back(std::move(records[static_cast<size_t>(order.data_ptr<int64_t>()[i])]));
    }
    return result;
  }

  const Lexicon& lexicon_;
  PaperTask task_;
  Seed seed_;
  /// Every sentence so far, in any file of the task -> its template.
  std::unordered_map<std::string, const SentenceTemplate*> templates_;
};

}  // namespace

int64_t count_sentences(const Lexicon& lexicon, PaperTask task, const std::vector<SentenceTemplate>& templates) {
  int64_t n = 0;
  for (const SentenceTemplate& pattern : templates) {
    int64_t n_sentences = count_combinations(lexicon, pattern);
    if (task == PaperTask::kReflexive) n_sentences -= n_sentences % 2;  // Half for each gender.
    // Two numbers for each noun.
    n += n_sentences << (1 + count_slots(pattern, Slot::kNoun));
  }
  return n;
}

SentenceTable generate_sentences(const Lexicon& lexicon, PaperTask task, std::optional<int64_t> n_sentences,
                                 Seed seed) {
  const auto found = lexicon.tasks.find(task);
  if (found == lexicon.tasks.end()) {
    throw input_error("the lexicon has no templates for '{0}'; add a key '{0}' with templates under 'iid'",
                      task_name(task));
  }
  SentenceTable table;
  table.columns = {"sentence", "labels"};
  if (task == PaperTask::kReflexive) table.columns.insert(table.columns.end(), {"ungrammatical", "gender"});
  if (task == PaperTask::kSyntacticNumber) table.columns.emplace_back("object labels");
  table.columns.insert(table.columns.end(), {"type", "block"});

  const TaskTemplates& templates = found->second;
  Draw draw(lexicon, task, seed);
  table.iid = draw.file(file_name(task, false), templates.iid, n_sentences, paper_size(task));
  if (!templates.gen.empty()) table.gen = draw.file(file_name(task, true), templates.gen, n_sentences, kPaperGenSize);
  return table;
}

std::vector<std::filesystem::path> sentence_files(const SentenceTable& table, PaperTask task,
                                                  const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files = {folder / file_name(task, false)};
  if (!table.gen.empty()) files.push_back(folder / file_name(task, true));
  return files;
}

std::vector<std::filesystem::path> write_sentences_csv(const SentenceTable& table, PaperTask task,
                                                       const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files = sentence_files(table, task, folder);
  for (const std::filesystem::path& file : files) {
    write_file(file, csv_text(table.columns, file == files.front() ? table.iid : table.gen));
  }
  return files;
}

}  // namespace cprobe
