#include "cprobe/circuit/head_units.h"

#include <ATen/ATen.h>

#include "tests/support.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using testing::tiny_config;

Circuit attention_of(const ModelConfig& config, MaskUnit unit) {
  const ComponentRef component{0, Block::kAttention};
  Circuit circuit{.component = component, .unit = unit, .matrices = matrices_of(config, component)};
  for (const MatrixInfo& m : circuit.matrices) {
    circuit.members.push_back(unit == MaskUnit::kNeuron ? at::zeros({m.n_out}, at::kBool)
                                                        : at::zeros({m.n_in, m.n_out}, at::kBool));
  }
  return circuit;
}

TEST(HeadUnits, OfGroupedHeadsInMatricesOfTheirOwn) {
  const ModelConfig config = testing::llama_config();  // 4 query heads of 6 units share 2 key/value heads.
  Circuit circuit = attention_of(config, MaskUnit::kNeuron);
  circuit.members[0].slice(0, 5, 8).fill_(true);   // Queries: the last unit of head 0, two of head 1.
  circuit.members[1].slice(0, 6, 12).fill_(true);  // Keys: all of head 1.
  circuit.members[2][0].fill_(true);
  circuit.members[3].fill_(true);  // Behind the heads.
  const HeadUnits heads = head_units(circuit, config);
  EXPECT_THAT(heads.q, ElementsAre(1, 2, 0, 0));
  EXPECT_THAT(heads.k, ElementsAre(0, 6));
  EXPECT_THAT(heads.v, ElementsAre(1, 0));
}

TEST(HeadUnits, OfOneMatrixThatHasQueriesKeysAndValuesHeadByHead) {
  ModelConfig config = tiny_config();  // 2 heads of 4 units.
  config.architecture = "gpt_neox";
  Circuit circuit = attention_of(config, MaskUnit::kNeuron);
  circuit.members[0].slice(0, 3, 6).fill_(true);    // Head 0: a query, two keys.
  circuit.members[0].slice(0, 22, 24).fill_(true);  // Head 1: two values.
  const HeadUnits heads = head_units(circuit, config);
  EXPECT_THAT(heads.q, ElementsAre(1, 0));
  EXPECT_THAT(heads.k, ElementsAre(2, 0));
  EXPECT_THAT(heads.v, ElementsAre(0, 2));
}

TEST(HeadUnits, AreWeightsWhereWeightsWereMasked) {
  const ModelConfig config = tiny_config();
  Circuit circuit = attention_of(config, MaskUnit::kWeight);
  circuit.members[0].slice(0, 0, 3).select(1, 4).fill_(true);  // Three weights of a query of head 1,
  circuit.members[0].select(1, 8).fill_(true);                 // all of a key of head 0.
  const HeadUnits heads = head_units(circuit, config);
  EXPECT_THAT(heads.q, ElementsAre(0, 3));
  EXPECT_THAT(heads.k, ElementsAre(config.d_model, 0));
  EXPECT_THAT(heads.v, ElementsAre(0, 0));
}

}  // namespace
}  // namespace cprobe
