#include <functional>

#include "cprobe/model/model.h"
#include "cprobe/reproduce/exp4_table.h"
#include "cprobe/reproduce/reproduce.h"
#include "tests/made_cell.h"
#include "tests/support.h"
#include "tests/tiny_model.h"
#include "tests/tokenizer/small_tokenizer.h"

namespace cprobe {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

/// A lexicon with every task, in words of one letter.
Lexicon small_lexicon() {
  return parse_lexicon(
      Document::parse_yaml("nouns: {a: b, c: d, e: f, g: h, i: j, k: l, m: n, o: p}\n"
                           "prepositions: [q, r, s, t]\npast_verbs: [u, v, w, x]\n"
                           "agreement: {iid: ['{subject} {preposition} {noun}'], gen: ['{subject} {noun} {noun}']}\n"
                           "reflexive: {iid: ['{subject} {preposition} {noun} {past_verb} {reflexive}'],\n"
                           "            gen: ['{subject} {past_verb} {preposition} {reflexive}']}\n"
                           "syntactic_number: {iid: ['{noun} {preposition} {subject}']}\n",
                           "lexicon.yaml"));
}

int64_t count(const std::string& text, const std::string& part) {
  int64_t n = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

/// A random model with a tokenizer, and options that take a moment.
class ReproduceExperiment4 : public ::testing::Test {
 protected:
  ReproduceExperiment4() {
    write_model({"are", "is", "himself", "herself", "themselves"});
    options_ = {.common = {.out = folder_ / "exp4", .n_random = 1, .n_nulls = 0, .n_threads = 1},
                .model = folder_ / "model",
                .layers = {1},
                .train_rows = 500,
                .test_rows = 20};
  }

  void write_model(const std::vector<std::string>& words) const {
    const testing::SmallTokenizer tokenizer = testing::word_tokenizer(words);
    ModelConfig config = testing::tiny_config();
    config.vocab = tokenizer.make().size();
    config.n_positions = 10;
    save_model(testing::drawn_model(config), folder_ / "model");
    testing::write_bytes(folder_ / "model/tokenizer.json", tokenizer.json());
  }

  std::string reproduce() const { return reproduce_experiment4(small_lexicon(), options_); }

  std::filesystem::file_time_type circuit_time(const std::string& task) const {
    return std::filesystem::directory_iterator(folder_ / "exp4" / task / "circuits")->last_write_time();
  }

  testing::TemporaryFolder folder_;
  Experiment4Options options_;
};

TEST_F(ReproduceExperiment4, PrintsOurFiguresOfAnyModelAndGoesOnWhereItStopped) {
  const std::string text = reproduce();
  EXPECT_THAT(text, HasSubstr("Nothing is published for this model (gpt2, 2 layers, d_model 8)"));
  EXPECT_THAT(text, Not(HasSubstr("(paper)")));
  EXPECT_EQ(count(text, "L1.attn"), 2 * (2 + 4 + 1)) << "IID and Gen, of both genders, IID; figures, answers:\n"
                                                     << text;
  EXPECT_EQ(count(text, "L1.mlp"), 2 * (2 + 4 + 1)) << text;
  EXPECT_EQ(count(text, "L0."), 0) << text;
  EXPECT_THAT(text, ContainsRegex("Female Gen +[01]\\.[0-9]{3}"));
  EXPECT_EQ(testing::read_bytes(folder_ / "exp4/table.txt"), text);

  const auto agreement = circuit_time("agreement");
  std::filesystem::remove_all(folder_ / "exp4/syntactic_number");
  EXPECT_EQ(reproduce(), text);
  EXPECT_EQ(circuit_time("agreement"), agreement) << "finished circuits are kept";
  EXPECT_TRUE(std::filesystem::exists(folder_ / "exp4/syntactic_number/results.csv"));

  options_.prefix = "a ";
  EXPECT_NE(reproduce(), text);
  testing::write_bytes(folder_ / "exp4/data/agreement_gen.csv", "sentence,labels\na q b,0\n");
  EXPECT_INPUT_ERROR(reproduce(), "agreement_gen.csv: not the data of task 'agreement'");
  options_.common.overwrite = true;
  EXPECT_NE(reproduce(), text);
}

TEST_F(ReproduceExperiment4, TakesThePapersFilesWhereTheyAreGiven) {
  options_.tasks = {PaperTask::kAgreement, PaperTask::kSyntacticNumber};
  const std::string text = reproduce();
  const std::filesystem::path own = folder_ / "exp4/data", paper = folder_ / "paper";
  for (const auto& [from, to] : {std::pair("agreement.csv", "SV_Agr/SV_Agr.csv"),
                                 {"agreement_gen.csv", "SV_Agr/SV_Agr_gen.csv"},
                                 {"syntactic_number.csv", "Syntactic_Number/Syntactic_Number.csv"}}) {
    testing::write_bytes(paper / to, testing::read_bytes(own / from));
  }
  options_.data = paper;
  options_.common.out = folder_ / "papers";
  EXPECT_EQ(reproduce(), text);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "papers/data"));
  options_.tasks = {PaperTask::kReflexive};
  EXPECT_INPUT_ERROR(reproduce(), "Reflexive_An/Reflexive_An.csv");
}

TEST_F(ReproduceExperiment4, RefusesOptionsThatMakeNoExperiment) {
  const auto refused = [&](const Experiment4Options& options, const char* message) {
    EXPECT_INPUT_ERROR(reproduce_experiment4(small_lexicon(), options), message);
    EXPECT_FALSE(std::filesystem::exists(folder_ / "exp4")) << message;
  };
  const auto with = [&](const std::function<void(Experiment4Options&)>& change) {
    Experiment4Options options = options_;
    change(options);
    return options;
  };
  refused(with([](Experiment4Options& o) { o.train_rows = 499; }), "at least 500 training rows");
  refused(with([](Experiment4Options& o) { o.test_rows = 0; }), "at least one test row");
  refused(with([](Experiment4Options& o) { o.tasks = {}; }), "at least one task");
  refused(with([](Experiment4Options& o) { o.tasks.push_back(PaperTask::kAgreement); }), "a task stands twice");
  refused(with([](Experiment4Options& o) { o.layers = {0, 0}; }), "a layer stands twice");
  refused(with([](Experiment4Options& o) { o.layers = {2}; }), "L2.attn: the model has layers 0 to 1");
  refused(with([](Experiment4Options& o) { o.model = "nowhere"; }), "nowhere: no such folder");
  std::filesystem::remove(folder_ / "model/tokenizer.json");
  refused(options_, "no tokenizer here");
}

TEST_F(ReproduceExperiment4, ChecksEveryTaskBeforeItComputesTheFirst) {
  write_model({"are", "is", "himself", "herself", "themselve"});
  EXPECT_INPUT_ERROR(reproduce(), "must be a single token");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "exp4/agreement"));
}

ModelConfig sized(const char* architecture, int64_t n_layers, int64_t d_model) {
  ModelConfig config = testing::tiny_config();
  config.architecture = architecture;
  config.n_layers = n_layers;
  config.d_model = d_model;
  return config;
}

TEST(PublishedExperiment4, BelongsToModelsOfOneArchitectureAndSize) {
  EXPECT_EQ(find_published_model(sized("gpt2", 12, 768))->name, "GPT-2 small");
  EXPECT_EQ(find_published_model(sized("gpt2", 24, 1024))->name, "GPT-2 medium");
  EXPECT_EQ(find_published_model(sized("gpt2", 12, 1024)), nullptr);
  EXPECT_EQ(find_published_model(sized("gpt_neox", 12, 768)), nullptr);
}

ProbedCell cell(int64_t layer, Block block, const std::vector<std::string>& sets) {
  ProbedCell made = testing::made_cell("x", {layer, block}, .75);
  for (const std::string& set : sets) testing::add_ablation(made, set, .9, .6);
  return made;
}

TEST(PublishedExperiment4, StandsInBracketsBesideOurFigures) {
  const PublishedModel* small = find_published_model(sized("gpt2", 12, 768));
  const std::string text = experiment4_table(
      {cell(6, Block::kAttention, {"IID", "Gen"}), cell(6, Block::kMlp, {"IID"})}, small, PaperTask::kAgreement);
  EXPECT_THAT(text, HasSubstr("agreement, in brackets the published figures of GPT-2 small\n"));
  // Figures for layer 6 in section 4 of the paper.
  EXPECT_THAT(text, ContainsRegex("L6.attn +proper part +0.750 +\\(1.000\\) +0.500 +0.250 +\\(0.148\\) +IID +0.900 "
                                  "+\\(0.945\\) +0.600 +\\(0.819\\) +- +\\(0.950\\)"));
  EXPECT_THAT(text, ContainsRegex("Gen +0.900 +\\(0.909\\) +0.600 +\\(0.719\\) +- +\\(0.902\\)"));
  EXPECT_THAT(text, ContainsRegex("L6.mlp +proper part +0.750 +0.500 +0.250 +IID +0.900 +\\(0.945\\) +0.600 +- +-"));
}

TEST(PublishedExperiment4, LeavesTheBracketsOutWhereNothingIsPublished) {
  const PublishedModel* medium = find_published_model(sized("gpt2", 24, 1024));
  const std::string text =
      experiment4_table({cell(18, Block::kAttention, {"Male IID"})}, medium, PaperTask::kReflexive);
  EXPECT_THAT(text, HasSubstr("reflexive, of which nothing is published for GPT-2 medium\n"));
  EXPECT_THAT(text, Not(HasSubstr("(")));
  EXPECT_THAT(experiment4_table({cell(18, Block::kAttention, {"IID"})}, medium, PaperTask::kAgreement),
              HasSubstr("(0.955)"));
}

}  // namespace
}  // namespace cprobe
