#include "cprobe/circuit/head_units.h"

#include <ATen/ATen.h>

#include "tests/circuit/made_circuit.h"
#include "tests/support.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using testing::tiny_config;

/// A circuit of the first attention block, without units.
Circuit attention_of(const ModelConfig& config, MaskUnit unit) {
  return testing::random_circuit(config, {{0, Block::kAttention}}, -1, unit);
}

TEST(HeadUnits, OfGroupedHeadsInMatricesOfTheirOwn) {
  // 4 query heads of 6 units share 2 key/value heads.
  const ModelConfig config = testing::llama_config();
  Circuit circuit = attention_of(config, MaskUnit::kNeuron);
  circuit.members[0].slice(0, 5, 8).fill_(true);   // Queries: head 0's last, two of head 1.
  circuit.members[1].slice(0, 6, 12).fill_(true);  // Keys: all of head 1.
  circuit.members[2][0].fill_(true);
  circuit.members[3].fill_(true);  // The output matrix: not counted.
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
  // Three weights of a query of head 1.
  circuit.members[0].slice(0, 0, 3).select(1, 4).fill_(true);
  circuit.members[0].select(1, 8).fill_(true);  // All weights of a key of head 0.
  const HeadUnits heads = head_units(circuit, config);
  EXPECT_THAT(heads.q, ElementsAre(0, 3));
  EXPECT_THAT(heads.k, ElementsAre(config.d_model, 0));
  EXPECT_THAT(heads.v, ElementsAre(0, 0));
}

TEST(HeadUnits, AreOfOneAttentionBlock) {
  const ComponentRef attention{0, Block::kAttention}, mlp{0, Block::kMlp};
  const Circuit of_mlp = testing::random_circuit(tiny_config(), {mlp});
  const Circuit of_both = testing::random_circuit(tiny_config(), {attention, mlp});
  EXPECT_INPUT_ERROR(head_units(of_mlp, tiny_config()), "L0.mlp is no attention block");
  EXPECT_INPUT_ERROR(head_units(of_both, tiny_config()), "found one of L0.attn, L0.mlp");
  EXPECT_FALSE(has_head_units(circuit_file(of_mlp, "")) || has_head_units(circuit_file(of_both, "")));
  EXPECT_TRUE(has_head_units(circuit_file(testing::random_circuit(tiny_config(), {attention}), "")));
}

}  // namespace
}  // namespace cprobe
