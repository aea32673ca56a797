/// A language model and a task over sentences, small enough to run in a moment.
#pragma once

#include "cprobe/model/model.h"
#include "tests/cli/program.h"
#include "tests/tiny_model.h"
#include "tests/tokenizer/small_tokenizer.h"

namespace cprobe::testing {

/// A tokenizer that knows all bytes, and the words that the language tasks ask about.
inline SmallTokenizer language_tokenizer() {
  return word_tokenizer({"are", "is", "was", "himself", "herself", "themselves"});
}

/// Writes a random model with `language_tokenizer` as a Hugging Face folder.
/// @param architecture  "gpt2", or one of Llama's family.
inline void write_language_model(const std::filesystem::path& folder, const std::string& architecture,
                                 int64_t n_positions) {
  ModelConfig config = tiny_config();
  if (architecture != "gpt2") config = llama_config();
  config.architecture = architecture;
  config.vocab = language_tokenizer().make().size();
  config.n_positions = n_positions;
  save_model(drawn_model(config), folder);
  write_bytes(folder / "tokenizer.json", language_tokenizer().json());
}

/// A CSV of sentences of three words. The label is the number of the first word.
inline std::string small_sentences() {
  std::string csv = "sentence,labels\n";
  for (int i = 0; i < 12; ++i) csv += fmt::format("{} q {},{}\n", i % 2 == 0 ? 'a' : 'b', "cdefghijklmn"[i], i % 2);
  return csv;
}

/// The text of a spec that takes a moment.
inline std::string language_spec(const std::filesystem::path& model, const std::filesystem::path& sentences) {
  return fmt::format(
      "model: {}\ntask:\n  name: agreement\n  sentences: {}\n  train_rows: 8\n  test_rows: 4\nlayers: [0]\n"
      "blocks: [mlp]\nfit: {{epochs: 1, batch_size: 4}}\nevaluate: {{exemplar_draws: 2, random_controls: 1}}\n",
      model.string(), sentences.string());
}

}  // namespace cprobe::testing
