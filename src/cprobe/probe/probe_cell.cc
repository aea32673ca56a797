#include "cprobe/probe/probe_cell.h"

#include "cprobe/core/error.h"
#include "cprobe/probe/ablate_everywhere.h"
#include "cprobe/probe/draws.h"
#include "cprobe/probe/exchange.h"
#include "cprobe/probe/null_circuits.h"

namespace cprobe {

Model controlled_model(ModelControl control, const ComponentRef& component, uint64_t cell_seed, const Model& model) {
  const Seed seed = Seed(cell_seed).derive("model control");
  switch (control) {
    case ModelControl::kNone:
      return model;
    case ModelControl::kRandomInit:
      return reinitialised(model, false, seed);
    case ModelControl::kRandomInitKeepEmbeddings:
      return reinitialised(model, true, seed);
    case ModelControl::kShuffledComponent:
      return with_shuffled_component(model, component, seed);
  }
  throw failure("unknown model control");
}

namespace {

/// The evaluation set of a label; null if there is none.
const Dataset* evaluation_set(const RunData& data, const std::string& label) {
  const auto found = std::ranges::find(data.evaluation_sets, label, [](const auto& entry) { return entry.first; });
  return found == data.evaluation_sets.end() ? nullptr : &found->second;
}

}  // namespace

FindOptions find_options(const ProbeSpec& spec, const Cell& cell) {
  return {.position = cell.position,
          .mask_method = spec.mask_method,
          .mask_option = cell.mask_option,
          .unit = spec.unit,
          .fit = fit_options(spec, cell),
          .exemplar_draws = spec.exemplar_draws,
          .seed = cell.seed};
}

FoundCircuit probe_cell(const Spec& spec, const Cell& cell, const std::string& id, const RunData& data,
                        Streams& run_streams, const CellProgress& progress, const FoundCircuit* screened) {
  const Model model = controlled_model(spec.model.control, cell.component, cell.seed, data.model);
  Streams own_streams(model, run_streams.new_rows());
  const bool is_own = spec.model.control != ModelControl::kNone;
  Streams& streams = is_own ? own_streams : run_streams;
  FindOptions options = find_options(spec.probe, cell);
  std::optional<NullHypothesis> null;
  if (spec.probe.protocol != Protocol::kPaper) {
    const auto known = data.nulls.find(cell.variable);
    null = known != data.nulls.end() ? known->second
                                     : null_hypothesis(data, cell.variable, spec.data.types_of(cell.variable),
                                                       spec.probe.null_variables, spec.probe.held_out_types);
    options.train_rows = rows_to_train_on(data, *null);
    options.train_types = types_to_train_on(data, *null);
  }
  FoundCircuit found;
  if (screened != nullptr) {
    found = *screened;
    found.findings.presence.clear();
  } else {
    const std::unique_ptr<Draws> draws =
        make_draws(spec.probe, cell, options.n_train(data.train.trie.n_rows()), data.test.trie.n_rows());
    found = probe_component(model, data.train, data.test, cell.variable, cell.component, options, *draws, streams,
                            progress.mask_training);
  }
  std::map<std::string, std::string>& notes = found.circuit.provenance;
  notes.merge(provenance(cell.variable, options, is_own ? fingerprint(model) : data.fingerprints.front()));
  notes["cell"] = id;
  notes["model_control"] = to_string(spec.model.control);
  notes["protocol"] = to_string(spec.probe.protocol);
  notes["data_seed"] = std::to_string(spec.probe.data_seed);
  if (model.config.longest_row > 0) notes["longest_row"] = std::to_string(model.config.longest_row);
  if (spec.probe.held_out_types > 0) notes["held_out_types"] = fmt::format("{}", spec.probe.held_out_types);
  std::vector<Circuit> null_circuits;
  if (null) {
    null_circuits = find_null_circuits(model, data, *null, cell.component, options, streams, progress.null_circuits);
    found.findings.types = null->types.text();
    notes["types"] = found.findings.types;
    found.findings.n_held_out = null->held_out.defined() ? null->held_out.sum().item<int64_t>() : 0;
    if (spec.probe.null_variables > 0) found.findings.null_kind = to_string(null->variables.kind);
    for (const Circuit& circuit : null_circuits) found.findings.null_weights.push_back(circuit.n_weights());
    found.findings.presence =
        presence(model, data, cell.variable, found.circuit, null_circuits, *null, options, streams);
  }
  found.findings.evaluation_sets =
      ablate_everywhere(model, found.circuit, data, spec.probe.ablation, Seed(cell.seed), streams, progress.ablations,
                        null ? &*null : nullptr, null_circuits);
  // Also where the variable is not present: p is adjusted over all findings, because asking only
  // those that are present would select by the same variable.
  for (const Findings::Presence& on : found.findings.presence) {
    if (on.present.nulls.empty()) continue;
    const Dataset* set = evaluation_set(data, on.data);
    if (set == nullptr) continue;
    if (auto exchange = exchange_on(model, data, on.data, *set, found.circuit, null_circuits, *null,
                                    spec.probe.exchange, Seed(cell.seed), progress.exchanges)) {
      found.findings.exchanges.push_back(*std::move(exchange));
    }
  }
  return found;
}

}  // namespace cprobe
