#include "cprobe/plant/compiled.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cprobe/plant/planted_folder.h"
#include "tests/support.h"

namespace cprobe {
namespace {

struct Knob {
  const char* name;
  CompiledOptions options;
};

const CompiledOptions kMlp = {.component = ComponentRef{1, Block::kMlp}};
const CompiledOptions kAttention = {.n_operands = 17, .component = ComponentRef{1, Block::kAttention}};

template <typename Value>
CompiledOptions with(CompiledOptions options, Value CompiledOptions::*knob, Value value) {
  options.*knob = value;
  return options;
}

/// Every level of every knob, the others at their defaults.
std::vector<Knob> all_levels() {
  std::vector<Knob> levels = {{"an MLP", kMlp}, {"attention", kAttention}};
  for (const int64_t classes : {2, 14}) levels.push_back({"classes", with(kMlp, &CompiledOptions::n_classes, classes)});
  for (const int64_t p : {7, 17}) levels.push_back({"operands", with(kMlp, &CompiledOptions::n_operands, p)});
  for (const int64_t n : {0, 4}) levels.push_back({"distractors", with(kMlp, &CompiledOptions::n_distractors, n)});
  for (const double gain : {.5, 2., 4.}) {
    levels.push_back({"distractor gain", with(kMlp, &CompiledOptions::distractor_gain, gain)});
    levels.push_back({"distractor gain, attention", with(kAttention, &CompiledOptions::distractor_gain, gain)});
  }
  for (const double gain : {.25, .5}) levels.push_back({"gain", with(kMlp, &CompiledOptions::gain, gain)});
  for (const double omega : {.5, 1.}) levels.push_back({"overlap", with(kMlp, &CompiledOptions::overlap, omega)});
  for (const int64_t n : {2, 3}) levels.push_back({"redundancy", with(kMlp, &CompiledOptions::redundancy, n)});
  for (const double theta : {.25, 1.})
    levels.push_back({"rotation", with(kAttention, &CompiledOptions::rotation, theta)});
  for (const double noise : {0., .05}) {
    levels.push_back({"noise", with(kMlp, &CompiledOptions::noise, noise)});
    levels.push_back({"noise, attention", with(kAttention, &CompiledOptions::noise, noise)});
  }
  for (const int64_t layers : {2, 3}) levels.push_back({"layers", with(kMlp, &CompiledOptions::n_layers, layers)});
  for (const int64_t n : {0, 3}) levels.push_back({"context", with(kMlp, &CompiledOptions::context, n)});
  for (const PlantedAnswer answer : {PlantedAnswer::kCombined, PlantedAnswer::kOther}) {
    levels.push_back({"answer", with(kAttention, &CompiledOptions::answer, answer)});
  }
  CompiledOptions one_operand = kAttention;
  one_operand.component = ComponentRef{0, Block::kMlp};
  one_operand.one_operand = true;
  levels.push_back({"one operand", one_operand});
  levels.push_back({"one layer", {.n_operands = 17, .n_layers = 1, .component = ComponentRef{0, Block::kAttention}}});
  return levels;
}

TEST(CompiledModel, HoldsItsTruthAtEveryLevelOfEveryKnob) {
  const testing::TemporaryFolder folder;
  for (const Knob& knob : all_levels()) {
    SCOPED_TRACE(knob.name);
    const Planted planted = compile_model(knob.options, Seed(1));
    write_arithmetic_csv(planted.data, folder.path());
    const Dataset rows = load_planted_rows(folder.path(), planted.model.config.vocab);
    EXPECT_NO_THROW(check_truth(planted.model, planted.truth, rows, Seed(1)));
  }
}

}  // namespace
}  // namespace cprobe
