#include "cprobe/model/config_reading.h"
#include "cprobe/model/families/families.h"

namespace cprobe {
namespace {

using enum Axis;
using enum Presence;

constexpr std::array kGptJWeights = {
    WeightRow{"embed.token", "transformer.wte.weight", kVocab, kModel},
    WeightRow{"layers.{l}.attn.norm.weight", "transformer.h.{l}.ln_1.weight", kModel},
    WeightRow{"layers.{l}.attn.norm.bias", "transformer.h.{l}.ln_1.bias", kModel},
    WeightRow{"layers.{l}.attn.q.weight", "transformer.h.{l}.attn.q_proj.weight", kHeads, kModel, true},
    WeightRow{"layers.{l}.attn.k.weight", "transformer.h.{l}.attn.k_proj.weight", kHeads, kModel, true},
    WeightRow{"layers.{l}.attn.v.weight", "transformer.h.{l}.attn.v_proj.weight", kHeads, kModel, true},
    WeightRow{"layers.{l}.attn.out.weight", "transformer.h.{l}.attn.out_proj.weight", kModel, kHeads, true},
    WeightRow{"layers.{l}.mlp.in.weight", "transformer.h.{l}.mlp.fc_in.weight", kMlp, kModel, true},
    WeightRow{"layers.{l}.mlp.in.bias", "transformer.h.{l}.mlp.fc_in.bias", kMlp},
    WeightRow{"layers.{l}.mlp.out.weight", "transformer.h.{l}.mlp.fc_out.weight", kModel, kMlp, true},
    WeightRow{"layers.{l}.mlp.out.bias", "transformer.h.{l}.mlp.fc_out.bias", kModel},
    WeightRow{"final_norm.weight", "transformer.ln_f.weight", kModel},
    WeightRow{"final_norm.bias", "transformer.ln_f.bias", kModel},
    WeightRow{"unembed", "lm_head.weight", kVocab, kModel, false, kUntied},
    WeightRow{"unembed_bias", "lm_head.bias", kVocab},
};
constexpr std::array<std::string_view, 2> kGptJIgnored = {".attn.bias", ".attn.masked_bias"};

/// One norm feeds both blocks of a layer. Neighbouring coordinates turn, the first `rotary_dim`.
void read_gptj(const Document& json, ModelConfig& config) {
  config.shared_norm = true;
  Rotary& rotary = config.layers.front().rotary;
  rotary.turns_neighbours = true;
  const Document* n_dims = json.find("rotary_dim");
  if (n_dims != nullptr && n_dims->is_null()) throw n_dims->error("expected a number: how many coordinates turn");
  rotary.n_dims = n_dims == nullptr ? 64 : positive(*n_dims);
  if (rotary.n_dims % 2 != 0 || rotary.n_dims > config.d_head) {
    throw(n_dims == nullptr ? json : *n_dims)
        .error(fmt::format("rotary_dim = {}: expected an even number up to a head's {} coordinates", rotary.n_dims,
                           config.d_head));
  }
}

}  // namespace

constinit const Architecture kGptJ = {.model_type = "gptj",
                                      .class_name = "GPTJForCausalLM",
                                      .optional_prefix = "transformer.",
                                      .keys = {.n_positions = "n_positions",
                                               .d_model = "n_embd",
                                               .n_layers = "n_layer",
                                               .n_heads = "n_head",
                                               .d_mlp = "n_inner",
                                               .activation = "activation_function",
                                               .norm_epsilon = "layer_norm_epsilon"},
                                      .defaults = {.activation = Activation::kGeluTanh,
                                                   .norm_epsilon = 1e-5,
                                                   .mlp_widths = 4,
                                                   .parallel_residual = true,
                                                   .mlp_bias = true},
                                      .weights = kGptJWeights,
                                      .ignored_suffixes = kGptJIgnored,
                                      .read = read_gptj};

}  // namespace cprobe
