/// Small models and rows of tokens, for fast tests.
#pragma once

#include <string>
#include <vector>

#include "cprobe/data/token_trie.h"
#include "cprobe/model/forward.h"

namespace cprobe::testing {

/// A small GPT-2. Different axes have different lengths, so that a test notices swapped axes.
inline ModelConfig tiny_config() {
  return {.vocab = 13,
          .n_positions = 7,
          .d_model = 8,
          .n_layers = 2,
          .n_heads = 2,
          .n_kv_heads = 2,
          .d_head = 4,
          .d_mlp = 12,
          .initializer_range = 0.4};
}

/// A small Llama with the lengths of `tiny_config`, except for its heads: four heads of width 6 are
/// together wider than d_model.
inline ModelConfig llama_config() {
  ModelConfig llama = tiny_config();
  llama.architecture = "llama";
  llama.n_heads = 4;
  llama.d_head = 6;
  llama.activation = Activation::kSilu;
  llama.layers = {{.rotary = {.n_dims = 6, .base = 100}}};
  llama.qkv_bias = llama.attention_out_bias = llama.mlp_bias = false;
  return llama;
}

/// A model of one kind. The kinds cover:
///   - families, activations, head counts;
///   - tied and untied unembeddings, with and without biases;
///   - grouped kinds: two query heads per key/value head, and heads that together are not d_model
///     wide.
struct NamedConfig {
  const char* name;
  ModelConfig config;
};
inline std::vector<NamedConfig> all_kinds() {
  ModelConfig gelu_tanh = tiny_config(), relu = tiny_config(), gelu = tiny_config(), grouped = tiny_config();
  relu.activation = Activation::kRelu;
  relu.tied_unembedding = false;
  gelu.activation = Activation::kGelu;
  gelu.n_heads = gelu.n_kv_heads = 1;
  gelu.d_head = 8;
  gelu.norm_epsilon = 1e-2;
  grouped.activation = Activation::kSilu;
  grouped.n_heads = 4;
  grouped.d_head = 3;
  const ModelConfig llama = llama_config();
  ModelConfig llama_bias = llama, qwen2 = llama, neox = tiny_config();
  llama_bias.tied_unembedding = false;
  llama_bias.qkv_bias = llama_bias.attention_out_bias = llama_bias.mlp_bias = true;
  llama_bias.layers[0].rotary.scaling = {.kind = RotaryScaling::Kind::kLlama3,
                                         .factor = 8,
                                         .low_frequency = 1,
                                         .high_frequency = 4,
                                         .n_original_positions = 20};
  qwen2.architecture = "qwen2";
  qwen2.qkv_bias = true;
  neox.architecture = "gpt_neox";
  neox.activation = Activation::kGelu;
  neox.tied_unembedding = false;
  neox.layers = {{.rotary = {.n_dims = 2, .base = 100}}};
  ModelConfig neox_parallel = neox;
  neox_parallel.layers[0].parallel_residual = true;
  return {{"gelu_tanh", gelu_tanh},  {"relu_untied", relu},     {"gelu_one_head", gelu},
          {"silu_grouped", grouped}, {"llama_grouped", llama},  {"llama_bias", llama_bias},
          {"qwen2", qwen2},          {"neox_sequential", neox}, {"neox_parallel", neox_parallel}};
}

/// What families have that `all_kinds` have not: windows and soft caps short enough to show, norms
/// in other places, clipping, other rotations, fused matrices.
inline std::vector<NamedConfig> further_families() {
  const auto of = [](ModelConfig config, const char* architecture, bool biases = false) {
    config.architecture = architecture;
    config.qkv_bias = config.attention_out_bias = config.mlp_bias = biases;
    return config;
  };
  ModelConfig neo = of(tiny_config(), "gpt_neo");
  neo.attention_out_bias = neo.mlp_bias = true;
  neo.layers = {{.attention = {.scale = 1, .window = 3}}, {.attention = {.scale = 1}}};
  ModelConfig gptj = of(tiny_config(), "gptj");
  gptj.mlp_bias = gptj.shared_norm = true;
  gptj.tied_unembedding = false;
  gptj.layers = {{.rotary = {.n_dims = 2, .base = 100, .turns_neighbours = true}, .parallel_residual = true}};
  ModelConfig opt = of(tiny_config(), "opt", true);
  opt.activation = Activation::kRelu;
  opt.first_position = 2;
  opt.d_embedding = 5;
  ModelConfig opt_bare = of(tiny_config(), "opt");
  opt_bare.norm_weights = opt_bare.final_norm = false;
  opt_bare.first_position = 2;
  ModelConfig phi = of(llama_config(), "phi", true);
  phi.n_kv_heads = 2;
  phi.activation = Activation::kGeluTanh;
  phi.tied_unembedding = false;
  phi.shared_norm = phi.qk_norms = true;
  phi.layers = {{.rotary = {.n_dims = 4, .base = 100}, .parallel_residual = true}};
  ModelConfig phi3 = of(llama_config(), "phi3");
  phi3.n_kv_heads = 2;
  phi3.layers[0].attention.window = 3;
  ModelConfig stablelm = of(llama_config(), "stablelm");
  stablelm.n_kv_heads = 2;
  stablelm.qkv_bias = stablelm.qk_norms = stablelm.shared_norm = true;
  stablelm.layers = {{.rotary = {.n_dims = 4, .base = 100}, .parallel_residual = true}};
  ModelConfig olmo = of(llama_config(), "olmo");
  olmo.norm_weights = false;
  olmo.qkv_clip = 0.3;
  olmo.qkv_bias = olmo.attention_out_bias = true;
  const ModelConfig olmo2 = of(llama_config(), "olmo2"), qwen3 = of(llama_config(), "qwen3");
  ModelConfig gemma = of(llama_config(), "gemma");
  gemma.activation = Activation::kGeluTanh;
  gemma.embedding_scale = 3;
  ModelConfig gemma2 = gemma, gemma3 = gemma, smollm3 = of(llama_config(), "smollm3");
  gemma2.architecture = "gemma2";
  gemma2.logit_cap = 2;
  gemma2.layers = {{.rotary = {.n_dims = 6, .base = 100}, .attention = {.scale = 0.3, .soft_cap = 0.5, .window = 3}},
                   {.rotary = {.n_dims = 6, .base = 100}, .attention = {.scale = 0.3, .soft_cap = 0.5}}};
  gemma3.architecture = "gemma3_text";
  gemma3.layers = {{.rotary = {.n_dims = 6, .base = 10}, .attention = {.window = 3}},
                   {.rotary = {.n_dims = 6, .base = 100}}};
  smollm3.layers = {{}, {.rotary = {.n_dims = 6, .base = 100}}};
  return {{"gpt_neo", neo}, {"gptj", gptj},         {"opt", opt},       {"opt_bare", opt_bare}, {"phi_grouped", phi},
          {"phi3", phi3},   {"stablelm", stablelm}, {"olmo", olmo},     {"olmo2", olmo2},       {"qwen3", qwen3},
          {"gemma", gemma}, {"gemma2", gemma2},     {"gemma3", gemma3}, {"smollm3", smollm3}};
}

/// The models of `all_kinds` and `further_families`, and two models with settings that differ by
/// layer.
inline std::vector<NamedConfig> all_computations() {
  std::vector<NamedConfig> kinds = all_kinds();
  for (const NamedConfig& kind : further_families()) kinds.push_back(kind);
  ModelConfig attention = tiny_config(), rotary = llama_config();
  attention.layers = {{.attention = {.scale = 0.3, .soft_cap = 1.5, .window = 3}}, {.attention = {.window = 2}}};
  rotary.layers = {{.rotary = {.n_dims = 4, .base = 50}, .attention = {.soft_cap = 2}}, {.attention = {.scale = 0.5}}};
  kinds.push_back({"attention_by_layer", attention});
  kinds.push_back({"rotary_by_layer", rotary});
  return kinds;
}

/// A model with all weights drawn at random. (`random_model` leaves biases at 0 and norms at 1.)
inline Model drawn_model(const ModelConfig& config, Seed seed = Seed(0)) {
  Model model = random_model(config, seed);
  for (auto& [name, weight] : model.weights) {
    if (weight.dim() == 1) weight = weight + 0.3 * at::randn(weight.sizes(), seed.derive("tests/" + name).generator());
  }
  return model;
}

/// The same model with its matrices rounded to a dtype of 16 bits.
inline Model with_halves(Model model, at::ScalarType dtype) {
  for (auto& [name, weight] : model.weights) {
    if (weight.dim() == 2) weight = weight.to(dtype);
  }
  return model;
}

/// The same model with all weights as float32.
inline Model in_float32(Model model) {
  for (auto& [name, weight] : model.weights) weight = weight.to(at::kFloat);
  return model;
}

/// The same model in float64.
inline Model in_double(Model model) {
  for (auto& [name, weight] : model.weights) weight = weight.to(at::kDouble);
  return model;
}

using TokenRows = std::vector<std::vector<int64_t>>;

/// Rows of different lengths. Every second row begins like the row before, and the last row repeats
/// the first.
inline TokenRows ragged_rows(const ModelConfig& config, int64_t n_rows, Seed seed) {
  const at::Tensor tokens =
      at::randint(config.vocab, {n_rows, config.n_positions}, seed.derive("tokens").generator(), at::kLong);
  const at::Tensor lengths =
      at::randint(1, config.n_positions + 1, {n_rows}, seed.derive("lengths").generator(), at::kLong);
  TokenRows rows;
  for (int64_t r = 0; r < n_rows; ++r) {
    const int64_t* begin = tokens.data_ptr<int64_t>() + r * config.n_positions;
    rows.emplace_back(begin, begin + lengths.data_ptr<int64_t>()[r]);
    if (r % 2 == 1) {
      const size_t shared = std::min(rows[rows.size() - 2].size(), (rows.back().size() + 1) / 2);
      std::copy_n(rows[rows.size() - 2].begin(), shared, rows.back().begin());
    }
  }
  rows.back() = rows.front();
  return rows;
}

/// The final states of all tokens of all rows, row by row: [n_tokens, d_model].
inline at::Tensor final_states(const Model& model, const TokenTrie& trie) {
  const Stream end = run_span(model, trie, embed(model, trie), Site::start(), Site::end(model.config));
  return end.at_nodes(at::tensor(trie.row_nodes, at::kLong));
}

}  // namespace cprobe::testing
