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

/// How to find a circuit.
struct FindOptions {
  Position position;  ///< Of the probed token in every row.
  MaskKind mask_method = MaskKind::kHardConcrete;
  std::optional<double> mask_option = {};  ///< The mask method's option; not set: its default.
  MaskUnit unit = MaskUnit::kNeuron;
  /// Of `mask_method`. Begin with `default_fit` to change some: FitOptions alone are the paper's,
  /// too slow for hard concrete.
  FitOptions fit = default_fit(MaskKind::kHardConcrete);
  int64_t exemplar_draws = 20;  ///< Draws of one exemplar per class to decode with, >= 1.
  uint64_t seed = 0;            ///< Seeds batches, exemplars and the sampling of masks.
  /// [n] int64, ascending: the training rows that masks are trained on and exemplars are drawn
  /// from. Undefined: all.
  at::Tensor train_rows = {};
  /// [n] int64: the type of each of these rows, to choose among several L0 weights. Undefined: each
  /// row is a type.
  at::Tensor train_types = {};

  /// The number of these rows. @param n_rows  rows of the training data.
  int64_t n_train(int64_t n_rows) const { return train_rows.defined() ? train_rows.size(0) : n_rows; }
};

/// The circuit of a variable in one component.
struct FoundCircuit {
  Findings findings;
  Circuit circuit;
  std::vector<EpochRecord> curve;  ///< The curve of mask training, one record per epoch.
};

/// Finds the circuit of a variable in one component, and decodes the variable from the circuit's
/// updates (docs/method.md, steps 1 to 5). Runs and `find_circuit` (cprobe.h) both call this
/// function.
/// @param draws    says which tokens and exemplars are taken, and in which order: of
///                 `options.n_train` training tokens.
/// @param streams  of `model`.
/// @param on_progress  told of every epoch.
/// @return         findings without `evaluation_sets`, and a circuit without provenance.
/// @throws Error
///   - (kInput) if the variable, layer or position does not exist;
///   - (kInput) if the labels cannot be decoded: one class, or a class with one training token;
///   - as `fit`.
FoundCircuit probe_component(const Model& model, const Dataset& train, const Dataset& test, const std::string& variable,
                             const ComponentRef& component, const FindOptions& options, Draws& draws, Streams& streams,
                             const OnProgress& on_progress = {});

/// The provenance of a circuit, as its file has it (docs/file_formats.md), without the mask method.
/// @param model_fingerprint  of the model that was probed.
std::map<std::string, std::string> provenance(const std::string& variable, const FindOptions& options,
                                              const std::string& model_fingerprint);

}  // namespace cprobe
