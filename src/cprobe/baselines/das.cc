#include "cprobe/baselines/das.h"

#include <algorithm>
#include <cmath>

#include "cprobe/baselines/rotation.h"
#include "cprobe/core/error.h"
#include "cprobe/core/interrupt.h"
#include "cprobe/core/replay.h"
#include "cprobe/evaluate/behaviour.h"
#include "cprobe/evaluate/controls.h"
#include "cprobe/io/document_values.h"

namespace cprobe {
namespace {

/// Rows of the training set, int64: `train` to train on, `dev` to choose the step by.
struct DrawnPairs {
  at::Tensor train, dev;
};

DrawnPairs draw_pairs(int64_t n_rows, const DasOptions& options, const ProbedSite& probed) {
  if (n_rows < 2) throw input_error("{}: DAS needs at least two rows", probed.train.data.source);
  int64_t n_train = options.train_pairs, n_dev = options.dev_pairs;
  const double wanted = static_cast<double>(n_train) + static_cast<double>(n_dev), n = static_cast<double>(n_rows);
  if (wanted > n) {
    n_train = std::clamp<int64_t>(std::llround(n * static_cast<double>(n_train) / wanted), 1, n_rows - 1);
    n_dev = n_rows - n_train;
  }
  if (probed.paper_protocol) {
    // The reference seeds this draw with 0, whatever its other seeds are.
    const std::vector<at::Tensor> parts = torch_random_split({n_train, n_dev, n_rows - n_train - n_dev}, 0);
    return {parts[0], parts[1]};
  }
  const at::Tensor order = at::randperm(n_rows, probed.seed.derive("das/pairs").generator(), at::kLong);
  return {order.narrow(0, 0, n_train), order.narrow(0, n_train, n_dev)};
}

/// Interchange accuracies on the test pairs, with random directions in place of the learned ones.
std::vector<double> random_accuracies(const Model& model, const InterchangePairs& test, const Alignment& learned,
                                      int64_t n_draws, Seed seed) {
  std::vector<double> accuracies;
  for (int64_t draw = 0; draw < n_draws; ++draw) {
    stop_if_interrupted();
    const at::Tensor random =
        random_rotation(model.config.d_model, seed.derive(fmt::format("das/random rotation {}", draw)));
    const Alignment control{random.narrow(1, 0, learned.rotation.size(1)), learned.weights};
    accuracies.push_back(interchange_accuracy(model, test, control).all);
  }
  return accuracies;
}

class DistributedAlignmentSearch : public BaselineMethod {
 public:
  explicit DistributedAlignmentSearch(const DasOptions& options) : options_(options) {}

  std::string settings() const override {
    const DasOptions& o = options_;
    const std::string which = o.dimension ? fmt::format("dimension {}", *o.dimension)
                                          : fmt::format("boundary lr {} temperature {} to {}", o.boundary_learning_rate,
                                                        o.start_temperature, o.end_temperature);
    return fmt::format("{} pairs {}+{} epochs {} batch {} lr {} evaluate {} controls {}", which, o.train_pairs,
                       o.dev_pairs, o.epochs, o.batch_size, o.learning_rate, o.evaluate_every, o.random_controls);
  }

  void check(const std::string& variable, const Dataset& data) const override { require_answers(data, variable); }

  std::vector<Metric> run(const ProbedSite& probed, const OnProgress& on_progress) const override {
    const InterchangePairs all = interchange_pairs(probed, probed.train);
    const InterchangePairs test = interchange_pairs(probed, probed.test);
    const DrawnPairs rows = draw_pairs(all.n(), options_, probed);
    const InterchangePairs train = all.of_rows(rows.train), dev = all.of_rows(rows.dev);
    const DasResult found =
        train_das(probed.model, train, probed.paper_protocol ? nullptr : &dev, options_, probed.seed, on_progress);
    std::vector<Metric> figures = metrics(probed, train, test, found);
    if (found.dev_accuracy) {
      figures.push_back({.metric = "interchange_accuracy dev", .value = *found.dev_accuracy, .n = dev.n()});
    }
    return figures;
  }

 private:
  std::vector<Metric> metrics(const ProbedSite& probed, const InterchangePairs& train, const InterchangePairs& test,
                              const DasResult& found) const {
    const Model& model = probed.model;
    const InterchangeAccuracy on_test = interchange_accuracy(model, test, found.alignment);
    const Metric accuracy{.metric = "interchange_accuracy",
                          .value = on_test.all,
                          .n = test.n(),
                          .note = fmt::format("the alignment after step {}", found.step)};
    std::vector<Metric> all;
    add_beside_controls(all, accuracy,
                        random_accuracies(model, test, found.alignment, options_.random_controls, probed.seed),
                        Stronger::kHigher, "random rotation");
    all.push_back({.metric = "interchange_accuracy changed",
                   .value = on_test.changed,
                   .n = test.changed.sum().item<int64_t>(),
                   .note = "rows whose counterfactual answer is not their own"});
    all.push_back({.metric = "interchange_accuracy train",
                   .value = interchange_accuracy(model, train, found.alignment).all,
                   .n = train.n()});
    all.push_back({.metric = "vanilla_accuracy Test",
                   .value = run_untouched(model, probed.test.data, probed.test.stream, probed.site).accuracy,
                   .n = test.n()});
    all.push_back({.metric = "dimension",
                   .value = found.boundary * static_cast<double>(model.config.d_model),
                   .n = model.config.d_model});
    return all;
  }

  DasOptions options_;
};

}  // namespace

std::unique_ptr<BaselineMethod> make_das(const DasOptions& options) {
  return std::make_unique<DistributedAlignmentSearch>(options);
}

DasOptions read_das_options(const Document* map, DasOptions options) {
  if (map == nullptr) return options;
  std::vector<std::string_view> known = {"train_pairs",   "dev_pairs",      "epochs",         "batch_size",
                                         "learning_rate", "evaluate_every", "random_controls"};
  if (options.dimension) {
    known.push_back("dimension");
  } else {
    known.insert(known.end(), {"boundary_learning_rate", "start_temperature", "end_temperature"});
  }
  map->require_known_keys(known);
  if_given(*map, "dimension", [&](const Document& v) { options.dimension = as_count(v, 1); });
  if_given(*map, "train_pairs", [&](const Document& v) { options.train_pairs = as_count(v, 1); });
  if_given(*map, "dev_pairs", [&](const Document& v) { options.dev_pairs = as_count(v, 1); });
  if_given(*map, "epochs", [&](const Document& v) { options.epochs = as_count(v, 1); });
  if_given(*map, "batch_size", [&](const Document& v) { options.batch_size = as_count(v, 1); });
  if_given(*map, "learning_rate", [&](const Document& v) { options.learning_rate = as_positive(v); });
  if_given(*map, "boundary_learning_rate", [&](const Document& v) { options.boundary_learning_rate = as_positive(v); });
  if_given(*map, "start_temperature", [&](const Document& v) { options.start_temperature = as_positive(v); });
  if_given(*map, "end_temperature", [&](const Document& v) { options.end_temperature = as_positive(v); });
  if_given(*map, "evaluate_every", [&](const Document& v) { options.evaluate_every = as_count(v, 1); });
  if_given(*map, "random_controls", [&](const Document& v) { options.random_controls = as_count(v, 0); });
  return options;
}

}  // namespace cprobe
