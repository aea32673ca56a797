#pragma once

/// circuitprobe as a library, on one page: read a model and data, find the circuit that computes a
/// variable, ablate the circuit, save it. Link `cprobe::cprobe`; docs/library.md is the way in.
///
///     using namespace cprobe;
///     const Model model = load_model("models/toy");
///     const Dataset train = load_token_csv("train.csv", model.config.vocab);
///     const Dataset test = load_token_csv("test.csv", model.config.vocab);
///     const ComponentRef attention = {.layer = 0, .block = Block::kAttention};
///     const FoundCircuit found = find_circuit(model, train, test, "a^2", attention);
///     const auto ablated = ablate(model, found.circuit, train, test);
///     save_circuit(found.circuit, "a2.safetensors");
///
/// The library prints nothing, keeps no state, and throws one type of exception, `Error`. Same
/// machine, threads and seed: same bits.

#include "cprobe/circuit/circuit.h"        // Circuit, save_circuit, load_circuit
#include "cprobe/core/error.h"             // Error
#include "cprobe/core/threads.h"           // set_threads, once per thread that computes
#include "cprobe/data/token_csv.h"         // Dataset, load_token_csv: rows of token ids
#include "cprobe/model/model.h"            // Model, load_model: a Hugging Face folder
#include "cprobe/probe/findings.h"         // what was found, in numbers
#include "cprobe/probe/probe_component.h"  // FindOptions, FoundCircuit
#include "cprobe/tasks/language_task.h"    // load_language_data: sentences
#include "cprobe/tokenizer/tokenizer.h"    // Tokenizer::load

namespace cprobe {

/// Finds the circuit of a variable in one component: the units whose updates tell the variable's
/// values apart.
/// @param train    circuits are found on these rows. `variable` is a column of their file.
/// @param test     rows to decode the variable from.
/// @param component such as {.layer = 6, .block = Block::kAttention}.
/// @param on_progress told of every epoch.
/// @return         the circuit. In `findings`, `knn` says how well the variable is decoded from the
///                 circuit, `full_knn` how well from the whole component. Nothing is ablated yet.
/// @throws Error   (kInput) if the variable, the component or the probed token does not exist, the
///                 variable cannot be decoded, or an option is out of range; (kFailed) if the loss
///                 is no number.
FoundCircuit find_circuit(const Model& model, const Dataset& train, const Dataset& test, const std::string& variable,
                          const ComponentRef& component, const FindOptions& options = {},
                          const OnProgress& on_progress = {});

/// What the model can still do without the circuit, without the rest of the component, and without
/// random units as many as the circuit has.
/// @param train    gives means and donors to fills other than zero.
/// @param test     rows to answer; the right answers are theirs.
/// @param seed     of the random units and donors.
/// @param on_progress told of every ablation.
/// @return         accuracies. `circuit()` is the circuit's ablation, with a p-value.
/// @throws Error   (kInput) if the circuit is not of a model of these sizes.
Findings::OnEvaluationSet ablate(const Model& model, const Circuit& circuit, const Dataset& train, const Dataset& test,
                                 const AblationOptions& options = {}, uint64_t seed = 0,
                                 const OnProgress& on_progress = {});

}  // namespace cprobe
