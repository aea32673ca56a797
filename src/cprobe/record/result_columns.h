#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "cprobe/evaluate/ablation.h"

/// Names of columns of results.csv, and of metrics, that are read in other places than they are written in
/// (docs/file_formats.md has all).
namespace cprobe::column {

inline constexpr const char* kId = "model_id";
inline constexpr const char* kVariable = "variable";
inline constexpr const char* kLayer = "target_layer";
inline constexpr const char* kBlock = "operation";
inline constexpr const char* kKnn = "knn test acc";
inline constexpr const char* kKnnSd = "knn test sd";
inline constexpr const char* kKnnDraws = "knn draws";
inline constexpr const char* kFullKnn = "full model knn test acc";
inline constexpr const char* kFullKnnSd = "full model knn test sd";
inline constexpr const char* kMajority = "test majority acc";
inline constexpr const char* kWeights = "L0 Norm";
inline constexpr const char* kMaxWeights = "L0 Max";
inline constexpr const char* kCircuit = "circuit";

// Of the behaviour on a data set. The reference puts a matrix's name in front and, for the whole component, nothing.
inline constexpr std::string_view kVanilla = " vanilla acc ";

inline std::string vanilla(std::string_view set, std::string_view matrix = "") {
  return fmt::format("{}{}{}", matrix, kVanilla, set);
}
inline std::string ablated(std::string_view set, std::string_view matrix = "") {
  return fmt::format("{} ablated acc {}", matrix, set);
}
/// With a fill that is not the spec's first.
inline std::string ablated(std::string_view set, Fill fill) {
  return fmt::format("ablated acc {} ({} fill)", set, to_string(fill));
}
inline std::string complement(std::string_view set) {
  return fmt::format("complement ablated acc {}", set);
}
inline std::string random_mean(std::string_view set) {
  return fmt::format("random ablate acc mean {}", set);
}
inline std::string random_sd(std::string_view set) {
  return fmt::format("random ablate acc sd {}", set);
}
inline std::string n_random(std::string_view set) {
  return fmt::format("random controls {}", set);
}
inline std::string p(std::string_view set) {
  return fmt::format("ablated p {}", set);
}
inline std::string note(std::string_view set) {
  return fmt::format("ablation note {}", set);
}

}  // namespace cprobe::column

namespace cprobe {

inline constexpr const char* kAblatedAccuracy = "ablated_accuracy";

/// The metric of an ablation. @param figure such as kAblatedAccuracy. @param matrix "all", or the one that is ablated.
inline std::string ablation_metric(std::string_view figure, std::string_view set, std::string_view matrix, Fill fill) {
  std::string name = fmt::format("{} {}", figure, set);
  if (matrix != "all") name += fmt::format(" {}", matrix);
  if (fill != Fill::kZero) name += fmt::format(" ({} fill)", to_string(fill));
  return name;
}

}  // namespace cprobe
