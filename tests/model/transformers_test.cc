// Loads a model saved by cprobe in the Python library `transformers`, and compares the logits.

#include <sys/wait.h>

#include <cstdlib>

#include "cprobe/io/safetensors.h"
#include "cprobe/model/forward.h"
#include "tests/support.h"

namespace cprobe {
namespace {

TEST(SavedModel, LoadsInTransformersWithTheSameLogits) {
  const ModelConfig config{.vocab = 31,
                           .n_positions = 9,
                           .d_model = 24,
                           .n_layers = 2,
                           .n_heads = 4,
                           .n_kv_heads = 4,
                           .d_head = 6,
                           .d_mlp = 40,
                           .activation = Activation::kGeluTanh,
                           .norm_epsilon = 1e-3,
                           .initializer_range = 0.3};
  const Model model = random_model(config, Seed(5));
  const at::Tensor ids = at::randint(config.vocab, {6, config.n_positions}, Seed(6).generator(), at::kLong);
  std::vector<std::vector<int64_t>> rows;
  for (int64_t r = 0; r < ids.size(0); ++r) {
    const int64_t* row = ids[r].data_ptr<int64_t>();
    rows.emplace_back(row, row + ids.size(1));
  }
  const TokenTrie trie = build_trie(rows);
  const Stream end = run_span(model, trie, embed(model, trie), Site::start(), Site::end(config));
  const at::Tensor by_row = logits(model, end.at_nodes(at::tensor(trie.row_nodes, at::kLong)));

  const testing::TemporaryFolder folder;
  save_model(model, folder / "model");
  write_safetensors(folder / "logits.safetensors",
                    {{"input_ids", ids}, {"logits", by_row.reshape({ids.size(0), ids.size(1), config.vocab})}});
  const char* python = std::getenv("CPROBE_PYTHON");
  const std::string command =
      fmt::format("'{}' '{}/tests/python/compare_logits.py' '{}' '{}' > '{}' 2>&1",
                  python == nullptr ? "python3" : python, CPROBE_SOURCE_DIR, (folder / "model").string(),
                  (folder / "logits.safetensors").string(), (folder / "said").string());
  const int status = std::system(command.c_str());
  const std::string said = testing::read_bytes(folder / "said");
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << said << "(CPROBE_PYTHON names another interpreter)";
  EXPECT_EQ(WEXITSTATUS(status), 0) << said;
}

}  // namespace
}  // namespace cprobe
