#include <torch/torch.h>

#include "cprobe/circuit/component_inputs.h"
#include "cprobe/circuit/soft_nearest_neighbours.h"
#include "tests/golden_model.h"

namespace cprobe {
namespace {

using testing::GoldenRows;
using testing::kGoldenActivation;
using testing::kGoldenGradient;

class GoldenObjective : public testing::GoldenModelTest {};

TEST_P(GoldenObjective, UpdatesLossAndGradientsUnderSoftMasksAgree) {
  const GoldenRows at = rows("snn.");
  for (const Block block : {Block::kAttention, Block::kMlp}) {
    const ComponentRef component{masked_layer(), block};
    const std::string name(to_string(block));
    const Stream before = run_span(model(), at.trie, embed(model(), at.trie), Site::start(), Site::before(component));
    const ComponentInputs inputs(model(), component, MaskUnit::kNeuron, at.trie, before, at.trie.nodes_at(-1));

    std::vector<at::Tensor> parameters, multipliers;
    for (const MatrixInfo& matrix : inputs.matrices()) {
      parameters.push_back(golden("snn.s." + name + "." + matrix.short_name).clone().requires_grad_());
      multipliers.push_back(at::sigmoid(parameters.back()));
    }
    const at::Tensor updates = inputs.updates(multipliers);
    const at::Tensor loss = soft_nearest_neighbours(updates, golden("snn.labels"));
    std::vector<at::Tensor> sources = {updates};
    sources.insert(sources.end(), parameters.begin(), parameters.end());
    const std::vector<at::Tensor> gradients = torch::autograd::grad({loss}, sources);

    expect("snn.update." + name, updates, golden("snn.update." + name), kGoldenActivation);
    expect("snn.loss." + name, loss.reshape({1}), golden("snn.loss." + name), kGoldenActivation);
    expect("snn.grad_update." + name, gradients[0], golden("snn.grad_update." + name), kGoldenGradient);
    for (size_t i = 0; i < parameters.size(); ++i) {
      const std::string key = "snn.grad." + name + "." + inputs.matrices()[i].short_name;
      expect(key, gradients[i + 1], golden(key), kGoldenGradient);
    }
  }
}

INSTANTIATE_GOLDEN_GPT2(GoldenObjective);

}  // namespace
}  // namespace cprobe
