#include "cprobe/circuit/circuit_sets.h"

#include "tests/circuit/made_circuit.h"
#include "tests/support.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

at::Tensor bits(const std::vector<int>& values) {
  return at::tensor(values).to(at::kBool);
}

/// A circuit with two matrices: the first has four units, the second two.
CircuitFile four_and_two(const std::string& source, const std::vector<int>& first, const std::vector<int>& second,
                         const std::map<std::string, std::string>& provenance = {}) {
  return {.components = {{0, Block::kMlp}},
          .members = {{"first", bits(first)}, {"second", bits(second)}},
          .provenance = provenance,
          .source = source};
}

void expect_members(const CircuitFile& circuit, const std::vector<int>& first, const std::vector<int>& second) {
  EXPECT_TRUE(at::equal(circuit.members.at("first"), bits(first))) << circuit.members.at("first");
  EXPECT_TRUE(at::equal(circuit.members.at("second"), bits(second))) << circuit.members.at("second");
}

TEST(CircuitSets, CombineUnitByUnit) {
  const std::vector<CircuitFile> two = {four_and_two("a", {1, 1, 0, 0}, {1, 0}),
                                        four_and_two("b", {1, 0, 1, 0}, {1, 0})};
  expect_members(combine(SetOperation::kUnion, two), {1, 1, 1, 0}, {1, 0});
  expect_members(combine(SetOperation::kIntersection, two), {1, 0, 0, 0}, {1, 0});
  expect_members(combine(SetOperation::kDifference, two), {0, 1, 0, 0}, {0, 0});
  expect_members(two[0], {1, 1, 0, 0}, {1, 0});
}

TEST(CircuitSets, CombineMoreThanTwo) {
  const std::vector<CircuitFile> three = {four_and_two("a", {1, 1, 0, 0}, {1, 1}),
                                          four_and_two("b", {1, 0, 0, 0}, {1, 0}),
                                          four_and_two("c", {0, 0, 0, 1}, {1, 0})};
  expect_members(combine(SetOperation::kUnion, three), {1, 1, 0, 1}, {1, 1});
  expect_members(combine(SetOperation::kIntersection, three), {0, 0, 0, 0}, {1, 0});
  expect_members(combine(SetOperation::kDifference, three), {0, 1, 0, 0}, {0, 1});
}

TEST(CircuitSets, CombineCircuitsOfTheSameComponents) {
  const std::vector<ComponentRef> components = {{0, Block::kMlp}, {1, Block::kAttention}};
  const Circuit some = testing::random_circuit(testing::tiny_config(), components, 0.3);
  // Holds all units of `some`.
  const Circuit more = testing::random_circuit(testing::tiny_config(), components, 0.6);
  const std::vector<CircuitFile> two = {circuit_file(more, "more"), circuit_file(some, "some")};
  const CircuitFile both = combine(SetOperation::kIntersection, two);
  EXPECT_EQ(both.components, components);
  EXPECT_EQ(circuit_of(both, testing::tiny_config()).n_weights(), some.n_weights());
  EXPECT_EQ(combine(SetOperation::kDifference, two).n_units(), more.n_units() - some.n_units());
}

TEST(CircuitSets, SayWhatTheyAreMadeOf) {
  const std::vector<CircuitFile> two = {
      four_and_two("a", {1, 0, 0, 0}, {1, 0}, {{"variable", "a^2"}, {"seed", "3"}, {"method", "m"}, {"cell", "x"}}),
      four_and_two("b", {1, 0, 0, 0}, {1, 0}, {{"variable", "b^2"}, {"seed", "3"}, {"method", "m"}})};
  EXPECT_THAT(combine(SetOperation::kDifference, two).provenance,
              ElementsAre(Pair("made_of", "a, b"), Pair("method", "difference"), Pair("seed", "3")));
}

TEST(CircuitSets, RefuseCircuitsOfDifferentThings) {
  const CircuitFile a = four_and_two("a.file", {1, 0, 0, 0}, {1, 0});
  const auto expect_refused = [&](const CircuitFile& b, const std::string& message) {
    for (const bool swapped : {false, true}) {
      const std::vector<CircuitFile> two = swapped ? std::vector{b, a} : std::vector{a, b};
      EXPECT_INPUT_ERROR(combine(SetOperation::kUnion, two), message);
      EXPECT_INPUT_ERROR(combine(SetOperation::kUnion, two), "a.file");
    }
  };
  CircuitFile b = a;
  b.source = "b.file";
  b.components[0].layer = 3;
  expect_refused(b, "L3.mlp");
  b.components = {{0, Block::kAttention}, {0, Block::kMlp}};
  expect_refused(b, "L0.attn, L0.mlp");
  b = four_and_two("b.file", {1, 0, 0, 0}, {1, 0});
  b.unit = MaskUnit::kWeight;
  expect_refused(b, "unit weight");
  b = four_and_two("b.file", {1, 0, 0}, {1, 0});
  expect_refused(b, "tensor 'first' is [");
  b = four_and_two("b.file", {1, 0, 0, 0}, {1, 0});
  b.members.erase("second");
  expect_refused(b, "b.file: no tensor 'second', which a.file has");
}

TEST(CircuitFile, BecomesTheCircuitOfItsModelAndBack) {
  const ModelConfig config = testing::tiny_config();
  Circuit circuit{.matrices = matrices_of(config, {1, Block::kMlp}), .provenance = {{"seed", "1"}}};
  circuit.members = {at::arange(12) < 3, at::arange(8) == 5};
  const CircuitFile file = circuit_file(circuit, "here");
  EXPECT_EQ(file.n_units(), 4);
  EXPECT_EQ(file.max_units(), 20);
  EXPECT_EQ(file.extent(), Extent::kPart);
  const Circuit back = circuit_of(file, config);
  EXPECT_EQ(back.n_weights(), circuit.n_weights());
  EXPECT_EQ(back.provenance, circuit.provenance);
  CircuitFile misshapen = file;
  misshapen.members.begin()->second = bits({1, 0});
  EXPECT_INPUT_ERROR(circuit_of(misshapen, config), "here: tensor '");
}

}  // namespace
}  // namespace cprobe
