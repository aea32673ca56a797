#include "cprobe/evaluate/overlap.h"

#include "tests/circuit/made_circuit.h"
#include "tests/support.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

/// A circuit of the tiny model's second MLP, [8, 12] and [12, 8]: units `from` to `to` - 1 of each
/// matrix.
CircuitFile circuit(int64_t from_1, int64_t to_1, int64_t from_2, int64_t to_2) {
  Circuit made{.matrices = matrices_of(testing::tiny_config(), {1, Block::kMlp})};
  const at::Tensor units_1 = at::arange(12), units_2 = at::arange(8);
  made.members = {(units_1 >= from_1) & (units_1 < to_1), (units_2 >= from_2) & (units_2 < to_2)};
  return circuit_file(made, "made up");
}

void expect_counts(const SharedCounts& found, const SharedCounts& expected) {
  EXPECT_EQ(found.n, expected.n);
  EXPECT_EQ(found.n_a, expected.n_a);
  EXPECT_EQ(found.n_b, expected.n_b);
  EXPECT_EQ(found.both, expected.both);
}

TEST(Overlap, CountsUnitsAndWeightsPerMatrixAndInAll) {
  const ModelConfig config = testing::tiny_config();
  const CircuitOverlap found = overlap(circuit(0, 4, 0, 2), circuit(2, 8, 1, 4), &config);
  ASSERT_EQ(found.matrices.size(), 2u);
  EXPECT_THAT(found.matrices[0].matrix, ::testing::HasSubstr("c_fc"));
  expect_counts(found.matrices[0].units, {12, 4, 6, 2});
  expect_counts(found.matrices[1].units, {8, 2, 3, 1});
  expect_counts(found.all.units, {20, 6, 9, 3});
  expect_counts(found.matrices[0].weights.value(), {96, 32, 48, 16});
  expect_counts(found.all.weights.value(), {192, 4 * 8 + 2 * 12, 6 * 8 + 3 * 12, 2 * 8 + 12});
  EXPECT_DOUBLE_EQ(found.matrices[0].units.iou().value(), 2. / 8);
  EXPECT_DOUBLE_EQ(found.all.units.iou().value(), 3. / 12);
  EXPECT_DOUBLE_EQ(found.all.weights->iou().value(), 28. / (56 + 84 - 28));
  EXPECT_DOUBLE_EQ(found.matrices[0].expected, 4 * 6 / 12.);
  EXPECT_DOUBLE_EQ(found.all.expected, 2 + 2 * 3 / 8.);
}

TEST(Overlap, HasTheProbabilitiesOfRandomCircuits) {
  const CircuitOverlap found = overlap(circuit(0, 2, 0, 1), circuit(0, 3, 0, 2));
  // First matrix: 2 and 3 of 12 units, P(2) = 3 / C(12, 2). Second: 1 and 2 of 8, P(1) = 2 / 8.
  EXPECT_NEAR(found.matrices[0].p_more.value(), 3. / 66, 1e-14);
  EXPECT_EQ(found.matrices[0].p_fewer, 1);
  EXPECT_NEAR(found.matrices[1].p_more.value(), 1. / 4, 1e-14);
  EXPECT_NEAR(found.all.p_more.value(), 3. / 66 / 4, 1e-14) << "both at once";
  EXPECT_EQ(found.all.p_fewer, 1);
  const CircuitOverlap apart = overlap(circuit(0, 2, 0, 1), circuit(9, 12, 6, 8));
  EXPECT_NEAR(apart.all.p_fewer.value(), 36. / 66 * 3 / 4, 1e-14) << "C(9, 2) / C(12, 2), and 6 / 8";
  EXPECT_EQ(apart.all.p_more, 1);
}

TEST(Overlap, NamesEmptyAndFullCircuitsAndGivesThemNoProbability) {
  const CircuitFile empty = circuit(0, 0, 0, 0), full = circuit(0, 12, 0, 8), part = circuit(0, 3, 2, 3);
  const CircuitOverlap of_empty = overlap(empty, part);
  EXPECT_EQ(of_empty.all.note, "first empty");
  EXPECT_EQ(of_empty.matrices[0].note, "first empty");
  EXPECT_FALSE(of_empty.all.p_more || of_empty.all.p_fewer);
  EXPECT_EQ(of_empty.all.units.iou(), 0);
  EXPECT_EQ(overlap(part, full).all.note, "second full");
  EXPECT_EQ(overlap(part, full).all.expected, part.n_units());
  EXPECT_EQ(overlap(empty, full).all.note, "first empty, second full");
  EXPECT_EQ(overlap(empty, empty).all.note, "both empty");
  EXPECT_FALSE(overlap(empty, empty).all.units.iou()) << "0 / 0";
  const CircuitOverlap half_empty = overlap(circuit(0, 3, 0, 0), part);
  EXPECT_EQ(half_empty.matrices[1].note, "first empty");
  EXPECT_EQ(half_empty.all.note, "");
  EXPECT_EQ(half_empty.all.p_more, half_empty.matrices[0].p_more) << "the other matrix leaves no choice";
}

TEST(Overlap, KnowsWeightsOnlyWithASizeOrInUnitWeight) {
  EXPECT_FALSE(overlap(circuit(0, 4, 0, 2), circuit(2, 8, 1, 4)).all.weights);
  CircuitFile a{.unit = MaskUnit::kWeight, .members = {{"w", at::eye(3).to(at::kBool)}}};
  CircuitFile b{.unit = MaskUnit::kWeight, .members = {{"w", at::ones({3, 3}, at::kBool).tril()}}};
  const CircuitOverlap found = overlap(a, b);
  expect_counts(found.all.weights.value(), {9, 3, 6, 3});
  EXPECT_NEAR(found.all.p_more.value(), 20. / 84, 1e-14) << "C(6, 3) / C(9, 3)";
}

TEST(Overlap, IsAlsoOfCircuitsOfSeveralComponents) {
  const ModelConfig config = testing::tiny_config();
  const std::vector<ComponentRef> components = {{0, Block::kMlp}, {1, Block::kAttention}};
  const Circuit some = testing::random_circuit(config, components, 0.3);
  // Holds all units of `some`.
  const Circuit more = testing::random_circuit(config, components, 0.6);
  const CircuitOverlap found = overlap(circuit_file(some, "some"), circuit_file(more, "more"), &config);
  EXPECT_EQ(found.matrices.size(), 4u);
  expect_counts(found.all.units, {some.max_units(), some.n_units(), more.n_units(), some.n_units()});
  expect_counts(found.all.weights.value(), {some.max_weights(), some.n_weights(), more.n_weights(), some.n_weights()});
}

TEST(Overlap, RefusesTheSizesOfAnotherModel) {
  ModelConfig other = testing::tiny_config();
  other.d_mlp = 16;
  EXPECT_INPUT_ERROR(overlap(circuit(0, 4, 0, 2), circuit(2, 8, 1, 4), &other), "made up: tensor '");
  CircuitFile elsewhere = circuit(0, 4, 0, 2);
  elsewhere.components[0].layer = 0;
  EXPECT_INPUT_ERROR(overlap(elsewhere, circuit(2, 8, 1, 4)), "made up is a circuit of L0.mlp");
}

}  // namespace
}  // namespace cprobe
