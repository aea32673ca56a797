#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/model/address.h"
#include "cprobe/model/config.h"

namespace cprobe {

/// What a planted model does with a variable.
enum class PlantedStatus {
  kUsed,    ///< Computed by the component, and the answer depends on it.
  kIdle,    ///< Computed by the component. Nothing that the answer depends on reads it.
  kCopied,  ///< The component brings the variable's operand. Nothing computes the variable.
  kAbsent,  ///< Nothing computes the variable.
};
inline constexpr std::array kPlantedStatuses = {PlantedStatus::kUsed, PlantedStatus::kIdle, PlantedStatus::kCopied,
                                                PlantedStatus::kAbsent};
std::string_view to_string(PlantedStatus status);  ///< "used", "idle", "copied", "absent".

/// What the units of one weight matrix do for a variable. A unit is an output of the matrix. The
/// lists are ascending and disjoint, and together hold every unit of the matrix.
struct PlantedUnits {
  std::vector<int64_t> units;   ///< Serve the variable and nothing else.
  std::vector<int64_t> shared;  ///< Serve the variable and another one.
  std::vector<int64_t> route;   ///< Queries and keys that bring the variable's operand.
  std::vector<int64_t> other;   ///< Serve something else.
  std::vector<int64_t> dead;    ///< Serve nothing.
  /// [n_out] of the matrix; empty until `measure_importance`.
  std::vector<double> importance;

  friend bool operator==(const PlantedUnits&, const PlantedUnits&) = default;
};

/// A hypothesis about a planted model, with what is true of it.
struct PlantedVariable {
  std::string name;  ///< Column of the data.
  PlantedStatus status = PlantedStatus::kAbsent;
  /// Computes the variable (used, idle) or brings its operand (copied). Not set if absent.
  std::optional<ComponentRef> component;
  /// Later components, in whose input the variable can be read.
  std::vector<ComponentRef> received_by;
  /// [n_values, d_model] float32: what the component adds to the stream for each value, up to a
  /// factor. Undefined unless used or idle. A used variable may have none; its units are then
  /// tested by the answers.
  at::Tensor code;
  std::vector<PlantedUnits> matrices;  ///< As matrices_of the component; empty unless used or idle.
  /// Copies of the computation, each of which would do alone: per copy and matrix, units of
  /// `matrices`. Empty if there is one copy.
  std::vector<std::vector<std::vector<int64_t>>> alternatives;

  /// Whether the component computes the variable: used or idle.
  bool is_computed() const { return status == PlantedStatus::kUsed || status == PlantedStatus::kIdle; }
};

/// What is true of a planted model: its truth file.
struct Truth {
  std::string tier;                          ///< "compiled", "trained" or "implant".
  uint64_t seed = 0;                         ///< Of all that was drawn.
  std::map<std::string, std::string> knobs;  ///< How the model was made, as text.
  std::vector<PlantedVariable> variables;

  /// @throws Error (kInput) if there is no such variable.
  const PlantedVariable& variable(std::string_view name) const;
};

/// The tier of a truth about an implant (implant.h).
inline constexpr std::string_view kImplantTier = "implant";

/// A knob that is a number. @throws Error (kInput) if there is none of that name.
double knob_number(const Truth& truth, const std::string& name);

/// The name of a truth file in a model's folder.
inline constexpr std::string_view kTruthFile = "truth.json";

/// Writes a truth file (docs/file_formats.md). The same truth always gives the same bytes.
/// @throws Error (kFailed).
void save_truth(const Truth& truth, const ModelConfig& config, const std::filesystem::path& path);

/// Reads a truth file.
/// @param config  of the model beside the file.
/// @throws Error (kInput) with file, line and column:
///   - an unknown or missing key, an unknown status;
///   - a component or matrix that the model lacks, or one that is left out;
///   - an idle variable without a code;
///   - units that the matrix lacks, that stand in no list, or in two.
Truth load_truth(const std::filesystem::path& path, const ModelConfig& config);

/// Per matrix of the component, [n_out] bool: the units that a variable needs, shared ones
/// included.
/// @param variable  used or idle.
std::vector<at::Tensor> needed_units(const PlantedVariable& variable, const ModelConfig& config);

}  // namespace cprobe
