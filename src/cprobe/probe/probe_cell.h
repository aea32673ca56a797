#pragma once

#include <string>

#include "cprobe/core/progress.h"
#include "cprobe/probe/probe_component.h"
#include "cprobe/probe/run_data.h"
#include "cprobe/probe/streams.h"
#include "cprobe/spec/spec.h"

namespace cprobe {

/// Progress of the two parts of a cell that take long.
struct CellProgress {
  OnProgress mask_training;  ///< Told of every epoch.
  OnProgress null_circuits;  ///< Told of every epoch of all null circuits.
  OnProgress ablations;      ///< Told what `ablate_everywhere` tells.
  OnProgress exchanges;      ///< Told of each exchange.
};

/// The model that a cell probes: `model`, or a negative control made from `model`.
/// @param component  the component that is probed.
/// @param seed       of the cell.
Model controlled_model(ModelControl control, const ComponentRef& component, uint64_t seed, const Model& model);

/// The options for finding a cell's circuit.
FindOptions find_options(const ProbeSpec& spec, const Cell& cell);

/// Finds the circuit of one cell and evaluates it (docs/method.md, "The steps").
/// @param id       the cell's identity, written to the circuit's provenance.
/// @param screened  what the same cell found with `null_variables: 0`, whose circuit is then taken
///                  over. May be null.
/// @param streams  of the run's model. With a negative control, which is another model, the cell
///                 makes its own streams, kept where these are.
/// @throws Error
///   - (kInput) if the variable, layer or position does not exist;
///   - (kInput) if the labels cannot be decoded: one class, or a class with one training token;
///   - (kFailed) as `fit`;
///   - (kInterrupted) once a stop is requested.
FoundCircuit probe_cell(const Spec& spec, const Cell& cell, const std::string& id, const RunData& data,
                        Streams& streams, const CellProgress& progress = {}, const FoundCircuit* screened = nullptr);

}  // namespace cprobe
