#include "cprobe/circuit/circuit.h"
#include "cprobe/io/safetensors.h"
#include "tests/circuit/made_circuit.h"
#include "tests/support.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using testing::TemporaryFolder;

constexpr const char* kTensor = "transformer.h.0.mlp.c_fc.weight";

/// Writes a circuit file with one tensor. `metadata` replaces entries of the usual metadata.
void write_circuit(const std::filesystem::path& path, const at::Tensor& member,
                   const std::map<std::string, std::string>& metadata = {}) {
  std::map<std::string, std::string> all = metadata;
  all.merge(std::map<std::string, std::string>{
      {"format", "cprobe circuit 1"}, {"component", "L0.mlp"}, {"unit", "neuron"}, {"variable", "var_0"}});
  write_safetensors(path, {{kTensor, member}}, all);
}

TEST(CircuitFile, IsReadWithoutItsModel) {
  const TemporaryFolder folder;
  write_circuit(folder / "c.safetensors", at::tensor({1, 0, 1}, at::kByte));
  const CircuitFile file = read_circuit_file(folder / "c.safetensors");
  EXPECT_EQ(to_string(file.components), "L0.mlp");
  EXPECT_EQ(file.unit, MaskUnit::kNeuron);
  EXPECT_THAT(file.provenance, ElementsAre(Pair("variable", "var_0")));
  EXPECT_TRUE(at::equal(file.members.at(kTensor), at::tensor({1, 0, 1}, at::kByte).to(at::kBool)));
}

/// Programs that know only files of one component refuse this format before they read on.
TEST(CircuitFile, OfSeveralComponentsHasAFormatOfItsOwn) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "c.safetensors";
  const CircuitFile saved{.components = {{0, Block::kAttention}, {0, Block::kMlp}},
                          .members = {{kTensor, at::ones({3}, at::kBool)}}};
  save_circuit(saved, path);
  EXPECT_THAT(
      SafetensorsFile::open(path).metadata(),
      ElementsAre(Pair("components", "L0.attn, L0.mlp"), Pair("format", "cprobe circuit 2"), Pair("unit", "neuron")));
  EXPECT_EQ(read_circuit_file(path).components, saved.components);
  EXPECT_TRUE(read_circuit_file(path).provenance.empty());
}

/// The stored tensor of a weight matrix, as any reader of safetensors gets it.
at::Tensor stored(const Circuit& circuit, const std::filesystem::path& path) {
  save_circuit(circuit, path);
  return SafetensorsFile::open(path).tensor(circuit.matrices.front().source).clone();
}

TEST(CircuitFile, StoresWeightsWithTheAxesOfTheCheckpoint) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "c.safetensors";
  const ComponentRef mlp{0, Block::kMlp};
  const Circuit conv = testing::random_circuit(testing::tiny_config(), {mlp}, 0.5, MaskUnit::kWeight);
  EXPECT_TRUE(at::equal(stored(conv, path), conv.members.front().to(at::kByte)));
  EXPECT_EQ(SafetensorsFile::open(path).metadata().at("checkpoint_axes"), "n_in, n_out");
  EXPECT_EQ(SafetensorsFile::open(path).metadata().at("format"), "cprobe circuit 1");

  const Circuit linear = testing::random_circuit(testing::llama_config(), {mlp}, 0.5, MaskUnit::kWeight);
  EXPECT_TRUE(at::equal(stored(linear, path), linear.members.front().t().to(at::kByte)));
  EXPECT_EQ(SafetensorsFile::open(path).metadata().at("checkpoint_axes"), "n_out, n_in");
  // Earlier versions would take a square tensor for [n_in, n_out].
  EXPECT_EQ(SafetensorsFile::open(path).metadata().at("format"), "cprobe circuit 3");
  const Circuit loaded = load_circuit(path, testing::llama_config());
  for (size_t m = 0; m < linear.members.size(); ++m) EXPECT_TRUE(at::equal(loaded.members[m], linear.members[m]));
}

TEST(CircuitFile, OfAnEarlierVersionHasWeightsAsInAndOut) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "c.safetensors";
  const Circuit linear = testing::random_circuit(testing::llama_config(), {{0, Block::kMlp}}, 0.5, MaskUnit::kWeight);
  std::map<std::string, at::Tensor> tensors;
  for (size_t m = 0; m < linear.members.size(); ++m) {
    tensors[linear.matrices[m].source] = linear.members[m].to(at::kByte);
  }
  write_safetensors(path, tensors, {{"format", "cprobe circuit 1"}, {"component", "L0.mlp"}, {"unit", "weight"}});
  EXPECT_FALSE(read_circuit_file(path).transposed);
  const Circuit loaded = load_circuit(path, testing::llama_config());
  for (size_t m = 0; m < linear.members.size(); ++m) EXPECT_TRUE(at::equal(loaded.members[m], linear.members[m]));
}

TEST(CircuitFile, RefusesAxesThatItsFormatDoesNotHave) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "c.safetensors";
  const at::Tensor weights = at::ones({3, 3}, at::kByte);
  write_circuit(path, weights, {{"unit", "weight"}, {"checkpoint_axes", "in, out"}});
  EXPECT_INPUT_ERROR(read_circuit_file(path), "metadata 'checkpoint_axes' is 'in, out', expected 'n_in, n_out'");
  write_circuit(path, weights, {{"unit", "weight"}, {"checkpoint_axes", "n_out, n_in"}});
  EXPECT_INPUT_ERROR(read_circuit_file(path), "which files of format 'cprobe circuit 1' in unit weight do not have");
  write_circuit(path, weights, {{"unit", "weight"}, {"format", "cprobe circuit 3"}, {"components", "L0.mlp"}});
  EXPECT_INPUT_ERROR(read_circuit_file(path), "metadata 'checkpoint_axes' is ''");
}

TEST(CircuitFile, RefusesAModelWithOtherAxes) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "c.safetensors";
  Circuit circuit = testing::random_circuit(testing::tiny_config(), {{0, Block::kMlp}});
  for (MatrixInfo& matrix : circuit.matrices) matrix.transposed = true;
  save_circuit(circuit, path);
  EXPECT_INPUT_ERROR(load_circuit(path, testing::tiny_config()),
                     "is [n_out, n_in] in its checkpoint, but [n_in, n_out]");
}

TEST(CircuitFile, RefusesOtherTensors) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "c.safetensors";
  write_circuit(path, at::tensor({1, 0, 2}, at::kByte));
  EXPECT_INPUT_ERROR(read_circuit_file(path),
                     "tensor 'transformer.h.0.mlp.c_fc.weight' holds values other than 0 and 1");
  write_circuit(path, at::ones({3}));
  EXPECT_INPUT_ERROR(read_circuit_file(path), "is Float [3], expected U8 with one axis for unit neuron");
  write_circuit(path, at::ones({3}, at::kByte), {{"unit", "weight"}});
  EXPECT_INPUT_ERROR(read_circuit_file(path), "is Byte [3], expected U8 with two axes for unit weight");
}

TEST(CircuitFile, OfHeadsHasTheMatrixOfTheValuesOnly) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "c.safetensors";
  for (const auto& [name, config] : testing::all_computations()) {
    SCOPED_TRACE(name);
    const ComponentRef attention{1, Block::kAttention};
    Circuit heads = testing::random_circuit(config, {attention}, -1, MaskUnit::kHead);
    const size_t values = heads.matrices.size() - 2;
    ASSERT_EQ(heads.members[values].numel(), config.n_kv_heads);
    heads.members[values][config.n_kv_heads - 1] = true;
    for (const at::Tensor& member : heads.members) heads.scores.push_back(member.to(at::kFloat) - 0.5);
    save_circuit(heads, path);
    EXPECT_THAT(SafetensorsFile::open(path).tensors(),
                ::testing::UnorderedElementsAre(Pair("scores/" + heads.matrices[values].source, ::testing::_),
                                                Pair(heads.matrices[values].source, ::testing::_)));
    const Circuit read = load_circuit(path, config);
    for (size_t i = 0; i < heads.members.size(); ++i) {
      EXPECT_TRUE(at::equal(read.members[i], heads.members[i]));
      EXPECT_TRUE(at::equal(read.scores[i], heads.scores[i]));
    }
    EXPECT_EQ(read.n_weights() * config.n_kv_heads, read.max_weights()) << "all heads have as many weights";
  }
}

TEST(CircuitFile, OfHeadsIsOfAttention) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "c.safetensors";
  write_circuit(path, at::ones({2}, at::kByte), {{"unit", "head"}});
  EXPECT_INPUT_ERROR(load_circuit(path, testing::tiny_config()), "unit head, but L0.mlp has no heads");
}

TEST(CircuitFile, NamesTheFileOfAnUnknownUnit) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "c.safetensors";
  write_circuit(path, at::ones({3}, at::kByte), {{"unit", "layer"}});
  EXPECT_INPUT_ERROR(read_circuit_file(path), path.string() + ": unknown mask unit 'layer'");
}

TEST(CircuitFile, RefusesAModelsFile) {
  const TemporaryFolder folder;
  write_circuit(folder / "c.safetensors", at::ones({3}, at::kByte), {{"format", "pt"}});
  EXPECT_INPUT_ERROR(read_circuit_file(folder / "c.safetensors"), "not a circuit file (metadata 'format' is 'pt'");
}

}  // namespace
}  // namespace cprobe
