#include <nlohmann/json.hpp>

#include "cprobe/io/safetensors.h"
#include "tests/support.h"
#include "tests/tensors.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

using testing::agree;
using testing::drawn_model;
using testing::TemporaryFolder;
using testing::tiny_config;
using testing::write_bytes;
using Tensors = std::map<std::string, at::Tensor>;

/// The weights of a model of the tiny configuration, by the checkpoint's names and in its layout.
Tensors checkpoint(const Model& model) {
  Tensors tensors;
  for (const WeightInfo& info : weights_of(model.config)) tensors[info.source] = model.weight(info.name);
  return tensors;
}

Tensors checkpoint() {
  return checkpoint(drawn_model(tiny_config()));
}

void write_checkpoint(const TemporaryFolder& folder, const Tensors& tensors,
                      const ModelConfig& config = tiny_config()) {
  write_bytes(folder / "config.json", config_json(config));
  write_safetensors(folder / "model.safetensors", tensors);
}

/// Saves tensors and a configuration as a model folder, and loads the folder.
Model load(const Tensors& tensors, const ModelConfig& config = tiny_config()) {
  const TemporaryFolder folder;
  write_checkpoint(folder, tensors, config);
  return load_model(folder.path());
}

void expect_same_weights(const Model& ours, const Model& expected) {
  EXPECT_EQ(ours.weights.size(), expected.weights.size());
  for (const auto& [name, weight] : expected.weights) {
    EXPECT_TRUE(at::equal(ours.weight(name), weight)) << name << ": " << agree(ours.weight(name), weight, 0).message();
  }
}

TEST(ModelFolder, GivesBackEveryBitThatWasSaved) {
  for (const bool tied : {true, false}) {
    ModelConfig config = tiny_config();
    config.tied_unembedding = tied;
    const Model model = drawn_model(config);
    const TemporaryFolder folder;
    save_model(model, folder.path());
    const Model loaded = load_model(folder.path());
    EXPECT_EQ(config_json(loaded.config), config_json(config));
    expect_same_weights(loaded, model);
    EXPECT_EQ(fingerprint(loaded), fingerprint(model));
  }
}

TEST(ModelFolder, KeepsMatricesAsTheyAreStoredAndWidensVectors) {
  const Model model = drawn_model(tiny_config());
  for (const at::ScalarType dtype : {at::kHalf, at::kBFloat16}) {
    Tensors halves = checkpoint(model);
    for (auto& [name, weight] : halves) weight = weight.to(dtype);
    Model expected = model;
    for (auto& [name, weight] : expected.weights) {
      weight = weight.to(dtype);
      if (weight.dim() == 1) weight = weight.to(at::kFloat);
    }
    const Model loaded = load(halves);
    for (const auto& [name, weight] : loaded.weights) {
      EXPECT_EQ(weight.scalar_type(), weight.dim() == 2 ? dtype : at::kFloat) << name;
    }
    expect_same_weights(loaded, expected);
  }
}

TEST(ModelFolder, HasOneFingerprintForAllDtypesOfTheSameNumbers) {
  for (const auto& [kind, config] : testing::all_kinds()) {
    if (std::string_view(kind) == "silu_grouped") continue;  // No config.json says this.
    const Model halves = testing::with_halves(drawn_model(config), at::kBFloat16), floats = testing::in_float32(halves);
    Tensors stored_halves, stored_floats;
    for (const WeightInfo& info : weights_of(config)) {
      const at::Tensor weight = halves.weight(info.name), stored = info.transposed ? weight.t() : weight;
      stored_halves[info.source] = stored;
      stored_floats[info.source] = stored.to(at::kFloat);
    }
    const std::string expected = fingerprint(floats);
    EXPECT_THAT(expected, ::testing::MatchesRegex("w2:[0-9a-f]{16}")) << kind;
    EXPECT_EQ(fingerprint(halves), expected) << kind;
    EXPECT_EQ(fingerprint(load(stored_halves, config)), expected) << kind;
    EXPECT_EQ(fingerprint(load(stored_floats, config)), expected) << kind;
    Model contiguous = floats;
    for (auto& [name, weight] : contiguous.weights) weight = weight.contiguous();
    EXPECT_EQ(fingerprint(contiguous), expected) << kind;
    EXPECT_NE(fingerprint(drawn_model(config)), expected) << kind << ": rounding changed nothing";
  }
}

TEST(ModelFolder, FingerprintFollowsChangesAfterLoading) {
  Model model = load(checkpoint());
  const std::string loaded = fingerprint(model);
  const Model copy = model;
  model.weights["layers.1.mlp.in.weight"] = model.weight("layers.1.mlp.in.weight") + 1;
  const std::string replaced = fingerprint(model);
  EXPECT_NE(replaced, loaded);
  EXPECT_EQ(fingerprint(copy), loaded);
  EXPECT_NE(fingerprint(with_shuffled_component(copy, {0, Block::kMlp}, Seed(1))), loaded);
  model = load([] {
    Tensors halves = checkpoint();
    for (auto& [name, weight] : halves) weight = weight.to(at::kBFloat16);
    return halves;
  }());
  const std::string before = fingerprint(model);
  model.weights["layers.1.mlp.in.bias"].add_(1);  // float32 of its own, not the file's
  EXPECT_NE(fingerprint(model), before);
}

/// A cache in a folder, for files of any size and age.
DigestCache cache_in(const TemporaryFolder& folder) {
  return {.folder = folder / "cache", .least_bytes = 0, .least_age = 0};
}

TEST(ModelFolder, IsNotReadAgainWhileItsFilesStay) {
  const TemporaryFolder folder;
  write_checkpoint(folder, checkpoint());
  const DigestCache cache = cache_in(folder);
  const std::string computed = fingerprint(load_model(folder.path(), cache));
  EXPECT_EQ(fingerprint(load_model(folder.path(), cache)), computed);
  // Digests of other numbers, kept for the same file, show that the file is not read.
  const SafetensorsFile file = SafetensorsFile::open(folder / "model.safetensors");
  Digests digests = kept_digests(cache, file);
  EXPECT_EQ(digests.size(), checkpoint().size());
  ++digests.begin()->second;
  keep_digests(cache, file, digests);
  EXPECT_NE(fingerprint(load_model(folder.path(), cache)), computed);
  digests.erase(digests.begin());
  keep_digests(cache, file, digests);
  EXPECT_EQ(fingerprint(load_model(folder.path(), cache)), computed) << "a tensor that was not kept is read";
  EXPECT_EQ(kept_digests(cache, file).size(), checkpoint().size());
  write_checkpoint(folder, checkpoint(drawn_model(tiny_config(), Seed(8))));
  EXPECT_EQ(fingerprint(load_model(folder.path(), cache)), fingerprint(load_model(folder.path(), {})));
  EXPECT_NE(fingerprint(load_model(folder.path(), cache)), computed);
}

TEST(ModelFolder, IsRefusedAgainIfItsNumbersAreNotFinite) {
  const TemporaryFolder folder;
  Tensors tensors = checkpoint();
  tensors["transformer.h.1.attn.c_attn.bias"] = at::full({24}, NAN);
  write_checkpoint(folder, tensors);
  for (int i = 0; i < 2; ++i) {
    EXPECT_INPUT_ERROR(load_model(folder.path(), cache_in(folder)), "holds NaN or infinite values");
  }
}

TEST(Fingerprints, OfAnEarlierFormAreNotOfAnotherModel) {
  EXPECT_FALSE(are_of_different_models("w2:0123456789abcdef", "w2:0123456789abcdef"));
  EXPECT_TRUE(are_of_different_models("w2:0123456789abcdef", "w2:0123456789abcdee"));
  EXPECT_TRUE(are_of_different_models("0123456789abcdef", "0123456789abcdee"));
  EXPECT_FALSE(are_of_different_models("w2:0123456789abcdef", "0123456789abcdee"));
  EXPECT_FALSE(are_of_different_models("0123456789abcdee", "w2:0123456789abcdef"));
}

TEST(ModelFolder, FindsWeightsInShards) {
  const Model model = drawn_model(tiny_config());
  const TemporaryFolder folder;
  write_bytes(folder / "config.json", config_json(model.config));
  Tensors shards[2];
  nlohmann::json index = {{"metadata", nlohmann::json::object()}};
  size_t i = 0;
  for (const auto& [name, weight] : checkpoint(model)) {
    const size_t shard = i++ % 2;
    shards[shard][name] = weight;
    index["weight_map"][name] = fmt::format("model-0000{}-of-00002.safetensors", shard + 1);
  }
  for (size_t s : {0u, 1u})
    write_safetensors(folder / fmt::format("model-0000{}-of-00002.safetensors", s + 1), shards[s]);
  write_bytes(folder / "model.safetensors.index.json", index.dump());
  expect_same_weights(load_model(folder.path()), model);
}

TEST(ModelFolder, MayLackThePrefixAndHoldCausalMasks) {
  const Model model = drawn_model(tiny_config());
  Tensors published;
  for (const auto& [name, weight] : checkpoint(model))
    published[name.substr(std::string("transformer.").size())] = weight;
  published["h.0.attn.bias"] = at::ones({1, 1, 7, 7}).tril();
  published["h.1.attn.masked_bias"] = at::full({}, -1e4);
  expect_same_weights(load(published), model);
}

TEST(ModelFolder, MayHoldATiedUnembeddingTwice) {
  const Model model = drawn_model(tiny_config());
  Tensors tensors = checkpoint(model);
  tensors["lm_head.weight"] = model.weight("embed.token");
  expect_same_weights(load(tensors), model);
  tensors["lm_head.weight"] = model.weight("embed.token") + 1;
  EXPECT_INPUT_ERROR(load(tensors), "tensor 'lm_head.weight': differs from the token embedding");
}

TEST(ModelFolder, RefusesWeightsThatAreNotTheModelsAndNamesThem) {
  struct BadTensor {
    const char* name;
    at::Tensor value;  ///< Undefined: the file lacks the tensor.
    const char* message;
  };
  const at::Tensor nan = at::zeros({24}), infinite = at::zeros({8, 12});
  nan[7] = NAN;
  infinite[3][4] = -INFINITY;
  const std::vector<BadTensor> cases = {
      {"transformer.h.1.mlp.c_fc.bias", {}, "no tensor 'transformer.h.1.mlp.c_fc.bias'; config.json asks for it"},
      {"transformer.h.2.ln_1.bias", at::zeros({8}), "not part of a gpt2 model with 2 layers"},
      {"transformer.h.0.attn.c_attn.weight", at::zeros({24, 8}), "shape [24, 8], but config.json asks for [8, 24]"},
      {"transformer.wte.weight", at::zeros({12, 8}), "shape [12, 8], but config.json asks for [13, 8]"},
      {"transformer.ln_f.weight", at::zeros({8, 1}), "shape [8, 1], but config.json asks for [8]"},
      {"transformer.h.0.attn.c_proj.bias", at::zeros({8}, at::kLong), "dtype Long, expected F32, F16 or BF16"},
      {"transformer.h.0.attn.c_proj.bias", at::zeros({8}, at::kDouble), "dtype Double"},
      {"transformer.h.1.attn.c_attn.bias", nan, "holds NaN or infinite values"},
      {"transformer.h.1.mlp.c_fc.weight", infinite, "holds NaN or infinite values"},
  };
  for (const BadTensor& bad : cases) {
    SCOPED_TRACE(bad.message);
    Tensors tensors = checkpoint();
    tensors[bad.name] = bad.value;
    if (!bad.value.defined()) tensors.erase(bad.name);
    const TemporaryFolder folder;
    write_checkpoint(folder, tensors);
    EXPECT_INPUT_ERROR(load_model(folder.path()), bad.message);
    EXPECT_INPUT_ERROR(load_model(folder.path()), std::string("tensor '") + bad.name + "'");
    EXPECT_INPUT_ERROR(load_model(folder.path()), folder.path().string());
  }
}

TEST(ModelFolder, RefusesADamagedOrMissingFileAndNamesIt) {
  const TemporaryFolder folder;
  EXPECT_INPUT_ERROR(load_model(folder / "nothing"), "no such folder");
  EXPECT_INPUT_ERROR(load_model(folder.path()), "config.json");
  write_bytes(folder / "config.json", config_json(tiny_config()));
  EXPECT_INPUT_ERROR(load_model(folder.path()), "model.safetensors");
  write_bytes(folder / "model.safetensors", "");
  EXPECT_INPUT_ERROR(load_model(folder.path()), "model.safetensors");
  write_checkpoint(folder, checkpoint());
  std::filesystem::resize_file(folder / "model.safetensors",
                               std::filesystem::file_size(folder / "model.safetensors") - 4);
  EXPECT_INPUT_ERROR(load_model(folder.path()), "model.safetensors");
}

TEST(ModelFolder, RefusesMoreLayersThanTheCheckpointCouldHold) {
  ModelConfig config = tiny_config();
  config.n_layers = 1'000'000'000;  // too many to enumerate
  EXPECT_INPUT_ERROR(load(checkpoint(), config),
                     "config.json: 1000000000 layers, but the checkpoint has only 28 tensors");
}

}  // namespace
}  // namespace cprobe
