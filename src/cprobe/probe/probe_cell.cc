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

std::unique_ptr<MaskMethod> mask_method(const ProbeSpec& spec, const Cell& cell) {
  return make_mask_method(spec.mask_method, cell.mask_option);
}

namespace {

/// One split as the cell sees it: the constants of its component and the labels to decode.
struct ProbedSplit {
  LabelledTokens labelled;
  ComponentInputs inputs;

  static ProbedSplit make(const Spec& spec, const Cell& cell, const Model& model, const Dataset& data,
                          Streams& streams) {
    at::NoGradGuard no_gradients;
    const Stream& before = streams.at(data, Site::before(cell.component));
    LabelledTokens labelled = data.labelled(cell.variable, cell.position);
    ComponentInputs inputs(model, cell.component, spec.probe.unit, data.trie, before, labelled.nodes);
    return {std::move(labelled), std::move(inputs)};
  }

  LabelledVectors vectors(const std::vector<at::Tensor>& multipliers, const at::Tensor& order) const {
    return {inputs.updates(multipliers, order), labelled.labels.index_select(0, order)};
  }
};

KnnResult decode(const ProbedSplit& train, const ProbedSplit& test, const std::vector<at::Tensor>& multipliers,
                 Draws& draws) {
  at::NoGradGuard no_gradients;
  const DecodingOrder order = draws.decoding_order();
  const LabelledVectors train_vectors = train.vectors(multipliers, order.train);
  return knn(train_vectors, test.vectors(multipliers, order.test), draws.exemplars(train_vectors.labels));
}

/// @param model_fingerprint of the one that was probed: after a negative control, another than the spec's.
std::map<std::string, std::string> provenance(const Spec& spec, const Cell& cell, const std::string& id,
                                              const std::string& model_fingerprint) {
  return {{"version", CPROBE_VERSION},
          {"variable", cell.variable},
          {"cell", id},
          {"model_fingerprint", model_fingerprint},
          {"model_control", std::string(to_string(spec.model.control))},
          {"protocol", std::string(to_string(spec.probe.protocol))},
          {"seed", std::to_string(cell.seed)},
          {"data_seed", std::to_string(spec.probe.data_seed)},
          {"position", std::to_string(cell.position)},
          {"epochs", std::to_string(spec.probe.fit.epochs)},
          {"batch_size", std::to_string(cell.batch_size)},
          {"learning_rate", fmt::format("{}", cell.learning_rate)},
          {"weight_decay", fmt::format("{}", spec.probe.fit.weight_decay)},
          {"l0_weight", fmt::format("{}", spec.probe.fit.l0_weight)},
          {"max_temperature", fmt::format("{}", spec.probe.fit.max_temperature)},
          {std::string(mask_option(spec.probe.mask_method).key), fmt::format("{}", cell.mask_option)}};
}

}  // namespace

CellResult probe_cell(const Spec& spec, const Cell& cell, const std::string& id, const RunData& data,
                      Streams& run_streams, const CellProgress& progress) {
  const Model model = controlled_model(spec.model.control, cell.component, cell.seed, data.model);
  Streams own_streams(model, run_streams.new_rows());
  Streams& streams = spec.model.control == ModelControl::kNone ? run_streams : own_streams;
  const ProbedSplit train = ProbedSplit::make(spec, cell, model, data.train, streams);
  const ProbedSplit test = ProbedSplit::make(spec, cell, model, data.test, streams);
  const std::unique_ptr<Draws> draws =
      make_draws(spec.probe, cell, train.inputs.n_labelled(), test.inputs.n_labelled());
  const std::unique_ptr<MaskMethod> method = mask_method(spec.probe, cell);
  FitOptions options = spec.probe.fit;
  options.learning_rate = cell.learning_rate;
  options.batch_size = cell.batch_size;

  // The order of these passes is part of protocol paper.
  Findings findings{.n_train = train.inputs.n_labelled() / cell.batch_size * cell.batch_size,
                    .n_test = test.inputs.n_labelled()};
  findings.full_knn = decode(train, test, train.inputs.ones(), *draws);
  FitResult fitted = fit(
      train.inputs, train.labelled.labels, *method, options, [&](int64_t) { return draws->training_order(); },
      Seed(cell.seed).derive("fit/mask noise").generator(), progress.mask_training);
  Circuit circuit = make_circuit(cell.component, fitted.mask, *method);
  const bool is_own = spec.model.control != ModelControl::kNone;
  circuit.provenance.merge(provenance(spec, cell, id, is_own ? fingerprint(model) : data.fingerprints.front()));
  const std::vector<at::Tensor> kept = keep_multipliers(circuit);
  const auto loss = [&](const ProbedSplit& split, const at::Tensor& order, bool drop_last) {
    return mean_objective(split.inputs, split.labelled.labels, kept, order, cell.batch_size, drop_last);
  };
  findings.train_loss = loss(train, draws->training_order(), true);
  findings.test_loss = loss(test, draws->test_order(), false);
  findings.knn = decode(train, test, kept, *draws);
  findings.n_weights = circuit.n_weights();
  findings.max_weights = circuit.max_weights();
  findings.behaviours =
      ablate_everywhere(model, circuit, data, spec.probe.ablation, Seed(cell.seed), streams, progress.ablations);
  return {std::move(findings), std::move(circuit), std::move(fitted.curve)};
}

}  // namespace cprobe
