#include "cprobe/plant/compiled.h"

#include <fmt/format.h>

#include "cprobe/plant/model_compiler.h"
#include "cprobe/plant/partitions.h"

namespace cprobe {
namespace {

void check(const CompiledOptions& options, const ComponentRef& component) {
  const auto require = [](bool holds, std::string_view knob, std::string_view why) {
    require_knob(holds, "a compiled model", knob, why);
  };
  const bool is_attention = component.block == Block::kAttention;
  const bool of_one = is_attention || options.one_operand;
  require(options.n_operands >= 4 && options.n_operands <= 50, "operands", "expected 4 to 50 values");
  require(options.n_classes >= 2, "classes", "expected at least 2");
  require(!of_one || 2 * options.n_classes <= options.n_operands, "classes",
          "a function of one operand needs at least two operands for each class");
  require(options.n_layers >= 1 && options.n_layers <= 12, "layers", "expected 1 to 12");
  require(component.layer >= 0 && component.layer < options.n_layers, "component", "the model has no such layer");
  require(options.gain > 0, "gain", "expected a positive number");
  require(options.n_distractors >= 0 && options.n_distractors <= 8, "distractors", "expected 0 to 8");
  require(options.distractor_gain > 0, "distractor_gain", "expected a positive number");
  require(options.overlap >= 0 && options.overlap <= 1, "overlap", "expected a share from 0 to 1");
  require(options.overlap == 0 || (!is_attention && options.n_distractors > 0), "overlap",
          "needs a component that is an MLP, and a distractor");
  require(options.redundancy >= 1 && options.redundancy <= 4, "redundancy", "expected 1 to 4 copies");
  require(options.redundancy == 1 || (!is_attention && options.answer != PlantedAnswer::kCombined), "redundancy",
          "needs a component that is an MLP, and an answer that is not combined");
  require(options.rotation >= 0, "rotation", "expected 0 or more");
  require(options.rotation == 0 || is_attention, "rotation", "needs a component that is attention");
  require(options.noise >= 0, "noise", "expected 0 or more");
  require(options.dead >= 0 && options.dead <= 0.9, "dead", "expected a share from 0 to 0.9");
  require(options.context >= 0 && options.context <= 64, "context", "expected 0 to 64 tokens");
  require(options.answer == PlantedAnswer::kDirect || options.n_distractors > 0, "answer",
          "needs a distractor, on which the answer depends");
  require(options.answer != PlantedAnswer::kCombined ||
              Site::before(component) < Site::before({options.n_layers - 1, Block::kMlp}),
          "answer", "needs an MLP in the last layer, behind the component");
}

}  // namespace

Planted compile_model(const CompiledOptions& given, Seed seed) {
  CompiledOptions options = given;
  const int64_t n_components = 2 * options.n_layers;
  const int64_t drawn = n_components < 1 ? 0 : shuffled(n_components, seed.derive("component")).front();
  const ComponentRef component = options.component.value_or(Site{drawn}.next());
  const bool is_of_pairs = component.block == Block::kMlp && !options.one_operand;
  if (options.n_operands == 0) options.n_operands = is_of_pairs ? 11 : 17;
  check(options, component);
  const PlantedRows rows = planted_rows({.component = component,
                                         .n_operands = options.n_operands,
                                         .n_classes = options.n_classes,
                                         .context = options.context,
                                         .v_is_of_pairs = is_of_pairs,
                                         .us_are_of_pairs = is_of_pairs,
                                         .n_us = options.n_distractors,
                                         .answer = options.answer},
                                        seed.derive("data"));
  ModelCompiler compiler(options, rows, seed.derive("model"));
  Planted planted{.model = compiler.model(), .data = rows.table};
  planted.truth = {.tier = "compiled",
                   .seed = seed.value(),
                   .knobs = {{"answer", std::string(to_string(options.answer))},
                             {"classes", std::to_string(options.n_classes)},
                             {"component", to_string(component)},
                             {"context", std::to_string(options.context)},
                             {"dead", fmt::format("{}", options.dead)},
                             {"distractor_gain", fmt::format("{}", options.distractor_gain)},
                             {"distractors", std::to_string(options.n_distractors)},
                             {"gain", fmt::format("{}", options.gain)},
                             {"layers", std::to_string(options.n_layers)},
                             {"noise", fmt::format("{}", options.noise)},
                             {"one_operand", rows.is_of_pairs ? "false" : "true"},
                             {"operands", std::to_string(options.n_operands)},
                             {"overlap", fmt::format("{}", options.overlap)},
                             {"redundancy", std::to_string(options.redundancy)},
                             {"rotation", fmt::format("{}", options.rotation)}},
                   .variables = compiler.computed()};
  add_not_computed(planted.truth, rows);
  return planted;
}

}  // namespace cprobe
