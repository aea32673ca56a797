#include "cprobe/model/config.h"

#include <cmath>
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

/// The configuration of the tiny model with some keys set. A null value removes its key.
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
    if (std::string(name) == "silu_grouped") continue;  // GPT-2 has no keys for groups
    const ModelConfig read_back = read(config_json(config));
    EXPECT_EQ(config_json(read_back), config_json(config)) << name;
    EXPECT_EQ(read_back.n_kv_heads, config.n_kv_heads) << name;
    EXPECT_EQ(read_back.d_head, config.d_head) << name;
    EXPECT_EQ(read_back.layers, config.layers) << name;
    EXPECT_EQ(read_back.qkv_bias, config.qkv_bias) << name;
  }
}

TEST(ModelConfig, RepeatsAListOfLayersThatIsShorterThanTheModel) {
  ModelConfig config = testing::tiny_config();
  config.layers = {{.attention = {.window = 4}}, {}};
  for (const int64_t l : {0, 2, 4}) EXPECT_EQ(config.layer(l).attention.window, 4) << l;
  for (const int64_t l : {1, 3, 5}) EXPECT_EQ(config.layer(l).attention.window, 0) << l;
}

TEST(ModelConfig, HasNoTextForSettingsThatTheFamilyHasNoKeysFor) {
  ModelConfig config = testing::tiny_config();
  for (const LayerConfig& layer : {LayerConfig{.attention = {.scale = 1}}, LayerConfig{.attention = {.soft_cap = 1}},
                                   LayerConfig{.attention = {.window = 1}}}) {
    config.layers = {layer};
    EXPECT_FAILED_ERROR(config_json(config), "config.json of gpt2 has no keys");
  }
  config.layers = {{}, {}};
  EXPECT_FAILED_ERROR(config_json(config), "layers that differ");
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

/// A config.json of the Llama family with some keys set.
std::string llama_with(const json& changes, const std::string& model_type = "llama") {
  json config = {{"model_type", model_type}, {"vocab_size", 97},         {"max_position_embeddings", 64},
                 {"hidden_size", 32},        {"num_hidden_layers", 2},   {"num_attention_heads", 4},
                 {"num_key_value_heads", 2}, {"intermediate_size", 88},  {"rms_norm_eps", 1e-5},
                 {"rope_theta", 5000.0},     {"sliding_window", nullptr}};
  config.update(changes);
  return config.dump(1);
}

TEST(ModelConfig, ReadsTheLlamaFamily) {
  const ModelConfig llama = read(llama_with({{"attention_bias", true}}));
  EXPECT_EQ(llama.d_head, 8);
  EXPECT_EQ(llama.n_kv_heads, 2);
  EXPECT_EQ(llama.layer(1).rotary, (Rotary{.n_dims = 8, .base = 5000}));
  EXPECT_EQ(llama.activation, Activation::kSilu);
  EXPECT_FALSE(llama.tied_unembedding);
  EXPECT_TRUE(llama.qkv_bias && llama.attention_out_bias && !llama.mlp_bias);
  const ModelConfig qwen2 = read(llama_with({{"head_dim", 12}, {"tie_word_embeddings", true}}, "qwen2"));
  EXPECT_EQ(qwen2.d_head, 12);
  EXPECT_TRUE(qwen2.qkv_bias && !qwen2.attention_out_bias && qwen2.tied_unembedding);
}

TEST(ModelConfig, ReadsGptNeoX) {
  const std::string text = R"({"model_type": "gpt_neox", "vocab_size": 97, "max_position_embeddings": 24,
      "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 88)";
  const ModelConfig config = read(text + "}");
  EXPECT_TRUE(config.layer(2).parallel_residual);
  EXPECT_EQ(config.layer(2).rotary.n_dims, 4);
  EXPECT_EQ(config.activation, Activation::kGelu);
  EXPECT_TRUE(config.qkv_bias && config.attention_out_bias && config.mlp_bias);
  EXPECT_FALSE(read(text + R"(, "use_parallel_residual": false, "rotary_pct": 1.0})").layer(0).parallel_residual);
}

TEST(ModelConfig, ReadsRotaryScalingOldAndNew) {
  const json llama3 = {{"rope_type", "llama3"},
                       {"factor", 8.0},
                       {"low_freq_factor", 1.0},
                       {"high_freq_factor", 4.0},
                       {"original_max_position_embeddings", 16}};
  const RotaryScaling expected{RotaryScaling::Kind::kLlama3, 8, 1, 4, 16};
  EXPECT_EQ(read(llama_with({{"rope_scaling", llama3}})).layer(0).rotary.scaling, expected);
  json parameters = llama3;
  parameters["rope_theta"] = 5000.0;
  EXPECT_EQ(read(llama_with({{"rope_parameters", parameters}})).layer(0).rotary.scaling, expected);
  EXPECT_EQ(read(llama_with({{"rope_scaling", {{"type", "linear"}, {"factor", 2}}}})).layer(0).rotary.scaling.factor,
            2);
  EXPECT_EQ(read(llama_with({{"rope_scaling", {{"rope_type", "default"}}}})).layer(0).rotary.scaling, RotaryScaling());
}

TEST(ModelConfig, RefusesLlamaSettingsThatWouldChangeTheNumbers) {
  const auto refuse = [](const json& changes, const char* message, const char* model_type = "llama") {
    SCOPED_TRACE(changes.dump());
    EXPECT_INPUT_ERROR(read(llama_with(changes, model_type)), message);
    EXPECT_INPUT_ERROR(read(llama_with(changes, model_type)), "config.json");
  };
  refuse({{"rope_scaling", {{"rope_type", "ntk"}, {"factor", 4}}}}, "rope_scaling of type 'ntk'");
  refuse({{"rope_scaling", {{"rope_type", "yarn"}}}}, "factor");
  refuse({{"rope_scaling", {{"factors", 4}}}}, "factors");
  refuse({{"rope_scaling", {{"rope_type", "default"}, {"partial_rotary_factor", 0.5}}}}, "partial_rotary_factor");
  refuse({{"rope_scaling", {{"rope_type", "default"}}}, {"rope_parameters", {{"rope_type", "default"}}}},
         "beside rope_parameters");
  refuse({{"rope_local_base_freq", 500.0},
          {"head_dim", 8},
          {"rope_parameters",
           {{"full_attention", {{"rope_type", "default"}}},
            {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 7000.0}}}}}},
         "rope_local_base_freq", "gemma3_text");
  refuse({{"rope_scaling", {{"rope_type", "longrope"}, {"short_factor", {1.0}}}}}, "expected 4 factors");
  refuse({{"rope_scaling", {{"rope_type", "linear"}, {"factor", 2}, {"rope_theta", 1e6}}}}, "rope_theta = 5000");
  refuse({{"rope_scaling", {{"rope_type", "linear"}}}}, "factor");
  refuse({{"rope_scaling", {{"rope_type", "dynamic"}, {"type", "linear"}, {"factor", 2}}}},
         "'linear' is not the rope_type 'dynamic'");
  refuse({{"layer_types", {"full_attention"}}}, "has 1 entries, but the model has 2 layers");
  refuse({{"rope_scaling", {{"rope_type", "llama3"}, {"factor", 4}}}}, "low_freq_factor");
  refuse({{"rope_parameters", {{"rope_theta", 1e6}}}}, "rope_theta");
  refuse({{"partial_rotary_factor", 0.5}}, "partial_rotary_factor = 0.5");
  refuse({{"sliding_window", 0}}, "expected a size from 1", "mistral");
  refuse({{"sliding_window", 16}, {"layer_types", {"sliding_attention"}}}, "has 1 entries", "mistral");
  refuse({{"sliding_window", 16}, {"layer_types", {"sliding_attention", "full_attention"}}},
         "'full_attention' is not what sliding_window says", "phi3");
  refuse({{"sliding_window", 16}, {"use_sliding_window", true}, {"layer_types", {"chunked", "full_attention"}}},
         "layer type 'chunked'", "qwen2");
  refuse({{"layer_types", {"sliding_attention", "full_attention"}}}, "this file uses no window", "qwen2");
  refuse({{"is_causal", false}}, "is_causal = false");
  refuse({{"layer_types", {"full_attention", "sliding_attention"}}}, "'sliding_attention'");
  refuse({{"num_local_experts", 8}}, "num_local_experts = 8");
  refuse({{"quantization_config", {{"bits", 4}}}}, "load the model dequantised");
  refuse({{"hidden_act", "quick_gelu"}}, "unknown activation 'quick_gelu'");
  EXPECT_EQ(read(llama_with({{"hidden_act", "swish"}})).activation, Activation::kSilu);
  refuse({{"num_key_value_heads", 3}}, "num_attention_heads = 4 is not a multiple of it");
  refuse({{"num_attention_heads", 5}, {"num_key_value_heads", 5}}, "hidden_size = 32 is not a multiple");
  refuse({{"head_dim", 7}}, "rotary embeddings of 7");
  EXPECT_INPUT_ERROR(read(llama_with(json::object(), "mixtral")),
                     "'mixtral' is not implemented; known: gpt2, gpt_neo, gptj");
  EXPECT_NO_THROW(read(llama_with({{"sliding_window", 64}}, "mistral")));
  EXPECT_NO_THROW(read(llama_with({{"sliding_window", 16}, {"use_sliding_window", false}}, "qwen2")));
}

TEST(ModelConfig, KeepsAWindowThatOnlyDynamicRowsExceed) {
  const json dynamic = {{"rope_type", "dynamic"}, {"factor", 2.0}};
  const ModelConfig config = read(llama_with({{"sliding_window", 100}, {"rope_scaling", dynamic}}, "mistral"));
  EXPECT_EQ(config.max_row(), 128);
  EXPECT_EQ(config.layer(0).attention.window, 100) << "the context is 64, rows may have 128 tokens";
}

TEST(ModelConfig, TakesTheWindowOfMistralFilesThatNameNone) {
  json long_context = json::parse(llama_with({{"max_position_embeddings", 8192}}, "mistral"));
  long_context.erase("sliding_window");
  EXPECT_EQ(read(long_context.dump()).layer(1).attention.window, 4096);
}

std::vector<int64_t> windows(const ModelConfig& config) {
  std::vector<int64_t> all;
  for (int64_t l = 0; l < config.n_layers; ++l) all.push_back(config.layer(l).attention.window);
  return all;
}

TEST(ModelConfig, GivesLayersTheirWindows) {
  using ::testing::ElementsAre;
  const auto of = [](json changes, const char* model_type) {
    changes.update({{"num_hidden_layers", 4}, {"sliding_window", 5}});
    return windows(read(llama_with(changes, model_type)));
  };
  EXPECT_THAT(of(json::object(), "mistral"), ElementsAre(5, 5, 5, 5));
  EXPECT_THAT(of({{"max_position_embeddings", 5}}, "mistral"), ElementsAre(0, 0, 0, 0)) << "no row is longer";
  EXPECT_THAT(of(json::object(), "qwen2"), ElementsAre(0, 0, 0, 0)) << "not used";
  const json used = {{"use_sliding_window", true}, {"max_window_layers", 3}};
  EXPECT_THAT(of(used, "qwen2"), ElementsAre(0, 0, 0, 5));
  EXPECT_THAT(of(used, "qwen3"), ElementsAre(0, 0, 0, 5));
  json by_type = used;
  by_type["layer_types"] = {"sliding_attention", "full_attention", "full_attention", "full_attention"};
  EXPECT_THAT(of(by_type, "qwen2"), ElementsAre(5, 0, 0, 0)) << "layer_types have precedence";
  const json gemma = {{"head_dim", 8}, {"hidden_activation", "gelu_pytorch_tanh"}};
  EXPECT_THAT(of(gemma, "gemma2"), ElementsAre(5, 0, 5, 0));
  json gemma3 = gemma;
  gemma3["sliding_window_pattern"] = 2;
  EXPECT_THAT(of(gemma3, "gemma3_text"), ElementsAre(5, 0, 5, 0));
  EXPECT_THAT(of({{"use_sliding_window", true}, {"no_rope_layers", {1, 0, 1, 0}}}, "smollm3"), ElementsAre(0, 5, 0, 5));
}

TEST(ModelConfig, ReadsWhatIsParticularToAFamily) {
  const json gemma = {{"head_dim", 8}, {"hidden_activation", "gelu_pytorch_tanh"}, {"query_pre_attn_scalar", 4}};
  const ModelConfig gemma2 = read(llama_with(gemma, "gemma2"));
  EXPECT_EQ(gemma2.layer(0).attention, (AttentionOptions{.scale = 0.5, .soft_cap = 50}));
  EXPECT_EQ(gemma2.logit_cap, 30);
  EXPECT_EQ(gemma2.embedding_scale, std::sqrt(32.0));
  EXPECT_EQ(gemma2.d_head, 8);
  EXPECT_TRUE(gemma2.tied_unembedding);
  EXPECT_EQ(read(llama_with(json::object(), "qwen3")).d_head, 128);
  const ModelConfig gemma3 = read(llama_with(gemma, "gemma3_text"));
  EXPECT_EQ(gemma3.logit_cap, 0);
  EXPECT_EQ(gemma3.layer(0).rotary.base, 1e4) << "the local base";
  EXPECT_INPUT_ERROR(
      read(llama_with({{"hidden_act", "gelu"}, {"hidden_activation", "silu"}, {"head_dim", 8}}, "gemma")),
      "hidden_act is gelu, but hidden_activation silu");
  EXPECT_INPUT_ERROR(read(llama_with({{"hidden_act", "gelu"}, {"head_dim", 8}}, "gemma")), "hidden_act is gelu");
  EXPECT_NO_THROW(read(llama_with({{"hidden_activation", nullptr}, {"head_dim", 8}}, "gemma")));
  const json by_kind = {{"full_attention", {{"rope_type", "linear"}, {"factor", 2}, {"rope_theta", 5000.0}}},
                        {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 7000.0}}}};
  const ModelConfig newer = read(llama_with({{"rope_parameters", by_kind}, {"head_dim", 8}}, "gemma3_text"));
  EXPECT_EQ(newer.layer(0).rotary.base, 7000);
  EXPECT_EQ(newer.layer(0).rotary.scaling, RotaryScaling()) << "not of local layers";
  const ModelConfig stablelm =
      read(llama_with({{"use_parallel_residual", true}, {"partial_rotary_factor", 0.8}}, "stablelm"));
  EXPECT_TRUE(stablelm.shared_norm && stablelm.layer(0).parallel_residual);
  EXPECT_EQ(stablelm.layer(0).rotary.n_dims, 6) << "0.8 of 8, rounded down";
  EXPECT_EQ(read(llama_with({{"clip_qkv", 1.5}}, "olmo")).qkv_clip, 1.5);
  EXPECT_EQ(read(with({{"scale_attn_by_inverse_layer_idx", true}})).layer(1).attention.scale, 0.25) << "1/sqrt(4) / 2";
  EXPECT_EQ(read(with({{"scale_attn_weights", false}})).layer(1).attention.scale, 1);
}

/// What only the file says goes into the text of a model that is written.
TEST(ModelConfig, ComesBackFromTheTextOfItsFile) {
  ModelConfig config = read(llama_with({{"clip_qkv", 1.5}, {"name_of_mine", "kept"}}, "olmo"));
  config.d_mlp = 90;
  const json text = json::parse(config_json(config));
  EXPECT_EQ(text["intermediate_size"], 90);
  EXPECT_EQ(text["name_of_mine"], "kept");
  EXPECT_EQ(read(text.dump()).qkv_clip, 1.5);
}

TEST(ModelConfig, KnowsTheActivations) {
  EXPECT_EQ(read(with({{"activation_function", "gelu_new"}})).activation, Activation::kGeluTanh);
  EXPECT_EQ(read(with({{"activation_function", "gelu"}})).activation, Activation::kGelu);
  EXPECT_EQ(read(with({{"activation_function", "relu"}})).activation, Activation::kRelu);
  EXPECT_EQ(read(with({{"activation_function", "silu"}})).activation, Activation::kSilu);
  EXPECT_INPUT_ERROR(read(with({{"activation_function", "mish"}})), "unknown activation 'mish'");
}

TEST(ModelConfig, AcceptsSettingsThatAreSpelledOutAtTheirUsualValues) {
  EXPECT_NO_THROW(read(with({{"scale_attn_weights", true},
                             {"scale_attn_by_inverse_layer_idx", false},
                             {"reorder_and_upcast_attn", false},
                             {"add_cross_attention", false}})));
}

/// A text that must be refused, and a part of the message.
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
      {"cross attention", with({{"add_cross_attention", true}}), "add_cross_attention = true"},
      {"quantised", with({{"quantization_config", json::object({{"bits", 4}})}}), "quantization_config = {...}"},
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
