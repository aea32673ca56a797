#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/core/seed.h"
#include "cprobe/plant/compiled.h"
#include "cprobe/plant/trained.h"

namespace cprobe {

enum class BenchmarkSize { kTiny, kSmall, kFull };
inline constexpr std::array kBenchmarkSizes = {BenchmarkSize::kTiny, BenchmarkSize::kSmall, BenchmarkSize::kFull};
std::string_view to_string(BenchmarkSize size);  ///< "tiny", "small", "full".

/// A planted model of the benchmark, and what is run on it.
struct BenchmarkModel {
  std::string name;  ///< Of its folder: "m003".
  std::string knob;  ///< The knob that differs from the default, as "noise 0.05"; "default" if none.
  CompiledOptions compiled;
  std::optional<TrainedOptions> trained;  ///< Set: the model is trained, not compiled.
  uint64_t seed = 0;
  std::vector<std::string> variables;  ///< Hypotheses, at most six.
  std::vector<int64_t> layers;         ///< Both blocks of each are probed; the first computes.
  bool has_all_methods = false;        ///< False: the default mask method, and methods that need no search.
};

/// The models of a size:
///   - tiny: 6 at default knobs, the layer that computes alone;
///   - small: 40, each level of each knob once and the rest at default knobs, two layers each; all
///     methods on the first eight, whose layer that computes is probed alone by these; and 8 that
///     are trained;
///   - full: 240 and 40, all methods everywhere.
/// The component that computes is drawn, unless a knob needs one.
std::vector<BenchmarkModel> benchmark_models(BenchmarkSize size, Seed seed);

}  // namespace cprobe
