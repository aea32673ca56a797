#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>

#include "cprobe/circuit/soft_nearest_neighbours.h"
#include "cprobe/evaluate/doctor.h"
#include "cprobe/io/safetensors.h"
#include "cprobe/model/forward.h"
#include "tests/evaluate/checks.h"
#include "tests/shared_folder.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using testing::failures;
using ::testing::IsEmpty;
using testing::small_model;
using testing::TemporaryFolder;
using Tensors = std::map<std::string, at::Tensor>;

at::Tensor draw(const std::string& name, std::vector<int64_t> shape) {
  return at::randn(shape, Seed(5).derive(name).generator());
}

at::Tensor draw_tokens(const std::string& name, int64_t n_rows) {
  return at::randint(13, {n_rows, 7}, Seed(5).derive(name).generator(), at::kLong);
}

/// Writes a model's outputs in the layout of a golden file. Runs every row alone, and masks by
/// scaling the weights.
class GoldenWriter {
 public:
  explicit GoldenWriter(const Model& model) : model_(model) {
    const at::Tensor lengths = at::tensor({7, 3, 5}, at::kLong);
    const at::Tensor mask = (at::arange(7) < lengths.unsqueeze(1)).to(at::kLong);
    const at::Tensor ids = draw_tokens("rows", 3) * mask;
    tensors["input_ids"] = ids;
    tensors["lengths"] = lengths;
    tensors["attention_mask"] = mask;
    tensors["masked_layer"] = at::tensor({1}, at::kLong);
    for (int64_t r = 0; r < 3; ++r) add_row(model_, ids[r], lengths[r].item<int64_t>(), r, "", "logits");
    for (const Block block : {Block::kAttention, Block::kMlp}) add_masked(ids, lengths, {1, block});
    add_labelled();
  }

  Tensors tensors;

 private:
  /// Adds one row's logits and activations. If `masked` names a block, adds only the logits and
  /// that block's update, under the masked keys.
  void add_row(const Model& model, const at::Tensor& ids, int64_t length, int64_t row, const std::string& masked,
               const std::string& logits_key) {
    const int64_t* tokens = ids.data_ptr<int64_t>();
    const TokenTrie trie = build_trie(std::vector<std::vector<int64_t>>{{tokens, tokens + length}});
    const auto put = [&](const std::string& key, const at::Tensor& values) {
      at::Tensor& all = tensors[key];
      if (!all.defined()) all = at::zeros({3, 7, values.size(1)});
      all[row].narrow(0, 0, length).copy_(values);
    };
    SpanOptions options;
    options.on_update = [&](ComponentRef c, const at::Tensor&, const at::Tensor& update, const at::Tensor& state) {
      const std::string block(to_string(c.block));
      if (masked.empty()) put(fmt::format("{}_update.{}", block, c.layer), update);
      if (masked.empty() && c.block == Block::kMlp) put(fmt::format("resid_post.{}", c.layer), state);
      if (block == masked && c.layer == 1) put("masked_update." + block, update);
    };
    const Stream end = run_span(model, trie, embed(model, trie), Site::start(), Site::end(model.config), options);
    put(logits_key, logits(model, end.rows));
  }

  void add_masked(const at::Tensor& ids, const at::Tensor& lengths, const ComponentRef& component) {
    const std::string block(to_string(component.block));
    Model masked = model_;
    for (const MatrixInfo& matrix : matrices_of(model_.config, component)) {
      const std::string key = "mask." + block + "." + matrix.short_name;
      tensors[key] = (draw(key, {matrix.n_out}) > -0.3).to(at::kFloat);
      masked.weights.at(matrix.name + ".weight") = model_.weight(matrix.name + ".weight") * tensors[key];
    }
    for (int64_t r = 0; r < 3; ++r) {
      add_row(masked, ids[r], lengths[r].item<int64_t>(), r, block, "masked_logits." + block);
    }
  }

  void add_labelled() {
    const int64_t n = 6;
    tensors["snn.input_ids"] = draw_tokens("labelled", n);
    tensors["snn.lengths"] = at::full({n}, 7, at::kLong);
    tensors["snn.labels"] = at::tensor({0, 1, 0, 1, 2, 2}, at::kLong);
    for (const Block block : {Block::kAttention, Block::kMlp}) add_gradients({1, block}, n);
  }

  /// Masks by scaling the weights, so that autograd takes another way than the code under test.
  void add_gradients(const ComponentRef& component, int64_t n) {
    const std::string block(to_string(component.block));
    Model masked = model_;
    std::vector<std::string> keys;
    std::vector<at::Tensor> parameters;
    for (const MatrixInfo& matrix : matrices_of(model_.config, component)) {
      keys.push_back("snn.grad." + block + "." + matrix.short_name);
      const std::string s = "snn.s." + block + "." + matrix.short_name;
      tensors[s] = draw(s, {matrix.n_out});
      parameters.push_back(tensors[s].clone().requires_grad_());
      masked.weights.at(matrix.name + ".weight") =
          model_.weight(matrix.name + ".weight") * at::sigmoid(parameters.back());
    }
    std::vector<at::Tensor> updates;
    for (int64_t r = 0; r < n; ++r) {
      const int64_t* tokens = tensors["snn.input_ids"].data_ptr<int64_t>() + 7 * r;
      const TokenTrie trie = build_trie(std::vector<std::vector<int64_t>>{{tokens, tokens + 7}});
      SpanOptions options;
      options.on_update = [&](ComponentRef c, const at::Tensor&, const at::Tensor& update, const at::Tensor&) {
        if (c == component) updates.push_back(update.narrow(0, 6, 1));
      };
      run_span(masked, trie, embed(masked, trie), Site::start(), Site::after(component), options);
    }
    const at::Tensor v = at::cat(updates);
    const at::Tensor loss = soft_nearest_neighbours(v, tensors["snn.labels"]);
    std::vector<at::Tensor> sources = {v};
    sources.insert(sources.end(), parameters.begin(), parameters.end());
    const std::vector<at::Tensor> gradients = torch::autograd::grad({loss}, sources);
    tensors["snn.update." + block] = v.detach();
    tensors["snn.loss." + block] = loss.detach().reshape({1});
    tensors["snn.grad_update." + block] = gradients[0];
    for (size_t i = 0; i < keys.size(); ++i) tensors[keys[i]] = gradients[i + 1];
  }

  const Model& model_;
};

Tensors golden_outputs(const Model& model) {
  return GoldenWriter(model).tensors;
}

std::vector<Check> compare_with(const Model& model, const Tensors& golden) {
  const TemporaryFolder folder;
  write_safetensors(folder / "golden.safetensors", golden);
  return compare_with_golden(model, folder / "golden.safetensors");
}

TEST(CompareWithGolden, PassesOnTheModelsOwnOutputs) {
  const Model model = small_model();
  const std::vector<Check> checks = compare_with(model, golden_outputs(model));
  EXPECT_EQ(checks.size(), 1u + 3 * 2 + 2 * 2 + 2 * 5);
  EXPECT_THAT(failures(checks), IsEmpty());
}

TEST(CompareWithGolden, IgnoresWhatStandsAtPaddedPositions) {
  const Model model = small_model();
  Tensors golden = golden_outputs(model);
  golden.at("logits")[1][4].fill_(1e6);
  EXPECT_THAT(failures(compare_with(model, golden)), IsEmpty());
}

TEST(CompareWithGolden, FailsFromTheChangedWeightOn) {
  const Model model = small_model();
  Model changed = model;
  at::Tensor& bias = changed.weights.at("layers.1.attn.out.bias");  // No mask hides a bias.
  bias = bias.clone();
  bias[5] += 0.1;
  const std::vector<Check> checks = compare_with(changed, golden_outputs(model));
  for (const Check& check : checks) {
    const bool before = check.what == "attn_update.0" || check.what == "mlp_update.0" || check.what == "resid_post.0";
    EXPECT_EQ(check.ok, before) << check.what << " " << check.difference;
  }
}

TEST(CompareWithGolden, NamesAMissingKey) {
  const Model model = small_model();
  Tensors golden = golden_outputs(model);
  for (const std::string key : {"mlp_update.1", "snn.grad.attn.c_attn", "masked_layer", "lengths"}) {
    Tensors incomplete = golden;
    incomplete.erase(key);
    EXPECT_INPUT_ERROR(compare_with(model, incomplete), "no tensor '" + key + "'");
  }
}

TEST(CompareWithGolden, NamesATensorOfAnotherShape) {
  const Model model = small_model();
  Tensors golden = golden_outputs(model);
  golden["snn.loss.mlp"] = at::zeros({2});
  EXPECT_INPUT_ERROR(compare_with(model, golden), "tensor 'snn.loss.mlp' is Float [2], expected Float [1]");
  golden["logits"] = at::zeros({3, 7, 20});
  EXPECT_INPUT_ERROR(compare_with(model, golden), "tensor 'logits' is Float [3, 7, 20], expected Float [3, 7, 13]");
}

TEST(CompareWithGolden, RefusesInputsThatDoNotFitTheModel) {
  const Model model = small_model();
  const Tensors golden = golden_outputs(model);
  const auto with = [&](const std::string& key, at::Tensor value) {
    Tensors changed = golden;
    changed[key] = std::move(value);
    return changed;
  };
  EXPECT_INPUT_ERROR(compare_with(model, with("input_ids", at::full({3, 7}, 13, at::kLong))),
                     "holds token 13 in row 0");
  EXPECT_INPUT_ERROR(compare_with(model, with("lengths", at::tensor({7, 3, 0}, at::kLong))), "holds 0 for row 2");
  EXPECT_INPUT_ERROR(compare_with(model, with("attention_mask", at::ones({3, 7}, at::kLong))), "padded on the right");
  EXPECT_INPUT_ERROR(compare_with(model, with("masked_layer", at::tensor({2}, at::kLong))), "the model has 2 layers");
  EXPECT_INPUT_ERROR(compare_with(model, with("resid_post.0", at::full({3, 7, 8}, NAN))), "NaN or infinite");
}

/// "ours" is the small model of tests/golden/make_gpt2_golden.py and always exists. The other
/// models are of `transformers`; their tests are skipped if the files are missing.
class GoldenModel : public ::testing::TestWithParam<const char*> {};

TEST_P(GoldenModel, AgreesWithTheReference) {
  const std::string name = GetParam();
  const std::filesystem::path folder = name == "ours" ? std::filesystem::path(CPROBE_SOURCE_DIR) / "tests/golden/gpt2"
                                                      : testing::shared_folder() / "golden/models" / name;
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << testing::not_shared(folder);
  const Model model = load_model(folder);
  EXPECT_THAT(failures(examine(model)), IsEmpty());
  EXPECT_THAT(failures(compare_with_golden(model, folder / "golden.safetensors")), IsEmpty());
}

std::string test_name(const ::testing::TestParamInfo<const char*>& param) {
  std::string name = param.param;
  std::ranges::replace(name, '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Models, GoldenModel,
                         ::testing::Values("ours", "gemma", "gemma-erf", "gemma2", "gemma2-plain", "gemma3",
                                           "gemma3-scaled", "gpt-neo", "gpt-neo-hub", "gpt-neox", "gpt-neox-seq",
                                           "gpt2", "gpt2-hub", "gpt2-inverse", "gpt2-relu", "gpt2-unscaled",
                                           "gpt2-untied", "gptj", "gptj-hub", "llama", "llama-bias", "llama-dynamic",
                                           "llama-dynamic-long", "llama-linear", "llama-llama3", "llama-longrope",
                                           "llama-longrope-long", "llama-tied", "llama-yarn", "llama-yarn-mscale",
                                           "llama-yarn-old", "mistral", "mistral-window", "olmo", "olmo-clip", "olmo2",
                                           "olmo2-grouped", "opt", "opt-bare", "opt-proj", "phi", "phi-grouped", "phi3",
                                           "phi3-longrope", "phi3-longrope-long", "phi3-window", "qwen2",
                                           "qwen2-layers", "qwen2-window", "qwen3", "qwen3-bias", "qwen3-window",
                                           "smollm3", "smollm3-window", "stablelm", "stablelm-parallel"),
                         test_name);

}  // namespace
}  // namespace cprobe
