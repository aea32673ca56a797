/// Models with recorded outputs of another implementation: our own small one (tests/golden/make_gpt2_golden.py, always
/// there) and those of `transformers` in the shared folder. src/cprobe/evaluate/doctor.h lists the keys.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "cprobe/io/safetensors.h"
#include "cprobe/model/forward.h"
#include "tests/shared_folder.h"
#include "tests/support.h"
#include "tests/tensors.h"

namespace cprobe::testing {

/// Rows of tokens of a golden file.
struct GoldenRows {
  TokenTrie trie;
  at::Tensor places;  ///< [n_tokens] int64: row * seq + position of the tokens of all rows, padding left out.

  /// The values at all tokens, row by row: [n_tokens, n].
  at::Tensor from_nodes(const at::Tensor& at_nodes) const {
    return at_nodes.index_select(0, at::tensor(trie.row_nodes, at::kLong));
  }
  at::Tensor from_padded(const at::Tensor& padded) const { return padded.flatten(0, 1).index_select(0, places); }
};

/// Float32 sums in another order than the golden's: 2e-5 of the largest entry. (A GELU of the wrong kind moves logits
/// by 2e-4.) Gradients go through more sums: 1e-4.
inline constexpr double kGoldenActivation = 2e-5;
inline constexpr double kGoldenGradient = 1e-4;

/// A test for each golden model; its parameter is "ours" or a folder of golden/models. Skips where the folder is
/// absent.
class GoldenModelTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::filesystem::path source = CPROBE_SOURCE_DIR;
    const std::string name = GetParam();
    const auto folder = name == "ours" ? source / "tests/golden/gpt2" : shared_folder() / "golden/models" / name;
    if (!std::filesystem::exists(folder)) GTEST_SKIP() << not_shared(folder);
    model_ = load_model(folder);
    file_ = SafetensorsFile::open(folder / "golden.safetensors");
  }

  const Model& model() const { return *model_; }
  at::Tensor golden(const std::string& key) const { return file_->tensor(key); }
  int64_t masked_layer() const { return golden("masked_layer").item<int64_t>(); }

  GoldenRows rows(const std::string& prefix) const {
    const at::Tensor ids = golden(prefix + "input_ids");
    const at::Tensor lengths = golden(prefix + "lengths");
    const at::Tensor filled = at::arange(ids.size(1)) < lengths.unsqueeze(1);
    std::vector<std::vector<int64_t>> tokens;
    for (int64_t r = 0; r < ids.size(0); ++r) {
      const int64_t* begin = ids.data_ptr<int64_t>() + r * ids.size(1);
      tokens.emplace_back(begin, begin + lengths[r].item<int64_t>());
    }
    return {build_trie(tokens), filled.reshape(-1).nonzero().squeeze(1)};
  }

  /// Compares with the entry `key` at all tokens, and records how far they are apart in the test's report.
  void expect_at_tokens(const std::string& key, const GoldenRows& at, const at::Tensor& ours_at_nodes) {
    expect(key, at.from_nodes(ours_at_nodes), at.from_padded(golden(key)), kGoldenActivation);
  }
  void expect(const std::string& key, const at::Tensor& ours, const at::Tensor& expected, double tolerance) {
    const ::testing::AssertionResult result = agree(ours, expected, tolerance);
    EXPECT_TRUE(result) << key;
    RecordProperty(key, result.message());
  }

 private:
  std::optional<Model> model_;
  std::optional<SafetensorsFile> file_;
};

inline std::string golden_model_name(const ::testing::TestParamInfo<const char*>& param) {
  std::string name = param.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

}  // namespace cprobe::testing

/// Runs the tests of a GoldenModelTest fixture on every golden GPT-2.
#define INSTANTIATE_GOLDEN_GPT2(fixture)                                                                             \
  INSTANTIATE_TEST_SUITE_P(Gpt2, fixture, ::testing::Values("ours", "gpt2", "gpt2-relu", "gpt2-untied", "gpt2-hub"), \
                           ::cprobe::testing::golden_model_name)
