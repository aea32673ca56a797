#include "cprobe/model/config_reading.h"
#include "cprobe/model/families/families.h"

namespace cprobe {
namespace {

using enum Axis;
using enum Presence;

constexpr std::array kNeoWeights = {
    WeightRow{"embed.token", "transformer.wte.weight", kVocab, kModel},
    WeightRow{"embed.position", "transformer.wpe.weight", kPositions, kModel},
    WeightRow{"layers.{l}.attn.norm.weight", "transformer.h.{l}.ln_1.weight", kModel},
    WeightRow{"layers.{l}.attn.norm.bias", "transformer.h.{l}.ln_1.bias", kModel},
    WeightRow{"layers.{l}.attn.q.weight", "transformer.h.{l}.attn.attention.q_proj.weight", kHeads, kModel, true},
    WeightRow{"layers.{l}.attn.k.weight", "transformer.h.{l}.attn.attention.k_proj.weight", kHeads, kModel, true},
    WeightRow{"layers.{l}.attn.v.weight", "transformer.h.{l}.attn.attention.v_proj.weight", kHeads, kModel, true},
    WeightRow{"layers.{l}.attn.out.weight", "transformer.h.{l}.attn.attention.out_proj.weight", kModel, kHeads, true},
    WeightRow{"layers.{l}.attn.out.bias", "transformer.h.{l}.attn.attention.out_proj.bias", kModel},
    WeightRow{"layers.{l}.mlp.norm.weight", "transformer.h.{l}.ln_2.weight", kModel},
    WeightRow{"layers.{l}.mlp.norm.bias", "transformer.h.{l}.ln_2.bias", kModel},
    WeightRow{"layers.{l}.mlp.in.weight", "transformer.h.{l}.mlp.c_fc.weight", kMlp, kModel, true},
    WeightRow{"layers.{l}.mlp.in.bias", "transformer.h.{l}.mlp.c_fc.bias", kMlp},
    WeightRow{"layers.{l}.mlp.out.weight", "transformer.h.{l}.mlp.c_proj.weight", kModel, kMlp, true},
    WeightRow{"layers.{l}.mlp.out.bias", "transformer.h.{l}.mlp.c_proj.bias", kModel},
    WeightRow{"final_norm.weight", "transformer.ln_f.weight", kModel},
    WeightRow{"final_norm.bias", "transformer.ln_f.bias", kModel},
    WeightRow{"unembed", "lm_head.weight", kVocab, kModel, false, kUntied},
};
constexpr std::array<std::string_view, 2> kNeoIgnored = {".attn.attention.bias", ".attn.attention.masked_bias"};

/// Scores are not scaled, and attention of some layers is local.
void read_gpt_neo(const Document& json, ModelConfig& config) {
  const int64_t window = value_or(json, "window_size", int64_t{256}, positive);
  const Document& types = json.at("attention_types");
  std::vector<bool> is_local;
  for (const Document& group : types.items()) {
    if (!group.is_list() || group.items().size() != 2 || !group.items()[0].is_list()) {
      throw group.error("expected [[KIND, ...], TIMES]");
    }
    const int64_t times = positive(group.items()[1]);
    for (int64_t i = 0; i < times && std::ssize(is_local) <= config.n_layers; ++i) {
      for (const Document& kind : group.items()[0].items()) {
        const std::string text = kind.as_text();
        if (text != "local" && text != "global") {
          throw kind.error(fmt::format("attention of kind '{}': expected global or local", text));
        }
        is_local.push_back(text == "local");
      }
    }
  }
  if (std::ssize(is_local) != config.n_layers) {
    throw types.error(
        fmt::format("says the kind of {} layers, but num_layers is {}", is_local.size(), config.n_layers));
  }
  if (const Document* layers = json.given("attention_layers")) {
    std::vector<bool> spelled_out;
    for (const Document& kind : layers->items()) spelled_out.push_back(kind.as_text() == "local");
    if (spelled_out != is_local) throw layers->error("says otherwise than attention_types");
  }
  int64_t number = 0;
  for (LayerConfig& layer : every_layer(config)) {
    layer.attention.scale = 1;
    if (is_local[static_cast<size_t>(number++)]) layer.attention.window = window;
  }
}

}  // namespace

constinit const Architecture kGptNeo = {.model_type = "gpt_neo",
                                        .class_name = "GPTNeoForCausalLM",
                                        .optional_prefix = "transformer.",
                                        .keys = {.n_layers = "num_layers",
                                                 .n_heads = "num_heads",
                                                 .activation = "activation_function",
                                                 .norm_epsilon = "layer_norm_epsilon"},
                                        .defaults = {.activation = Activation::kGeluTanh,
                                                     .norm_epsilon = 1e-5,
                                                     .mlp_widths = 4,
                                                     .tied_unembedding = true,
                                                     .rotary_share = 0,
                                                     .attention_out_bias = true,
                                                     .mlp_bias = true},
                                        .weights = kNeoWeights,
                                        .ignored_suffixes = kNeoIgnored,
                                        .read = read_gpt_neo};

}  // namespace cprobe
