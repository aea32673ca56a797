#include "cprobe/circuit/circuit.h"

#include "cprobe/io/safetensors.h"
#include "tests/circuit/made_circuit.h"
#include "tests/support.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

using testing::TemporaryFolder;
using testing::tiny_config;

const ComponentRef kMlp{0, Block::kMlp}, kAttention{1, Block::kAttention};

/// A random circuit of the tiny model.
Circuit some_circuit(const std::vector<ComponentRef>& components, MaskUnit unit = MaskUnit::kNeuron) {
  Circuit circuit = testing::random_circuit(tiny_config(), components, 0.5, unit);
  circuit.provenance = {{"variable", "a^2"}, {"seed", "0"}};
  return circuit;
}

TEST(Circuit, CountsUnitsAndTheirWeights) {
  Circuit circuit = some_circuit({kMlp});  // [8, 12] and [12, 8].
  circuit.members = {at::arange(12) < 3, at::arange(8) == 5};
  EXPECT_EQ(circuit.n_units(), 4);
  EXPECT_EQ(circuit.max_units(), 20);
  EXPECT_EQ(circuit.n_weights(), 3 * 8 + 1 * 12);
  EXPECT_EQ(circuit.max_weights(), 192);
  EXPECT_EQ(circuit.extent(), Extent::kPart);
  const Circuit weights = some_circuit({kMlp}, MaskUnit::kWeight);
  EXPECT_EQ(weights.n_weights(), weights.n_units());
  EXPECT_EQ(weights.max_units(), 192);
  EXPECT_EQ(weights.max_weights(), 192);
}

TEST(Circuit, KnowsThatItIsEmptyOrFull) {
  for (const MaskUnit unit : {MaskUnit::kNeuron, MaskUnit::kWeight}) {
    Circuit circuit = some_circuit({kAttention}, unit);
    for (at::Tensor& member : circuit.members) member = at::zeros_like(member);
    EXPECT_EQ(circuit.extent(), Extent::kEmpty);
    EXPECT_EQ(circuit.n_weights(), 0);
    for (at::Tensor& member : circuit.members) member = at::ones_like(member);
    EXPECT_EQ(circuit.extent(), Extent::kFull);
    EXPECT_EQ(circuit.n_weights(), circuit.max_weights());
  }
}

TEST(Circuit, KnowsItsComponents) {
  EXPECT_EQ(some_circuit({kMlp}).component(), kMlp);
  const Circuit two = some_circuit({kMlp, kAttention});
  EXPECT_THAT(two.components(), ::testing::ElementsAre(kMlp, kAttention));
  EXPECT_EQ(two.max_units(), some_circuit({kMlp}).max_units() + some_circuit({kAttention}).max_units());
  EXPECT_INPUT_ERROR(two.component(), "expected a circuit of one component, found one of L0.mlp, L1.attn");
}

TEST(Circuit, IsTheHardMaskOfItsParameters) {
  const auto method = continuous_sparsification();
  Mask mask = method->initial(matrices_of(tiny_config(), {0, Block::kMlp}), MaskUnit::kNeuron, {});
  mask.parameters = {at::arange(12, at::kFloat) - 9, at::arange(8, at::kFloat) - 7};
  const Circuit circuit = make_circuit(mask, *method);
  EXPECT_EQ(circuit.n_units(), 2);
  EXPECT_EQ(circuit.provenance.at("method"), "continuous_sparsification");
  const std::vector<at::Tensor> keep = keep_multipliers(circuit);
  EXPECT_TRUE(at::equal(keep[0], (at::arange(12) > 9).to(at::kFloat)));
  EXPECT_TRUE(at::equal(keep[1], at::zeros({8})));
}

TEST(CircuitFile, GivesBackWhatWasSaved) {
  const TemporaryFolder folder;
  for (const MaskUnit unit : {MaskUnit::kNeuron, MaskUnit::kWeight}) {
    for (const std::vector<ComponentRef>& components : {{kAttention}, {kMlp}, std::vector{kMlp, kAttention}}) {
      const Circuit saved = some_circuit(components, unit);
      save_circuit(saved, folder / "c.safetensors");
      const Circuit loaded = load_circuit(folder / "c.safetensors", tiny_config());
      EXPECT_EQ(loaded.components(), components);
      EXPECT_EQ(loaded.unit, saved.unit);
      EXPECT_EQ(loaded.provenance, saved.provenance);
      EXPECT_EQ(loaded.n_weights(), saved.n_weights());
      EXPECT_EQ(loaded.max_weights(), saved.max_weights());
      for (size_t i = 0; i < saved.members.size(); ++i) EXPECT_TRUE(at::equal(loaded.members[i], saved.members[i]));
    }
  }
}

/// Changes a saved circuit in one way. The message must name the file and the fault.
TEST(CircuitFile, KeepsTheScoresOfItsMask) {
  const TemporaryFolder folder;
  const auto method = continuous_sparsification();
  Mask mask = method->initial(matrices_of(tiny_config(), kMlp), MaskUnit::kNeuron, {});
  mask.parameters = {at::arange(12, at::kFloat) - 9, at::arange(8, at::kFloat) - 7};
  const Circuit circuit = make_circuit(mask, *method);
  save_circuit(circuit, folder / "circuit.safetensors");
  const Circuit loaded = load_circuit(folder / "circuit.safetensors", tiny_config());
  ASSERT_EQ(loaded.scores.size(), 2);
  for (size_t m = 0; m < 2; ++m) EXPECT_TRUE(at::equal(loaded.scores[m], mask.parameters[m]));
  // Weights one by one would take four times the file, and a method without training has no scores.
  EXPECT_TRUE(
      make_circuit(method->initial(matrices_of(tiny_config(), kMlp), MaskUnit::kWeight, {}), *method).scores.empty());
}

TEST(CircuitFile, RefusesScoresOfOtherUnits) {
  const TemporaryFolder folder;
  Circuit circuit = some_circuit({kMlp});
  circuit.scores = {at::zeros({12}), at::zeros({7})};
  save_circuit(circuit, folder / "circuit.safetensors");
  EXPECT_INPUT_ERROR(load_circuit(folder / "circuit.safetensors", tiny_config()), "the file has no such circuit");
}

TEST(CircuitFile, RefusesWhatIsNoCircuitOfThisModel) {
  struct BadFile {
    const char* what;
    std::function<void(std::map<std::string, at::Tensor>&, std::map<std::string, std::string>&)> damage;
    const char* message;
  };
  const std::string fc = "transformer.h.0.mlp.c_fc.weight";
  const auto of_several = [](const char* components) {
    return [components](auto&, auto& metadata) {
      metadata["format"] = "cprobe circuit 2";
      metadata["components"] = components;
    };
  };
  const std::vector<BadFile> cases = {
      {"no format", [](auto&, auto& metadata) { metadata.erase("format"); }, "not a circuit file"},
      {"a checkpoint",
       [](auto&, auto& metadata) {
         metadata = {{"format", "pt"}};
       },
       "not a circuit file"},
      {"no component", [](auto&, auto& metadata) { metadata.erase("component"); }, "component"},
      {"no such block", [](auto&, auto& metadata) { metadata["component"] = "L0.mpl"; }, "'mpl'"},
      {"no such layer", [](auto&, auto& metadata) { metadata["component"] = "L2.mlp"; }, "L2.mlp"},
      {"another component", [](auto&, auto& metadata) { metadata["component"] = "L0.attn"; }, "another model"},
      {"several that are one", of_several("L0.mlp"), "components 'L0.mlp': expected several in the model's order"},
      {"several out of order", of_several("L1.attn, L0.mlp"), "expected several in the model's order"},
      {"the same twice", of_several("L0.mlp, L0.mlp"), "expected several in the model's order"},
      {"several, one unreadable", of_several("L0.mlp,L1.attn"), "unknown block 'mlp,L1.attn'"},
      {"several in the form of one", [](auto&, auto& metadata) { metadata["component"] = "L0.mlp, L1.attn"; },
       "unknown block 'mlp, L1.attn'"},
      {"one matrix of several", of_several("L0.mlp, L1.attn"), "no tensor 'transformer.h.1.attn.c_attn.weight'"},
      {"no such unit", [](auto&, auto& metadata) { metadata["unit"] = "layer"; }, "unknown mask unit 'layer'"},
      {"another unit", [](auto&, auto& metadata) { metadata["unit"] = "weight"; }, "for unit weight"},
      {"a matrix missing", [&](auto& tensors, auto&) { tensors.erase(fc); },
       "no tensor 'transformer.h.0.mlp.c_fc.weight'"},
      {"a matrix too many", [](auto& tensors, auto&) { tensors["more"] = at::zeros({3}, at::kByte); },
       "holds 3 tensors"},
      {"another size", [&](auto& tensors, auto&) { tensors[fc] = at::zeros({13}, at::kByte); }, "expected [12]"},
      {"another dtype", [&](auto& tensors, auto&) { tensors[fc] = at::zeros({12}); }, "expected U8"},
      {"values other than 0 and 1", [&](auto& tensors, auto&) { tensors[fc][4] = 2; }, "values other than 0 and 1"},
  };
  const Circuit circuit = some_circuit({kMlp});
  for (const BadFile& bad : cases) {
    SCOPED_TRACE(bad.what);
    const TemporaryFolder folder;
    const std::filesystem::path path = folder / "circuit.safetensors";
    save_circuit(circuit, path);
    const SafetensorsFile file = SafetensorsFile::open(path);
    std::map<std::string, at::Tensor> tensors;
    for (const auto& [name, info] : file.tensors()) tensors[name] = file.tensor(name).clone();
    std::map<std::string, std::string> metadata = file.metadata();
    bad.damage(tensors, metadata);
    write_safetensors(path, tensors, metadata);
    EXPECT_INPUT_ERROR(load_circuit(path, tiny_config()), bad.message);
    EXPECT_INPUT_ERROR(load_circuit(path, tiny_config()), path.string());
  }
  EXPECT_INPUT_ERROR(load_circuit("/nowhere/c.safetensors", tiny_config()), "/nowhere/c.safetensors");
}

}  // namespace
}  // namespace cprobe
