#include "cprobe/model/architecture.h"

#include <set>

#include "tests/support.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using testing::tiny_config;

/// The names that `weights_of` gives: canonical name -> name in the checkpoint.
std::map<std::string, std::string> sources(const ModelConfig& config) {
  std::map<std::string, std::string> by_name;
  for (const WeightInfo& info : weights_of(config)) by_name[info.name] = info.source;
  return by_name;
}

TEST(ArchitectureTable, GivesEveryWeightOneNameOneSourceAndAShape) {
  for (const Architecture* each : architectures()) {
    const Architecture& architecture = *each;
    for (const bool tied : {true, false}) {
      ModelConfig config = tiny_config();
      config.architecture = architecture.model_type;
      config.tied_unembedding = tied;
      size_t n_expected = 0;
      for (const WeightRow& row : architecture.weights) {
        SCOPED_TRACE(row.name);
        EXPECT_NE(row.rows, Axis::kNone);
        EXPECT_EQ(row.name.find("{l}") == std::string_view::npos, row.source.find("{l}") == std::string_view::npos);
        EXPECT_TRUE(!row.transposed || row.columns != Axis::kNone) << "only a matrix can be transposed";
        EXPECT_EQ(row.name.find("{h}") == std::string_view::npos, row.copies == Axis::kNone);
        if (row.present == Presence::kUntied && tied) continue;
        if (row.present == Presence::kQkNorms || row.present == Presence::kEmbeddingMap) continue;
        n_expected += row.name.find("{l}") == std::string_view::npos ? 1 : static_cast<size_t>(config.n_layers);
      }
      std::set<std::string> names, from;
      for (const WeightInfo& info : weights_of(config)) {
        SCOPED_TRACE(info.name);
        EXPECT_TRUE(names.insert(info.name).second) << "a second weight of this name";
        EXPECT_TRUE(from.insert(info.source).second) << "a second weight from " << info.source;
        EXPECT_EQ(info.name.find('{'), std::string::npos);
        EXPECT_EQ(info.source.find('{'), std::string::npos) << info.source;
        for (const int64_t length : info.source_shape) EXPECT_GT(length, 0);
      }
      EXPECT_EQ(names.size(), n_expected) << architecture.model_type << (tied ? ", tied" : ", untied");
    }
  }
}

TEST(ArchitectureTable, FindsEachArchitectureByItsModelType) {
  for (const Architecture* architecture : architectures()) {
    EXPECT_EQ(&find_architecture(architecture->model_type), architecture);
  }
  EXPECT_INPUT_ERROR(find_architecture("gpt3"), "model_type 'gpt3' is not implemented; known: gpt2");
}

TEST(ArchitectureTable, NamesGpt2WeightsAsPublished) {
  const std::map<std::string, std::string> by_name = sources(tiny_config());
  EXPECT_EQ(by_name.at("embed.token"), "transformer.wte.weight");
  EXPECT_EQ(by_name.at("layers.1.attn.qkv.bias"), "transformer.h.1.attn.c_attn.bias");
  EXPECT_EQ(by_name.at("layers.0.mlp.norm.weight"), "transformer.h.0.ln_2.weight");
  EXPECT_EQ(by_name.at("layers.1.mlp.out.weight"), "transformer.h.1.mlp.c_proj.weight");
  EXPECT_EQ(by_name.count("unembed"), 0u);
  ModelConfig untied = tiny_config();
  untied.tied_unembedding = false;
  EXPECT_EQ(sources(untied).at("unembed"), "lm_head.weight");
}

TEST(Matrices, OfAComponentComeInTheOrderTheDataFlows) {
  const auto describe = [](const ModelConfig& config, const ComponentRef& component) {
    std::vector<std::string> texts;
    for (const MatrixInfo& m : matrices_of(config, component)) {
      texts.push_back(fmt::format("{} {} {} {}x{}", m.name, m.short_name, m.source, m.n_in, m.n_out));
    }
    return texts;
  };
  const ModelConfig config = tiny_config();
  EXPECT_THAT(describe(config, {1, Block::kAttention}),
              ElementsAre("layers.1.attn.qkv c_attn transformer.h.1.attn.c_attn.weight 8x24",
                          "layers.1.attn.out c_proj transformer.h.1.attn.c_proj.weight 8x8"));
  EXPECT_THAT(describe(config, {0, Block::kMlp}),
              ElementsAre("layers.0.mlp.in c_fc transformer.h.0.mlp.c_fc.weight 8x12",
                          "layers.0.mlp.out c_proj transformer.h.0.mlp.c_proj.weight 12x8"));
  EXPECT_INPUT_ERROR(matrices_of(config, {2, Block::kMlp}), "L2.mlp: the model has layers 0 to 1");
}

TEST(Matrices, HaveTheSizesOfTheWeightsTheyName) {
  for (const auto& [name, config] : testing::all_kinds()) {
    const Model model = testing::drawn_model(config);
    for (const Block block : {Block::kAttention, Block::kMlp}) {
      for (const MatrixInfo& matrix : matrices_of(config, {1, block})) {
        const Linear map = model.linear(matrix.name);
        EXPECT_EQ(map.weight.sizes(), at::IntArrayRef({matrix.n_in, matrix.n_out})) << name << " " << matrix.name;
        if (map.bias.defined()) {
          EXPECT_EQ(map.bias.sizes(), at::IntArrayRef({matrix.n_out})) << name << " " << matrix.name;
        }
      }
    }
  }
}

TEST(Component, TextFormsGoThereAndBack) {
  for (const ComponentRef component : {ComponentRef{0, Block::kMlp}, ComponentRef{11, Block::kAttention}}) {
    EXPECT_EQ(parse_component(to_string(component)), component);
  }
  EXPECT_EQ(to_string(ComponentRef{11, Block::kAttention}), "L11.attn");
  for (const char* text : {"", "L", "L.attn", "6.attn", "L6", "L-1.mlp", "L6x.mlp", "L99999999999999999999.mlp"}) {
    EXPECT_INPUT_ERROR(parse_component(text), "is no component");
  }
  EXPECT_INPUT_ERROR(parse_component("L6.mpl"), "unknown block 'mpl'");
}

TEST(Site, CountsTheComponentsBeforeIt) {
  const ComponentRef attention{2, Block::kAttention}, mlp{2, Block::kMlp};
  EXPECT_EQ(Site::before(attention).index, 4);
  EXPECT_EQ(Site::after(attention), Site::before(mlp));
  EXPECT_EQ(Site::after(mlp).index, 6);
  EXPECT_EQ(Site::end(tiny_config()), Site::after({1, Block::kMlp}));
  for (const ComponentRef component : {attention, mlp}) EXPECT_EQ(Site::before(component).next(), component);
}

}  // namespace
}  // namespace cprobe
