#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <string>

namespace cprobe {

/// The options of `plant` that belong to implants.
struct PlantIntoOptions {
  std::filesystem::path into, spec;
  int64_t n_units = 16;
  double strength = 1;
};

/// Adds --into, --spec, --units and --strength.
void add_plant_into_options(CLI::App& command, PlantIntoOptions& options);

/// Whether the options ask for an implant.
inline bool asks_for_implant(const PlantIntoOptions& options) {
  return !options.into.empty() || !options.spec.empty();
}

/// Makes an implant in the folder `out`, tests its truth and says what it is.
/// @param component  empty: the spec's first MLP.
/// @param n_classes  0: the default.
/// @throws Error (kInput) as implant_host, design_implant and write_implant.
void plant_into(const PlantIntoOptions& options, const std::string& component, int64_t n_classes, uint64_t seed,
                const std::filesystem::path& out);

/// Whether the truth file of a folder is of an implant.
bool holds_implant_truth(const std::filesystem::path& folder);

/// Tests the truth of an implant's folder and prints what was found.
/// @throws Error (kInput) as check_implant.
void print_checked_implant(const std::filesystem::path& folder);

}  // namespace cprobe
