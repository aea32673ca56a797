// Mistakes in a language model, its tokenizer and a file of sentences, as in bad_input_test.cc.

#include "tests/cli/language_run.h"
#include "tests/cli/mistake.h"

namespace cprobe::testing {
namespace {

constexpr int64_t kContext = 10;

using Arguments = std::vector<std::string>;

/// Writes a model, sentences and a spec without mistakes, for tests to change.
/// @return the arguments of `cprobe fit` on these files.
Arguments write_fit(const TemporaryFolder& folder, const std::string& architecture = "gpt2") {
  write_language_model(folder / "model", architecture, kContext);
  write_bytes(folder / "sentences.csv", small_sentences());
  write_bytes(folder / "spec.yaml", language_spec(folder / "model", folder / "sentences.csv"));
  return {"fit", (folder / "spec.yaml").string(), "--out", (folder / "run").string(), "--threads", "1", "--quiet"};
}

Mistake in_sentences(const std::string& name, const std::string& csv, const std::vector<std::string>& message) {
  return {name,
          [csv](const TemporaryFolder& folder) {
            Arguments fit = write_fit(folder);
            write_bytes(folder / "sentences.csv", csv);
            return fit;
          },
          message};
}

/// Replaces the third line of the file of sentences.
Mistake in_line_3(const std::string& name, const std::string& line, const std::vector<std::string>& message) {
  return in_sentences(name, replaced(small_sentences(), "b q d,1", line), message);
}

/// Replaces a part of a file.
/// @param file          name of the file in the folder.
/// @param architecture  architecture of the model.
Mistake in_file(const std::string& name, const std::string& file, const std::string& from, const std::string& to,
                const std::vector<std::string>& message, const std::string& architecture = "gpt2") {
  return {name,
          [=](const TemporaryFolder& folder) {
            Arguments fit = write_fit(folder, architecture);
            write_bytes(folder / file, replaced(read_bytes(folder / file), from, to));
            return fit;
          },
          message};
}

Mistake in_config(const std::string& name, const std::string& from, const std::string& to,
                  const std::vector<std::string>& message, const std::string& architecture = "gpt2") {
  return in_file(name, "model/config.json", from, to, message, architecture);
}

/// Replaces a whole file by `text`. If `text` is empty, the file is missing.
Mistake instead_of(const std::string& name, const std::string& file, const std::string& text,
                   const std::vector<std::string>& message) {
  return {name,
          [=](const TemporaryFolder& folder) {
            Arguments fit = write_fit(folder);
            std::filesystem::remove(folder / file);
            if (!text.empty()) write_bytes(folder / file, text);
            return fit;
          },
          message};
}

Mistake in_tokenizer(const std::string& name, const SmallTokenizer& tokenizer,
                     const std::vector<std::string>& message) {
  return instead_of(name, "model/tokenizer.json", tokenizer.json(), message);
}

/// Moves the model's weights into a shard. The index names `shard` as a second shard.
Mistake in_index(const std::string& name, const std::string& shard, const std::vector<std::string>& message) {
  return {name,
          [=](const TemporaryFolder& folder) {
            Arguments fit = write_fit(folder);
            const std::filesystem::path model = folder / "model";
            write_bytes(folder / "outside.safetensors", read_bytes(model / "model.safetensors"));
            std::filesystem::rename(model / "model.safetensors", model / "model-00001-of-00002.safetensors");
            write_bytes(model / "model.safetensors.index.json",
                        "{\"weight_map\": {\n\"transformer.wte.weight\": \"model-00001-of-00002.safetensors\",\n"
                        "\"transformer.wpe.weight\": \"" +
                            shard + "\"}}");
            return fit;
          },
          message};
}

std::vector<Mistake> mistakes_in_sentences() {
  return {
      in_line_3("EmptySentence", "\"\",1", {"sentences.csv:3", "column 'sentence'", "empty"}),
      in_line_3("LongerThanTheContext", "b q q q q q,1",
                {"sentences.csv:3", "11 tokens", fmt::format("context is {}", kContext)}),
      in_line_3("UnknownLabel", "b q d,2", {"sentences.csv:3", "column 'labels'", "'2' says neither"}),
      in_line_3("LabelIsAWord", "b q d,plural", {"sentences.csv:3", "column 'labels'", "'plural'"}),
      in_line_3("Latin1", "caf\xe9 q d,1", {"sentences.csv:3", "not UTF-8"}),
      in_line_3("FieldTooMany", "b q d,1,1", {"sentences.csv:3", "2 fields", "3"}),
      in_sentences("NoLabels", "sentence,label\na q c,0\n", {"sentences.csv", "no column 'labels'", "'label'"}),
      in_sentences("NoSentences", "sentence,labels\n", {"sentences.csv", "no sentences"}),
      in_sentences("TooFewSentences", "sentence,labels\na q c,0\nb q d,1\n", {"sentences.csv", "12 rows", "only 2"}),
      {"PronounOfTwoTokens",
       [](const TemporaryFolder& folder) {
         Arguments fit = write_fit(folder);
         write_bytes(folder / "spec.yaml",
                     replaced(read_bytes(folder / "spec.yaml"), "name: agreement", "name: reflexive"));
         write_bytes(folder / "sentences.csv",
                     "sentence,labels,ungrammatical,gender\na himself,0,a themselves,0\n"
                     "b themself,0,b themselves,0\n");
         return fit;
       },
       {"sentences.csv:3", "column 'sentence'", "'b themself'", "single token"}},
      in_file("ContinuationWithoutTokens", "spec.yaml", "  train_rows",
              "  expect: {continuation: '', against: [' is'], where: labels}\n  train_rows",
              {"task 'agreement'", "the continuation ''", "no tokens"}),
      in_file("NoFileOfSentences", "spec.yaml", "sentences.csv", "sentence.csv", {"sentence.csv"}),
  };
}

std::vector<Mistake> mistakes_in_tokenizers() {
  const std::string json = "model/tokenizer.json";
  SmallTokenizer lowercase = language_tokenizer(), endless = language_tokenizer();
  lowercase.normalizer = R"({"type": "Lowercase"})";
  endless.pre_tokenizer =
      R"({"type": "Split", "pattern": {"Regex": "(b+)+q"}, "behavior": "Isolated", "invert": false})";
  return {
      instead_of("NoTokenizer", json, "", {"model", "no tokenizer", "tokenizer.json", "vocab.json"}),
      {"SentencePieceFile",
       [json](const TemporaryFolder& folder) {
         Arguments fit = write_fit(folder);
         std::filesystem::rename(folder / json, folder / "model/tokenizer.model");
         return fit;
       },
       {"no tokenizer", "tokenizer.model", "SentencePiece"}},
      in_file("UnigramModel", json, "\"type\": \"BPE\"", "\"type\": \"Unigram\"",
              {"tokenizer.json:", "model.type", "Unigram is not supported", "BPE"}),
      in_tokenizer("UnknownNormalizer", lowercase,
                   {"tokenizer.json:3:", "normalizer.type", "Lowercase is not supported", "NFC"}),
      in_file("NumberOf40DigitsInTheTokenizer", json, "\"ab\": 256", "\"ab\": " + std::string(40, '9'),
              {"tokenizer.json:", "model.vocab.ab", "99999", "whole number"}),
      instead_of("DeeplyNestedTokenizer", json, std::string(100'000, '['), {"tokenizer.json:1:101", "100 levels"}),
      instead_of("NotJson", json, "{\"model\": ", {"tokenizer.json:1:", "not JSON"}),
      {"PatternThatBacktracksWithoutEnd",
       [endless](const TemporaryFolder& folder) {
         Arguments fit = write_fit(folder);
         write_bytes(folder / "model/tokenizer.json", endless.json());
         write_bytes(folder / "sentences.csv", replaced(small_sentences(), "b q d", std::string(60, 'b') + "c q d"));
         return fit;
       },
       {"tokenizer.json:4:", "(b+)+q", "backtrack"}},
      {"TokenizerLargerThanTheVocabulary",
       [json](const TemporaryFolder& folder) {
         Arguments fit = write_fit(folder);
         SmallTokenizer larger = language_tokenizer();
         larger.added_tokens = "[" + added_token(larger.make().size(), "q c") + "]";
         write_bytes(folder / json, larger.json());
         return fit;
       },
       {"sentences.csv:2", "column 'sentence'", "outside the model's vocabulary", "belong together"}},
  };
}

std::vector<Mistake> mistakes_in_models() {
  const std::string config = "model/config.json", family = "\"model_type\"";
  const std::string changes_numbers = "would change the model's numbers";
  return {
      in_index("MissingShard", "model-00002-of-00002.safetensors",
               {"model.safetensors.index.json:3:", "model-00002-of-00002.safetensors", "is missing"}),
      in_index("ShardOutsideTheFolder", "../outside.safetensors",
               {"model.safetensors.index.json:3:", "../outside.safetensors", "plain name"}),
      instead_of("NoConfig", config, "", {"model/config.json"}),
      in_config("NumberOf40Digits", "\"n_layer\": 2", "\"n_layer\": " + std::string(40, '1'),
                {"config.json:", "n_layer", "11111", "whole number"}),
      instead_of("DeeplyNestedConfig", config, std::string(100'000, '['), {"config.json:1:101", "100 levels"}),
      instead_of("DeeplyNestedSpec", "spec.yaml", std::string(100'000, '[') + std::string(100'000, ']'),
                 {"spec.yaml:1:101", "100 levels"}),
      in_config("ContradictoryWindow", "\"sliding_window\": null",
                "\"sliding_window\": 4, \"layer_types\": [\"full_attention\", \"full_attention\"]",
                {"config.json:", "'full_attention' is not what sliding_window says"}, "mistral"),
      in_config("UnknownRotaryScaling", "\"rope_scaling\": null",
                "\"rope_scaling\": {\"rope_type\": \"ntk\", \"factor\": 4.0}",
                {"config.json:", "rope_scaling", "'ntk'", changes_numbers}, "llama"),
      in_config("QuantizedWeights", family, "\"quantization_config\": {\"bits\": 4},\n  " + family,
                {"config.json:", "quantization_config = {...}", changes_numbers}),
      in_config("MixtureOfExperts", family, "\"num_local_experts\": 8,\n  " + family,
                {"config.json:", "num_local_experts = 8", changes_numbers}, "llama"),
  };
}

class BadLanguageInput : public ::testing::TestWithParam<Mistake> {};

TEST_P(BadLanguageInput, EndsInOneClearMessage) {
  expect_one_clear_message(GetParam());
}

std::string name_of(const ::testing::TestParamInfo<Mistake>& mistake) {
  return mistake.param.name;
}
INSTANTIATE_TEST_SUITE_P(Sentences, BadLanguageInput, ::testing::ValuesIn(mistakes_in_sentences()), name_of);
INSTANTIATE_TEST_SUITE_P(Tokenizer, BadLanguageInput, ::testing::ValuesIn(mistakes_in_tokenizers()), name_of);
INSTANTIATE_TEST_SUITE_P(Model, BadLanguageInput, ::testing::ValuesIn(mistakes_in_models()), name_of);

TEST(LanguageInput, WithoutMistakesGivesARunThatALaterMistakeLeavesAlone) {
  const TemporaryFolder folder;
  Arguments fit = write_fit(folder);
  const ProgramResult first = cprobe(fit);
  ASSERT_EQ(first.exit_code, 0) << first.err;
  const std::string before = read_bytes(folder / "run/results.csv");
  fit.emplace_back("--overwrite");
  for (const auto& [file, text] : {std::pair("sentences.csv", "sentence,labels\na q c,2\n"),
                                   {"model/tokenizer.json", "{"},
                                   {"model/config.json", "[[["}}) {
    write_fit(folder);
    write_bytes(folder / file, text);
    EXPECT_EQ(cprobe(fit).exit_code, 2) << file;
    EXPECT_EQ(read_bytes(folder / "run/results.csv"), before) << file;
  }
}

}  // namespace
}  // namespace cprobe::testing
