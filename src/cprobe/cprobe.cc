#include "cprobe/cprobe.h"

#include "cprobe/probe/ablate_everywhere.h"
#include "cprobe/probe/draws.h"

namespace cprobe {

FoundCircuit find_circuit(const Model& model, const Dataset& train, const Dataset& test, const std::string& variable,
                          const ComponentRef& component, const FindOptions& options, const OnProgress& on_progress) {
  require_component(model.config, component);
  at::Tensor labels = train.labelled(variable, options.position).labels;
  if (options.train_rows.defined()) labels = labels.index_select(0, options.train_rows);
  require_decodable(labels, fmt::format("{}: variable '{}'", train.source, variable));
  Streams streams(model);
  const std::unique_ptr<Draws> draws =
      named_draws(Seed(options.seed), options.n_train(train.trie.n_rows()), test.trie.n_rows(), options.exemplar_draws);
  FoundCircuit found = probe_component(model, train, test, variable, component, options, *draws, streams, on_progress);
  found.circuit.provenance.merge(provenance(variable, options, fingerprint(model)));
  return found;
}

Findings::OnEvaluationSet ablate(const Model& model, const Circuit& circuit, const Dataset& train, const Dataset& test,
                                 const AblationOptions& options, uint64_t seed, const OnProgress& on_progress) {
  const Circuit checked = circuit_of(circuit_file(circuit, "ablate"), model.config);
  Streams streams(model);
  return ablate_on(model, checked, "Test", test, train, options, Seed(seed), streams, on_progress);
}

}  // namespace cprobe
