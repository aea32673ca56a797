#include "cprobe/probe/probe_component.h"

#include "cprobe/evaluate/nearest_neighbours.h"
#include "cprobe/probe/draws.h"
#include "cprobe/probe/l0_path.h"
#include "cprobe/probe/streams.h"

namespace cprobe {
namespace {

/// One split as it is probed: the component's inputs, and the labels to decode.
struct ProbedSplit {
  LabelledTokens labelled;
  ComponentInputs inputs;

  /// @param rows  numbers of the rows to take; undefined: all.
  static ProbedSplit make(const Model& model, const Dataset& data, const at::Tensor& rows, const std::string& variable,
                          const ComponentRef& component, const FindOptions& options, Streams& streams) {
    at::NoGradGuard no_gradients;
    const Stream& before = streams.at(data, Site::before(component));
    LabelledTokens labelled = data.labelled(variable, options.position);
    if (rows.defined()) {
      labelled = {labelled.nodes.index_select(0, rows), labelled.labels.index_select(0, rows)};
    }
    ComponentInputs inputs(model, component, options.unit, data.trie, before, labelled.nodes);
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

double option_of(const FindOptions& options) {
  return options.mask_option.value_or(mask_option(options.mask_method).otherwise);
}

}  // namespace

FoundCircuit probe_component(const Model& model, const Dataset& train_data, const Dataset& test_data,
                             const std::string& variable, const ComponentRef& component, const FindOptions& options,
                             Draws& draws, Streams& streams, const OnProgress& on_progress) {
  const ProbedSplit train =
      ProbedSplit::make(model, train_data, options.train_rows, variable, component, options, streams);
  require_decodable(train.labelled.labels, fmt::format("{}: variable '{}'", train_data.source, variable));
  const ProbedSplit test = ProbedSplit::make(model, test_data, {}, variable, component, options, streams);
  const std::unique_ptr<MaskMethod> method = make_mask_method(options.mask_method, option_of(options));
  const int64_t batch_size = options.fit.batch_size;

  // Protocol paper fixes the order of these passes.
  Findings findings{.n_train = train.inputs.n_labelled() / batch_size * batch_size, .n_test = test.inputs.n_labelled()};
  findings.full_knn = decode(train, test, train.inputs.ones(), draws);
  FitResult fitted = fit(
      train.inputs, train.labelled.labels, *method, options.fit, [&](int64_t) { return draws.training_order(); },
      Seed(options.seed).derive("fit/mask noise").generator(), on_progress);
  auto [circuit, path] = choose_circuit(train.inputs, train.labelled.labels, options.train_types, *method, fitted,
                                        draws.exemplars(train.labelled.labels));
  const std::vector<at::Tensor> kept = keep_multipliers(circuit);
  const auto loss = [&](const ProbedSplit& split, const at::Tensor& order, bool drop_last) {
    return mean_objective(split.inputs, split.labelled.labels, kept, order, batch_size, drop_last);
  };
  findings.train_loss = loss(train, draws.training_order(), true);
  findings.test_loss = loss(test, draws.test_order(), false);
  findings.knn = decode(train, test, kept, draws);
  findings.n_weights = circuit.n_weights();
  findings.max_weights = circuit.max_weights();
  findings.path = std::move(path);
  return {std::move(findings), std::move(circuit), std::move(fitted.curve)};
}

std::map<std::string, std::string> provenance(const std::string& variable, const FindOptions& options,
                                              const std::string& model_fingerprint) {
  return {{"version", CPROBE_VERSION},
          {"variable", variable},
          {"model_fingerprint", model_fingerprint},
          {"seed", std::to_string(options.seed)},
          {"position", to_string(options.position)},
          {"epochs", std::to_string(options.fit.epochs)},
          {"batch_size", std::to_string(options.fit.batch_size)},
          {"learning_rate", fmt::format("{}", options.fit.learning_rate)},
          {"weight_decay", fmt::format("{}", options.fit.weight_decay)},
          {"exemplar_draws", std::to_string(options.exemplar_draws)},
          {"max_temperature", fmt::format("{}", options.fit.max_temperature)},
          {std::string(mask_option(options.mask_method).key), fmt::format("{}", option_of(options))}};
}

}  // namespace cprobe
