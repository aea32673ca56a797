#include "cprobe/probe/probe_cell.h"

#include "cprobe/core/error.h"
#include "cprobe/probe/ablate_everywhere.h"
#include "cprobe/probe/draws.h"

namespace cprobe {

Model controlled_model(const Spec& spec, const Cell& cell, const Model& model) {
  const Seed seed = Seed(cell.seed).derive("model control");
  switch (spec.control) {
    case ModelControl::kNone:
      return model;
    case ModelControl::kRandomInit:
      return reinitialised(model, false, seed);
    case ModelControl::kRandomInitKeepEmbeddings:
      return reinitialised(model, true, seed);
    case ModelControl::kShuffledComponent:
      return with_shuffled_component(model, cell.component, seed);
  }
  throw failure("unknown model control");
}

std::unique_ptr<MaskMethod> mask_method(const Spec& spec, const Cell& cell) {
  return make_mask_method(spec.method, cell.mask_option);
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
    ComponentInputs inputs(model, cell.component, spec.unit, data.trie, before, labelled.nodes);
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
          {"model_control", std::string(to_string(spec.control))},
          {"protocol", std::string(to_string(spec.protocol))},
          {"seed", std::to_string(cell.seed)},
          {"data_seed", std::to_string(spec.data_seed)},
          {"position", std::to_string(cell.position)},
          {"epochs", std::to_string(spec.fit.epochs)},
          {"batch_size", std::to_string(cell.batch_size)},
          {"learning_rate", fmt::format("{}", cell.learning_rate)},
          {"weight_decay", fmt::format("{}", spec.fit.weight_decay)},
          {"l0_weight", fmt::format("{}", spec.fit.l0_weight)},
          {"max_temperature", fmt::format("{}", spec.fit.max_temperature)},
          {std::string(mask_option(spec.method).key), fmt::format("{}", cell.mask_option)}};
}

}  // namespace

CellResult probe_cell(const Spec& spec, const Cell& cell, const std::string& id, const RunData& data,
                      Streams& run_streams, const CellProgress& progress) {
  const Model model = controlled_model(spec, cell, data.model);
  Streams own_streams(model, run_streams.new_rows());
  Streams& streams = spec.control == ModelControl::kNone ? run_streams : own_streams;
  const ProbedSplit train = ProbedSplit::make(spec, cell, model, data.train, streams);
  const ProbedSplit test = ProbedSplit::make(spec, cell, model, data.test, streams);
  const std::unique_ptr<Draws> draws = make_draws(spec, cell, train.inputs.n_labelled(), test.inputs.n_labelled());
  const std::unique_ptr<MaskMethod> method = mask_method(spec, cell);
  FitOptions options = spec.fit;
  options.learning_rate = cell.learning_rate;
  options.batch_size = cell.batch_size;

  // The order of these passes is part of protocol paper.
  Findings findings{.n_train = train.inputs.n_labelled() / cell.batch_size * cell.batch_size,
                    .n_test = test.inputs.n_labelled()};
  findings.full_knn = decode(train, test, train.inputs.ones(), *draws);
  FitResult fitted = fit(
      train.inputs, train.labelled.labels, *method, options, [&](int64_t) { return draws->training_order(); },
      [&](const EpochRecord& epoch) {
        if (progress) progress(Piece::kEpoch, fmt::format("loss {:.3f}", epoch.loss));
      },
      Seed(cell.seed).derive("fit/mask noise").generator());
  findings.circuit = make_circuit(fitted.mask, *method);
  const bool is_own = spec.control != ModelControl::kNone;
  findings.circuit.provenance.merge(
      provenance(spec, cell, id, is_own ? fingerprint(model) : data.fingerprints.front()));
  const std::vector<at::Tensor> kept = keep_multipliers(findings.circuit);
  const auto loss = [&](const ProbedSplit& split, const at::Tensor& order, bool drop_last) {
    return mean_objective(split.inputs, split.labelled.labels, kept, order, cell.batch_size, drop_last);
  };
  findings.train_loss = loss(train, draws->training_order(), true);
  findings.test_loss = loss(test, draws->test_order(), false);
  findings.knn = decode(train, test, kept, *draws);
  findings.behaviours =
      ablate_everywhere(model, findings.circuit, data, spec.ablation, Seed(cell.seed), streams, progress);
  return {std::move(findings), std::move(fitted.curve)};
}

}  // namespace cprobe
