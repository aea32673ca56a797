#include "cprobe/probe/probe_cell.h"

#include "cprobe/core/error.h"
#include "cprobe/probe/ablate_everywhere.h"
#include "cprobe/probe/draws.h"

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

FindOptions find_options(const ProbeSpec& spec, const Cell& cell) {
  FindOptions options{.position = cell.position,
                      .mask_method = spec.mask_method,
                      .mask_option = cell.mask_option,
                      .unit = spec.unit,
                      .fit = spec.fit,
                      .exemplar_draws = spec.exemplar_draws,
                      .seed = cell.seed};
  options.fit.learning_rate = cell.learning_rate;
  options.fit.batch_size = cell.batch_size;
  return options;
}

FoundCircuit probe_cell(const Spec& spec, const Cell& cell, const std::string& id, const RunData& data,
                        Streams& run_streams, const CellProgress& progress) {
  const Model model = controlled_model(spec.model.control, cell.component, cell.seed, data.model);
  Streams own_streams(model, run_streams.new_rows());
  const bool is_own = spec.model.control != ModelControl::kNone;
  Streams& streams = is_own ? own_streams : run_streams;
  const FindOptions options = find_options(spec.probe, cell);
  const std::unique_ptr<Draws> draws = make_draws(spec.probe, cell, data.train.trie.n_rows(), data.test.trie.n_rows());
  FoundCircuit found = probe_component(model, data.train, data.test, cell.variable, cell.component, options, *draws,
                                       streams, progress.mask_training);
  std::map<std::string, std::string>& notes = found.circuit.provenance;
  notes.merge(provenance(cell.variable, options, is_own ? fingerprint(model) : data.fingerprints.front()));
  notes["cell"] = id;
  notes["model_control"] = to_string(spec.model.control);
  notes["protocol"] = to_string(spec.probe.protocol);
  notes["data_seed"] = std::to_string(spec.probe.data_seed);
  found.findings.evaluation_sets =
      ablate_everywhere(model, found.circuit, data, spec.probe.ablation, Seed(cell.seed), streams, progress.ablations);
  return found;
}

}  // namespace cprobe
