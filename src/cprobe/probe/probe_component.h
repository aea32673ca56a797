#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cprobe/circuit/fit.h"
#include "cprobe/core/progress.h"
#include "cprobe/data/dataset.h"
#include "cprobe/model/model.h"
#include "cprobe/probe/findings.h"

namespace cprobe {

class Draws;
class Streams;

/// How a circuit is looked for.
struct FindOptions {
  int64_t position = -1;  ///< Probed token of every row: from 0, or from the end when negative.
  MaskKind mask_method = MaskKind::kContinuousSparsification;
  std::optional<double> mask_option = {};  ///< The method's option; none: its default (mask.h).
  MaskUnit unit = MaskUnit::kNeuron;
  FitOptions fit = {};
  int64_t exemplar_draws = 20;  ///< Times that decoding is repeated with other exemplars, >= 1.
  uint64_t seed = 0;            ///< Of batches, exemplars and what masks draw.
};

/// The circuit of a variable in one component.
struct FoundCircuit {
  Findings findings;
  Circuit circuit;
  std::vector<EpochRecord> curve;  ///< Of mask training.
};

/// Finds the circuit of a variable in one component and decodes the variable from its updates
/// (docs/method.md, steps 1 to 5): what runs and `find_circuit` (cprobe.h) have in common.
/// @param draws       which tokens and exemplars are taken, and in which order.
/// @param streams     of `model`.
/// @param on_progress told of every epoch.
/// @return            without `evaluation_sets`, and without the circuit's provenance.
/// @throws Error      (kInput) if variable, layer or position does not exist, or the labels cannot
///                    be decoded (one class, or a class with one training token); as `fit`.
FoundCircuit probe_component(const Model& model, const Dataset& train, const Dataset& test, const std::string& variable,
                             const ComponentRef& component, const FindOptions& options, Draws& draws, Streams& streams,
                             const OnProgress& on_progress = {});

/// Where a circuit comes from: what its file says beside the method (docs/file_formats.md).
/// @param model_fingerprint of the model that was probed.
std::map<std::string, std::string> provenance(const std::string& variable, const FindOptions& options,
                                              const std::string& model_fingerprint);

}  // namespace cprobe
