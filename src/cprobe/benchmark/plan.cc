#include "cprobe/benchmark/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>

#include "cprobe/core/error.h"
#include "cprobe/model/config.h"
#include "cprobe/plant/partitions.h"

namespace cprobe {
namespace {

/// A level of a knob.
struct Level {
  std::string name;
  std::optional<Block> block;  ///< That the knob needs.
  std::function<void(CompiledOptions&)> set;
};

std::vector<Level> all_levels() {
  std::vector<Level> levels;
  const auto add = [&](std::string name, std::optional<Block> block, std::function<void(CompiledOptions&)> set) {
    levels.push_back({std::move(name), block, std::move(set)});
  };
  const auto any = std::nullopt;
  for (const int64_t n : {2, 14}) {
    add(fmt::format("classes {}", n), n == 14 ? std::optional(Block::kMlp) : any,
        [n](CompiledOptions& o) { o.n_classes = n; });
  }
  for (const int64_t n : {7, 17}) {
    add(fmt::format("operands {}", n), Block::kMlp, [n](CompiledOptions& o) { o.n_operands = n; });
  }
  for (const int64_t n : {0, 4}) {
    add(fmt::format("distractors {}", n), any, [n](CompiledOptions& o) { o.n_distractors = n; });
  }
  for (const double x : {.5, 2., 4.}) {
    add(fmt::format("distractor gain {}", x), any, [x](CompiledOptions& o) { o.distractor_gain = x; });
  }
  for (const double x : {.25, .5}) add(fmt::format("gain {}", x), any, [x](CompiledOptions& o) { o.gain = x; });
  for (const double x : {.5, 1.}) {
    add(fmt::format("overlap {}", x), Block::kMlp, [x](CompiledOptions& o) { o.overlap = x; });
  }
  for (const int64_t n : {2, 3}) {
    add(fmt::format("redundancy {}", n), Block::kMlp, [n](CompiledOptions& o) { o.redundancy = n; });
  }
  for (const double x : {.25, 1.}) {
    add(fmt::format("rotation {}", x), Block::kAttention, [x](CompiledOptions& o) { o.rotation = x; });
  }
  for (const double x : {0., .05}) add(fmt::format("noise {}", x), any, [x](CompiledOptions& o) { o.noise = x; });
  for (const int64_t n : {1, 3}) add(fmt::format("layers {}", n), any, [n](CompiledOptions& o) { o.n_layers = n; });
  for (const PlantedAnswer answer : {PlantedAnswer::kCombined, PlantedAnswer::kOther}) {
    add(fmt::format("answer {}", to_string(answer)), any, [answer](CompiledOptions& o) { o.answer = answer; });
  }
  add("context 3", any, [](CompiledOptions& o) { o.context = 3; });
  add("one operand", Block::kMlp, [](CompiledOptions& o) { o.one_operand = true; });
  return levels;
}

/// Draws the component that computes, and what follows from it.
void place(BenchmarkModel& model, std::optional<Block> block, Seed seed) {
  CompiledOptions& options = model.compiled;
  std::vector<ComponentRef> all;
  for (Site site = Site::start(); site.index < 2 * options.n_layers; ++site.index) all.push_back(site.next());
  std::vector<ComponentRef> candidates;
  for (const ComponentRef& component : all) {
    const bool fits = options.answer != PlantedAnswer::kCombined || component != all.back();
    if (fits && (!block || component.block == *block)) candidates.push_back(component);
  }
  options.component = candidates[static_cast<size_t>(
      shuffled(static_cast<int64_t>(candidates.size()), seed.derive("component")).front())];
  model.layers = {options.component->layer};
  for (const int64_t layer : shuffled(options.n_layers, seed.derive("other layers"))) {
    if (layer != options.component->layer) model.layers.push_back(layer);
  }
  model.variables = {"v"};
  if (options.n_distractors > 0) model.variables.emplace_back("u1");
  for (const char* name : {"merged", "table_1", "table_2", "partition"}) model.variables.emplace_back(name);
}

}  // namespace

std::string_view to_string(BenchmarkSize size) {
  switch (size) {
    case BenchmarkSize::kTiny:
      return "tiny";
    case BenchmarkSize::kSmall:
      return "small";
    case BenchmarkSize::kFull:
      return "full";
  }
  throw failure("a size without a name");
}

std::vector<BenchmarkModel> benchmark_models(BenchmarkSize size, Seed seed) {
  const std::vector<Level> levels = all_levels();
  const size_t n_compiled = size == BenchmarkSize::kTiny ? 6 : size == BenchmarkSize::kSmall ? 40 : 240;
  const size_t n_trained = size == BenchmarkSize::kTiny ? 0 : size == BenchmarkSize::kSmall ? 8 : 40;
  const size_t n_layers = size == BenchmarkSize::kTiny ? 1 : 2;
  // Default knobs come first, so that a run that is cut short tells something.
  const size_t n_default =
      size == BenchmarkSize::kTiny ? n_compiled : n_compiled - n_compiled / (levels.size() + 1) * levels.size();
  std::vector<BenchmarkModel> models;
  for (size_t i = 0; i < n_compiled + n_trained; ++i) {
    BenchmarkModel& model = models.emplace_back();
    model.name = fmt::format("m{:03}", i);
    const Seed own = seed.derive(model.name);
    model.seed = own.value() % 1'000'000;  // Short, for `cprobe plant --seed`.
    model.has_all_methods = size == BenchmarkSize::kFull || (size == BenchmarkSize::kSmall && i < 8);
    if (i >= n_compiled) {
      // One layer or two, and a tenth or a quarter of the units, in turn.
      model.trained = TrainedOptions{.n_layers = 1 + static_cast<int64_t>(i % 2), .share = i / 2 % 2 == 0 ? .25 : .1};
      model.knob = fmt::format("trained, share {}", model.trained->share);
      model.layers = {0};
      if (model.trained->n_layers == 2) model.layers.push_back(1);
      model.variables = {"v", "merged", "table_1", "table_2", "partition"};
      continue;
    }
    model.knob = "default";
    std::optional<Block> block;
    if (i >= n_default) {
      const Level& level = levels[(i - n_default) % levels.size()];
      model.knob = level.name;
      block = level.block;
      level.set(model.compiled);
    }
    place(model, block, own);
    model.layers.resize(std::min(n_layers, model.layers.size()));
  }
  return models;
}

}  // namespace cprobe
