#pragma once

#include <string>

#include "cprobe/core/progress.h"
#include "cprobe/probe/probe_component.h"
#include "cprobe/probe/run_data.h"
#include "cprobe/probe/streams.h"
#include "cprobe/spec/spec.h"

namespace cprobe {

/// Told how far a cell is: of its two parts that take long, each by itself.
struct CellProgress {
  OnProgress mask_training;  ///< Told of every epoch.
  OnProgress ablations;      ///< As ablate_everywhere.
};

/// The model that a cell probes: the run's, or a negative control made of it.
/// @param component the probed one. @param seed of the cell.
Model controlled_model(ModelControl control, const ComponentRef& component, uint64_t seed, const Model& model);

/// How the circuit of a cell is looked for.
FindOptions find_options(const ProbeSpec& spec, const Cell& cell);

/// Finds the circuit of one cell and evaluates it (docs/method.md, "The steps").
/// @param id       the cell's identity, noted in the circuit.
/// @param streams  of the run's model; unused where the spec asks for a negative control, which is another model.
/// @throws Error   (kInput) if the variable, layer or position does not exist, or the labels cannot be decoded (one
///         class only, a class with a single training token), (kInterrupted) when a stop is requested.
FoundCircuit probe_cell(const Spec& spec, const Cell& cell, const std::string& id, const RunData& data,
                        Streams& streams, const CellProgress& progress = {});

}  // namespace cprobe
