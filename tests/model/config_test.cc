#include "cprobe/model/config.h"

#include <nlohmann/json.hpp>

#include "tests/support.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

using nlohmann::json;
using testing::TemporaryFolder;
using testing::write_bytes;

ModelConfig read(const std::string& text) {
  const TemporaryFolder folder;
  return read_model_config(write_bytes(folder / "config.json", text));
}

/// The configuration of the tiny model with some keys set, or removed where the value is null.
std::string with(const json& changes) {
  json config = json::parse(config_json(testing::tiny_config()));
  for (const auto& [key, value] : changes.items()) {
    config[key] = value;
    if (value.is_null()) config.erase(key);
  }
  return config.dump(1);
}

TEST(ModelConfig, ComesBackFromItsOwnText) {
  for (const auto& [name, config] : testing::all_kinds()) {
    if (config.n_kv_heads != config.n_heads) continue;  // config.json of GPT-2 has no key for it
    const ModelConfig read_back = read(config_json(config));
    EXPECT_EQ(config_json(read_back), config_json(config)) << name;
    EXPECT_EQ(read_back.n_kv_heads, config.n_heads) << name;
    EXPECT_EQ(read_back.d_head * config.n_heads, config.d_model) << name;
  }
}

TEST(ModelConfig, FillsInWhatPublishedFilesLeaveOut) {
  const ModelConfig config = read(R"({"model_type": "gpt2", "vocab_size": 50257, "n_positions": 1024, "n_embd": 768,
                                      "n_layer": 12, "n_head": 12, "n_inner": null, "task_specific_params": {"x": 1}})");
  EXPECT_EQ(config.d_mlp, 4 * 768);
  EXPECT_EQ(config.d_head, 64);
  EXPECT_EQ(config.activation, Activation::kGeluTanh);
  EXPECT_EQ(config.norm_epsilon, 1e-5);
  EXPECT_TRUE(config.tied_unembedding);
}

TEST(ModelConfig, KnowsTheActivations) {
  EXPECT_EQ(read(with({{"activation_function", "gelu_new"}})).activation, Activation::kGeluTanh);
  EXPECT_EQ(read(with({{"activation_function", "gelu"}})).activation, Activation::kGelu);
  EXPECT_EQ(read(with({{"activation_function", "relu"}})).activation, Activation::kRelu);
  EXPECT_EQ(read(with({{"activation_function", "silu"}})).activation, Activation::kSilu);
  EXPECT_INPUT_ERROR(read(with({{"activation_function", "swish"}})), "unknown activation 'swish'");
}

TEST(ModelConfig, AcceptsSettingsThatAreSpelledOutAtTheirUsualValues) {
  EXPECT_NO_THROW(read(with({{"scale_attn_weights", true},
                             {"scale_attn_by_inverse_layer_idx", false},
                             {"reorder_and_upcast_attn", false},
                             {"add_cross_attention", false}})));
}

/// Texts that must be refused with file, line and column, and what the message says.
struct BadConfig {
  const char* what;
  std::string text;
  std::string message;
};

TEST(ModelConfig, RefusesWhatItCannotRunAndSaysWhere) {
  const std::vector<BadConfig> cases = {
      {"empty file", "", "config.json"},
      {"not JSON", "{\"model_type\": gpt2}", "config.json:1"},
      {"a list", "[1]", "expected a JSON object"},
      {"another family", with({{"model_type", "bert"}}), "'bert' is not implemented"},
      {"no family", with({{"model_type", nullptr}}), "model_type"},
      {"no vocabulary", with({{"vocab_size", nullptr}}), "vocab_size"},
      {"no heads", with({{"n_head", nullptr}}), "n_head"},
      {"zero heads", with({{"n_head", 0}}), "expected a size from 1 to 2^31, found 0"},
      {"negative size", with({{"n_embd", -8}}), "expected a size from 1 to 2^31, found -8"},
      {"overflowing size", with({{"n_embd", int64_t{1} << 40}}), "1099511627776"},
      {"a size in words", with({{"n_layer", "two"}}), "two"},
      {"a broken size", with({{"n_layer", 1.5}}), "1.5"},
      {"heads that do not divide", with({{"n_head", 3}}), "n_embd = 8 is not a multiple of n_head = 3"},
      {"inverse layer scaling", with({{"scale_attn_by_inverse_layer_idx", true}}),
       "scale_attn_by_inverse_layer_idx = true"},
      {"unscaled attention", with({{"scale_attn_weights", false}}), "scale_attn_weights = false"},
      {"reordered attention", with({{"reorder_and_upcast_attn", true}}), "reorder_and_upcast_attn = true"},
      {"cross attention", with({{"add_cross_attention", true}}), "add_cross_attention = true"},
      {"quantised", with({{"quantization_config", json::object({{"bits", 4}})}}),
       "quantization_config = a list or map"},
      {"negative epsilon", with({{"layer_norm_epsilon", -1e-5}}), "layer_norm_epsilon"},
      {"negative deviation", with({{"initializer_range", -0.02}}), "initializer_range"},
  };
  for (const BadConfig& bad : cases) {
    SCOPED_TRACE(bad.what);
    EXPECT_INPUT_ERROR(read(bad.text), bad.message);
    EXPECT_INPUT_ERROR(read(bad.text), "config.json");
  }
}

}  // namespace
}  // namespace cprobe
