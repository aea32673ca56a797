#include <cmath>

#include "tests/support.h"
#include "tests/tensors.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

using testing::tiny_config;

TEST(RandomModel, DrawsAsGpt2DoesAndLeavesBiasesAndNormsAtTheirStart) {
  ModelConfig config = tiny_config();
  config.d_model = 64;
  config.d_head = 32;
  config.d_mlp = 256;
  config.initializer_range = 0.02;
  const Model model = random_model(config, Seed(1));
  const auto deviation = [&](const char* name) { return model.weight(name).std().item<double>(); };
  // Each matrix has at least 4096 numbers. Their deviation has a standard error of about 1 %.
  EXPECT_NEAR(deviation("layers.0.attn.qkv.weight"), 0.02, 0.001);
  EXPECT_NEAR(deviation("layers.1.mlp.in.weight"), 0.02, 0.001);
  EXPECT_NEAR(deviation("layers.0.attn.out.weight"), 0.02 / std::sqrt(2.0 * 2), 0.0005);
  EXPECT_NEAR(deviation("layers.1.mlp.out.weight"), 0.02 / std::sqrt(2.0 * 2), 0.0005);
  EXPECT_TRUE(at::equal(model.weight("layers.1.mlp.norm.weight"), at::ones({64})));
  EXPECT_TRUE(at::equal(model.weight("final_norm.weight"), at::ones({64})));
  EXPECT_TRUE(at::equal(model.weight("final_norm.bias"), at::zeros({64})));
  EXPECT_TRUE(at::equal(model.weight("layers.0.mlp.in.bias"), at::zeros({256})));
}

TEST(RandomModel, IsTheSameForTheSameSeedOnly) {
  const std::string first = fingerprint(random_model(tiny_config(), Seed(1)));
  EXPECT_EQ(fingerprint(random_model(tiny_config(), Seed(1))), first);
  EXPECT_NE(fingerprint(random_model(tiny_config(), Seed(2))), first);
}

TEST(RandomModel, DrawsEachWeightFromItsOwnStream) {
  ModelConfig deeper = tiny_config();
  deeper.n_layers = 3;
  const Model shallow_model = random_model(tiny_config(), Seed(1)), deep_model = random_model(deeper, Seed(1));
  EXPECT_TRUE(at::equal(shallow_model.weight("embed.token"), deep_model.weight("embed.token")));
  EXPECT_TRUE(at::equal(shallow_model.weight("layers.1.mlp.in.weight"), deep_model.weight("layers.1.mlp.in.weight")));
}

TEST(Fingerprint, ChangesWithAnyWeightAndSize) {
  const Model model = testing::drawn_model(tiny_config());
  for (const char* name : {"embed.token", "layers.1.attn.out.bias", "final_norm.weight"}) {
    Model changed = model;
    changed.weights.at(name) = changed.weights.at(name).clone();
    changed.weights.at(name).view(-1)[0] += 1e-3;
    EXPECT_NE(fingerprint(changed), fingerprint(model)) << name;
  }
  Model other = model;
  other.config.activation = Activation::kRelu;
  EXPECT_NE(fingerprint(other), fingerprint(model));
}

TEST(Reinitialised, DrawsAllWeightsAgainOrAllButTheEmbeddings) {
  ModelConfig untied = tiny_config();
  untied.tied_unembedding = false;
  const Model model = testing::drawn_model(untied);
  for (const bool keep : {false, true}) {
    const Model fresh = reinitialised(model, keep, Seed(4));
    for (const auto& [name, weight] : model.weights) {
      const bool embedding = name == "embed.token" || name == "embed.position";
      EXPECT_EQ(at::equal(fresh.weight(name), weight), keep && embedding) << name;
    }
  }
}

TEST(ShuffledComponent, PermutesTheEntriesOfItsMatricesAndNothingElse) {
  const Model model = testing::drawn_model(tiny_config());
  const Model shuffled = with_shuffled_component(model, {1, Block::kMlp}, Seed(4));
  for (const auto& [name, weight] : model.weights) {
    const bool chosen = name == "layers.1.mlp.in.weight" || name == "layers.1.mlp.out.weight";
    const at::Tensor& ours = shuffled.weight(name);
    EXPECT_EQ(at::equal(ours, weight), !chosen) << name;
    EXPECT_TRUE(at::equal(std::get<0>(ours.reshape(-1).sort()), std::get<0>(weight.reshape(-1).sort()))) << name;
  }
}

TEST(Model, NamesAWeightThatItLacks) {
  EXPECT_FAILED_ERROR(testing::drawn_model(tiny_config()).weight("unembed"), "no weight 'unembed'");
}

}  // namespace
}  // namespace cprobe
