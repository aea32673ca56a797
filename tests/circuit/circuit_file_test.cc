#include "cprobe/circuit/circuit.h"
#include "cprobe/io/safetensors.h"
#include "tests/support.h"

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

TEST(CircuitFile, NamesTheFileOfAnUnknownUnit) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "c.safetensors";
  write_circuit(path, at::ones({3}, at::kByte), {{"unit", "head"}});
  EXPECT_INPUT_ERROR(read_circuit_file(path), path.string() + ": unknown mask unit 'head'");
}

TEST(CircuitFile, RefusesAModelsFile) {
  const TemporaryFolder folder;
  write_circuit(folder / "c.safetensors", at::ones({3}, at::kByte), {{"format", "pt"}});
  EXPECT_INPUT_ERROR(read_circuit_file(folder / "c.safetensors"), "not a circuit file (metadata 'format' is 'pt'");
}

}  // namespace
}  // namespace cprobe
