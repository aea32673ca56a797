#include "cprobe/plant/implant.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "cprobe/model/component.h"
#include "cprobe/plant/acceptance.h"
#include "tests/support.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

constexpr int64_t kTypes = 24;

/// A kind of model, wide enough for its stream to tell tokens apart.
Model wide_model(ModelConfig config) {
  config.vocab = kTypes + 4;
  config.d_model = 48;
  config.d_mlp = 96;
  if (config.architecture != "llama" && config.architecture != "qwen2") config.d_head = 48 / config.n_heads;
  if (config.architecture == "gpt2" && config.n_kv_heads != config.n_heads) config.n_kv_heads = config.n_heads;
  return testing::drawn_model(config);
}

/// Rows of a random token and a last token, by which the type goes. The model's own answers are
/// right, so that its accuracy is 1.
Dataset rows_of(const Model& model) {
  std::vector<std::vector<int64_t>> rows;
  std::vector<int64_t> types;
  for (int64_t type = 0; type < kTypes; ++type) {
    for (int64_t context = 0; context < 4; ++context) {
      rows.push_back({kTypes + context, type});
      types.push_back(type);
    }
  }
  Dataset data{.source = "rows", .trie = build_trie(rows)};
  const at::Tensor states = stream_at(model, data.trie, Site::end(model.config)).at_nodes(data.trie.nodes_at(-1));
  data.answers = logits(model, states).argmax(1);
  data.variables["type"] = at::tensor(types, at::kLong);
  return data;
}

struct Implanted {
  ImplantDesign design;
  Model model;
  Truth truth;
  Dataset data;  ///< With the column `implant`.
};

Implanted implant(const Model& model, ImplantOptions options, double strength = 1, Seed seed = Seed(3)) {
  Dataset data = rows_of(model);
  const at::Tensor types = data.variables.at("type");
  const TypedRows rows{&data, types};
  const ImplantPartition partition = draw_partition(kTypes, options, seed);
  const ImplantDesign design = design_implant(model, {&rows, 1}, partition, options, seed);
  data.variables["implant"] = at::tensor(partition.class_of_type, at::kLong).index_select(0, types);
  Model wide = implanted(model, design, strength);
  Truth truth = implant_truth(wide.config, design, "implant", strength, task_accuracy(model, data), seed);
  return {design, std::move(wide), std::move(truth), std::move(data)};
}

const ImplantOptions kIntoFirst = {.component = {0, Block::kMlp}};

TEST(Implant, HoldsItsTruthInEveryKindOfModel) {
  for (const auto& [name, config] : testing::all_kinds()) {
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
      SCOPED_TRACE(std::string(name) + " " + toString(dtype));
      const Model model = testing::with_halves(wide_model(config), dtype);
      for (const double strength : {.25, 2.}) {
        const Implanted made = implant(model, {.component = {1, Block::kMlp}}, strength);
        EXPECT_GE(made.design.reading, kLeastReading);
        for (const PlantedExchange& exchange : check_units(made.model, made.truth, made.data, Seed(1))) {
          EXPECT_GE(exchange.by_units, kLeastMovedByUnits);
          EXPECT_LE(exchange.by_others, kMostMovedByOthers);
        }
      }
    }
  }
}

TEST(Implant, AddsWhatItsStrengthSaysAndNothingElsewhere) {
  const Model model = wide_model(testing::llama_config());
  const Implanted made = implant(model, kIntoFirst, 0.5);
  EXPECT_EQ(made.model.config.d_mlp, model.config.d_mlp + 16);
  const at::Tensor probed = made.data.trie.nodes_at(-1);
  const Site before = Site::before(kIntoFirst.component), after = Site::after(kIntoFirst.component);
  const at::Tensor input = stream_at(model, made.data.trie, before).at_nodes(probed);
  const at::Tensor old_update = stream_at(model, made.data.trie, after).at_nodes(probed) - input;
  const at::Tensor update = stream_at(made.model, made.data.trie, after).at_nodes(probed) - input;
  const double ratio = ((update - old_update).norm(2, {1}).mean() / old_update.norm(2, {1}).mean()).item<double>();
  EXPECT_NEAR(ratio, 0.5, 0.1);

  // Behind the component only zeros were added: with the implant's rows at zero, the model is the
  // old one.
  Model silent = made.model;
  at::Tensor& out = silent.weights.at("layers.0.mlp.out.weight");
  out = out.clone();
  out.narrow(0, model.config.d_mlp, 16).zero_();
  EXPECT_TRUE(at::allclose(testing::final_states(silent, made.data.trie), testing::final_states(model, made.data.trie),
                           1e-4, 1e-5));
}

TEST(Implant, KeepsBehaviourWhereItIsWeak) {
  const Model model = wide_model(testing::tiny_config());
  const Implanted made = implant(model, {.component = {1, Block::kMlp}, .n_units = 8}, 0.002);
  EXPECT_NO_THROW(check_truth(made.model, made.truth, made.data, Seed(1)));
  const Implanted loud = implant(model, {.component = {1, Block::kMlp}, .n_units = 8}, 50);
  EXPECT_INPUT_ERROR(check_truth(loud.model, loud.truth, loud.data, Seed(1)), "changes what the model answers");
}

TEST(Implant, RefusesAWrongTruth) {
  const Model model = wide_model(testing::llama_config());
  const Implanted made = implant(model, kIntoFirst);
  Truth wrong = made.truth;
  for (PlantedUnits& matrix : wrong.variables.front().matrices) {
    if (matrix.other.empty()) continue;  // The last matrix.
    // As many units as the implant has, but old ones.
    std::vector<int64_t> old(matrix.other.begin(), matrix.other.begin() + 16);
    matrix.other.erase(matrix.other.begin(), matrix.other.begin() + 16);
    matrix.other.insert(matrix.other.end(), matrix.units.begin(), matrix.units.end());
    matrix.units = old;
  }
  EXPECT_INPUT_ERROR(check_units(made.model, wrong, made.data, Seed(1)), "does not hold");

  Truth other_class = made.truth;
  at::Tensor& code = other_class.variables.front().code;
  code = code.roll(1, 0);
  EXPECT_INPUT_ERROR(check_units(made.model, other_class, made.data, Seed(1)), "does not hold");
}

TEST(Implant, IsImportantInItsUnitsOnly) {
  Implanted made = implant(wide_model(testing::llama_config()), kIntoFirst);
  measure_importance(made.truth, made.model, made.data, Seed(1));
  for (size_t m = 0; m < 2; ++m) {
    const std::vector<double>& importance = made.truth.variables.front().matrices[m].importance;
    double old = 0, implanted = 0;
    for (size_t unit = 0; unit < 96; ++unit) old += importance[unit] / 96;
    for (size_t unit = 96; unit < 112; ++unit) implanted += importance[unit] / 16;
    EXPECT_GT(implanted, 3 * old) << "matrix " << m;
  }
}

TEST(Implant, GivesTheSameBytesForTheSameSeed) {
  const Model model = testing::with_halves(wide_model(testing::tiny_config()), at::kHalf);
  const testing::TemporaryFolder folder;
  for (const auto& [name, seed] : {std::pair("a", 3), {"b", 3}, {"c", 4}}) {
    const Implanted made = implant(model, kIntoFirst, 1, Seed(static_cast<uint64_t>(seed)));
    save_model(made.model, folder / name);
    save_truth(made.truth, made.model.config, folder / name / kTruthFile);
  }
  for (const char* file : {"model.safetensors", "config.json"}) {
    EXPECT_EQ(testing::read_bytes(folder / "a" / file), testing::read_bytes(folder / "b" / file)) << file;
  }
  EXPECT_EQ(testing::read_bytes(folder / "a" / kTruthFile), testing::read_bytes(folder / "b" / kTruthFile));
  EXPECT_NE(testing::read_bytes(folder / "a" / "model.safetensors"),
            testing::read_bytes(folder / "c" / "model.safetensors"));
  const Model loaded = load_model(folder / "a");
  EXPECT_EQ(loaded.weight("layers.0.mlp.in.weight").scalar_type(), at::kHalf);
  EXPECT_NO_THROW(load_truth(folder / "a" / kTruthFile, loaded.config));
}

TEST(Implant, DividesUnitsAmongCellsAndCellsAmongClasses) {
  const ImplantPartition partition = draw_partition(24, {.n_units = 16, .n_classes = 4}, Seed(1));
  EXPECT_EQ(partition.n_cells, 16);
  std::vector<int64_t> in_class(4), in_cell(16);
  for (size_t type = 0; type < 24; ++type) {
    ++in_class[static_cast<size_t>(partition.class_of_type[type])];
    ++in_cell[static_cast<size_t>(partition.cell_of_type[type])];
  }
  EXPECT_THAT(in_class, ::testing::Each(::testing::AllOf(::testing::Ge(4), ::testing::Le(8))));
  EXPECT_THAT(in_cell, ::testing::Each(::testing::AllOf(::testing::Ge(1), ::testing::Le(2))));
  EXPECT_EQ(draw_partition(24, {.n_units = 64}, Seed(1)).n_cells, 24);
}

TEST(Implant, RefusesWhatItCannotMake) {
  const Model model = wide_model(testing::tiny_config());
  EXPECT_INPUT_ERROR(implant(model, {.component = {0, Block::kAttention}}), "only MLPs");
  EXPECT_INPUT_ERROR(implant(model, {.component = {7, Block::kMlp}}), "L7");
  EXPECT_INPUT_ERROR(implant(model, {.component = {0, Block::kMlp}, .n_units = 3}), "3 units");
  EXPECT_INPUT_ERROR(implant(model, {.component = {0, Block::kMlp}, .n_units = -1}), "-1 units");
  EXPECT_INPUT_ERROR(implant(model, {.component = {0, Block::kMlp}, .n_classes = 1}), "at least 2");
  EXPECT_INPUT_ERROR(implant(model, {.component = {0, Block::kMlp}, .n_units = 40, .n_classes = 20}), "40 types");
  EXPECT_INPUT_ERROR(implant(model, kIntoFirst, 0), "strength 0");
  EXPECT_INPUT_ERROR(implant(model, kIntoFirst, -1), "strength -1");
}

TEST(Implant, SaysWhatAnInputThatTellsNothingAllows) {
  const Model model = wide_model(testing::tiny_config());
  const at::Tensor types = at::arange(4 * kTypes, at::kLong).remainder(kTypes);
  const Dataset data{.source = "rows", .trie = build_trie(std::vector<std::vector<int64_t>>(4 * kTypes, {1, 2}))};
  const std::array sets = {TypedRows{&data, types}};
  const ImplantPartition partition = draw_partition(kTypes, kIntoFirst, Seed(2));
  EXPECT_INPUT_ERROR(design_implant(model, sets, partition, kIntoFirst, Seed(2)), "are right in 0.250 of the rows");
}

}  // namespace
}  // namespace cprobe
