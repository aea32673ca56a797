// Seconds of a model's forward pass over the distinct prefixes of some sentences, with the logits
// at every prefix. Loading and tokenizing do not count. tests/python/compare_forward_speed.py times
// `transformers` beside this program.
//
// usage: forward_seconds MODEL_FOLDER SENTENCES.csv N_THREADS

#include <ATen/ATen.h>

#include <span>

#include "bench/timing.h"
#include "cprobe/core/threads.h"
#include "cprobe/io/csv.h"
#include "cprobe/model/forward.h"
#include "cprobe/tokenizer/tokenizer.h"

namespace cprobe::bench {
namespace {

double forward_seconds(const Model& model, const TokenTrie& trie) {
  constexpr int64_t kPart = 256;
  return seconds_of([&] {
    const at::Tensor states = stream_at(model, trie, Site::end(model.config)).rows;
    for (int64_t begin = 0; begin < states.size(0); begin += kPart) {
      logits(model, states.narrow(0, begin, std::min(kPart, states.size(0) - begin)));
    }
  });
}

void time_sentences(const char* folder, const char* csv, const char* n_threads) {
  set_threads(std::stoi(n_threads));
  const at::NoGradGuard no_gradients;
  const Model model = load_model(folder);
  const Tokenizer tokenizer = Tokenizer::load(folder);
  std::vector<std::vector<int64_t>> rows;
  for (const std::string& sentence : CsvTable::read(csv).text("sentence"))
    rows.push_back(tokenizer.encode(sentence).ids);
  forward_seconds(model, build_trie(std::span(rows).first(1)));
  fmt::print("{}\n", forward_seconds(model, build_trie(rows)));
}

}  // namespace
}  // namespace cprobe::bench

int main(int argc, char** argv) {
  if (argc != 4) {
    fmt::print(stderr, "usage: forward_seconds MODEL_FOLDER SENTENCES.csv N_THREADS\n");
    return 2;
  }
  try {
    cprobe::bench::time_sentences(argv[1], argv[2], argv[3]);
  } catch (const std::exception& error) {
    fmt::print(stderr, "forward_seconds: {}\n", error.what());
    return 1;
  }
}
