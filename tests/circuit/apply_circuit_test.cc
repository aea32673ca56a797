// Ablates saved circuits with the Python lines of docs/file_formats.md, and compares what the
// changed checkpoint computes with the masked forward pass.

#include <sys/wait.h>

#include <cstdlib>

#include "cprobe/circuit/masked_view.h"
#include "cprobe/model/forward.h"
#include "tests/circuit/made_circuit.h"
#include "tests/support.h"
#include "tests/tensors.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

using testing::TemporaryFolder;

/// Runs the lines of the page. @return  an empty text, or the name of a missing package.
std::string apply(const std::filesystem::path& folder, const char* module) {
  const char* python = std::getenv("CPROBE_PYTHON");
  const std::string command = fmt::format(
      "'{0}' '{1}/tests/python/apply_circuit.py' '{1}/docs/file_formats.md' '{2}/model' '{2}/circuit.safetensors' "
      "'{2}/out' {3} > '{2}/said' 2>&1",
      python == nullptr ? "python3" : python, CPROBE_SOURCE_DIR, folder.string(), module);
  const int status = std::system(command.c_str());
  const std::string said = testing::read_bytes(folder / "said");
  if (WEXITSTATUS(status) == 77) return said;
  if (WEXITSTATUS(status) != 0) throw std::runtime_error(said);
  return {};
}

/// Compares the checkpoint that the lines write with the model's forward pass without the circuit.
/// @return  as `apply`.
std::string compare(const Model& model, MaskUnit unit, const char* module) {
  const TemporaryFolder folder;
  const ComponentRef attention{0, Block::kAttention}, mlp{1, Block::kMlp};
  Circuit circuit = testing::random_circuit(model.config, {attention, mlp}, 0.5, unit);
  for (const at::Tensor& member : circuit.members) {
    if (unit == MaskUnit::kNeuron) circuit.scores.push_back(member.to(at::kFloat));
  }
  save_model(model, folder / "model");
  save_circuit(circuit, folder / "circuit.safetensors");
  std::filesystem::create_directories(folder / "out");
  std::filesystem::copy(folder / "model/config.json", folder / "out/config.json");
  if (const std::string missing = apply(folder.path(), module); !missing.empty()) return missing;

  const Model changed = load_model(folder / "out");
  const TokenTrie trie = build_trie(testing::TokenRows{{1, 2, 3, 4}, {1, 2, 5, 6}, {7, 8, 9, 0}});
  const auto last = [&](const Model& of, const std::map<ComponentRef, ComponentMask>& masks) {
    const Site end = Site::end(of.config);
    const Stream stream = run_span(of, trie, embed(of, trie), Site::start(), end, {.masks = masks});
    return logits(of, stream.at_nodes(at::tensor(trie.row_nodes, at::kLong)));
  };
  std::vector<at::Tensor> removing;
  for (const at::Tensor& keep : keep_multipliers(circuit)) removing.push_back(1 - keep);
  const at::Tensor expected = last(model, component_masks(model, circuit.matrices, removing));
  EXPECT_TRUE(testing::agree(last(changed, {}), expected, 1e-5));
  EXPECT_FALSE(at::allclose(last(model, {}), expected, 0, 1e-3)) << "the circuit does nothing";
  return {};
}

TEST(ApplyCircuit, LinesOfThePageAblateWhatTheForwardPassAblates) {
  for (const auto& [name, config] : testing::all_kinds()) {
    if (std::string_view(name) == "silu_grouped") continue;  // No config.json can say the width of its heads.
    for (const MaskUnit unit : {MaskUnit::kNeuron, MaskUnit::kWeight}) {
      SCOPED_TRACE(fmt::format("{}, unit {}", name, to_string(unit)));
      const std::string missing = compare(testing::drawn_model(config), unit, "numpy");
      if (!missing.empty()) GTEST_SKIP() << missing << "(CPROBE_PYTHON names another interpreter)";
    }
  }
}

TEST(ApplyCircuit, LinesOfThePageTakeBfloat16WithTorch) {
  const Model model = testing::with_halves(testing::drawn_model(testing::llama_config()), at::kBFloat16);
  const std::string missing = compare(model, MaskUnit::kWeight, "torch");
  if (!missing.empty()) GTEST_SKIP() << missing << "(CPROBE_PYTHON names another interpreter)";
}

}  // namespace
}  // namespace cprobe
