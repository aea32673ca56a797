#include "cprobe/baselines/das.h"

#include <algorithm>
#include <cmath>

#include "cprobe/baselines/beside_nulls.h"
#include "cprobe/baselines/other_sources.h"
#include "cprobe/baselines/probe.h"
#include "cprobe/baselines/rotation.h"
#include "cprobe/core/error.h"
#include "cprobe/core/interrupt.h"
#include "cprobe/core/replay.h"
#include "cprobe/evaluate/behaviour.h"
#include "cprobe/evaluate/controls.h"
#include "cprobe/evaluate/exchange_effect.h"
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

constexpr const char* kWholeState = "whole state";

/// The alignment that exchanges the whole state.
Alignment whole_state(const Model& model) {
  return {at::eye(model.config.d_model), {}};
}

Outcomes untouched_outcomes(const Model& model, const InterchangePairs& pairs) {
  const at::NoGradGuard no_gradients;
  return outcomes_of(model, pairs.patching.run_all(pairs.base), at::arange(pairs.n()), pairs.answers, pairs.contrast);
}

/// Which rows are answered by the counterfactual answer, [n] float64.
at::Tensor follows(const Model& model, const InterchangePairs& pairs, const Alignment& alignment) {
  return interchange_outcomes(model, pairs, alignment).right.to(at::kDouble);
}

class DistributedAlignmentSearch : public BaselineMethod {
 public:
  explicit DistributedAlignmentSearch(const DasOptions& options) : options_(options) {}

  std::string settings() const override {
    const DasOptions& o = options_;
    const std::string which = o.dimension ? fmt::format("dimension {}", *o.dimension)
                                          : fmt::format("boundary lr {} temperature {} to {}", o.boundary_learning_rate,
                                                        o.start_temperature, o.end_temperature);
    const std::string nulls = o.null_variables ? fmt::format(" nulls {}", *o.null_variables) : "";
    return fmt::format("{} pairs {}+{} epochs {} batch {} lr {} evaluate {} controls {}{}", which, o.train_pairs,
                       o.dev_pairs, o.epochs, o.batch_size, o.learning_rate, o.evaluate_every, o.random_controls,
                       nulls);
  }

  void check(const std::string& variable, const Dataset& data) const override { require_answers(data, variable); }

  std::vector<Metric> run(const ProbedSite& probed, const OnProgress& on_progress) const override {
    const InterchangePairs all = interchange_pairs(probed, probed.train);
    const InterchangePairs test = interchange_pairs(probed, probed.test);
    const DrawnPairs rows = draw_pairs(all.n(), options_, probed);
    const InterchangePairs train = all.of_rows(rows.train), dev = all.of_rows(rows.dev);
    const int64_t n_nulls = has_nulls(probed) ? std::min(options_.null_variables.value_or(probed.null->variables.n()),
                                                         probed.null->variables.n())
                                              : 0;
    const auto part = [&](int64_t i) {
      const auto n = static_cast<double>(1 + n_nulls);
      return part_of(on_progress, static_cast<double>(i) / n, static_cast<double>(i + 1) / n,
                     i == 0 ? "" : fmt::format("null variable {}", i));
    };
    const DasResult found =
        train_das(probed.model, train, probed.paper_protocol ? nullptr : &dev, options_, probed.seed, part(0));
    std::vector<Metric> figures = metrics(probed, train, test, found);
    if (found.dev_accuracy) {
      figures.push_back({.metric = "interchange_accuracy dev", .value = *found.dev_accuracy, .n = dev.n()});
    }
    if (probed.paper_protocol) return figures;
    add_ceiling_and_isolation(figures, probed, test, found.alignment);
    if (n_nulls > 0) add_null_variables_of(figures, probed, all, test, rows, found.alignment, n_nulls, part);
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

  /// Appends what the alignment exchanges, what an exchange of the whole state does, and whether
  /// answers stay with sources of the same value.
  static void add_ceiling_and_isolation(std::vector<Metric>& figures, const ProbedSite& probed,
                                        const InterchangePairs& test, const Alignment& found) {
    const Model& model = probed.model;
    const Alignment whole = whole_state(model);
    figures.push_back({.metric = "effective_dimension",
                       .value = found.weights.defined() ? found.weights.sum().item<double>()
                                                        : static_cast<double>(found.rotation.size(1)),
                       .n = model.config.d_model});
    add_control(figures, {.metric = "interchange_accuracy changed",
                          .value = interchange_accuracy(model, test, whole).changed,
                          .n = test.changed.sum().item<int64_t>(),
                          .control = kWholeState});
    const Outcomes untouched = untouched_outcomes(model, test);
    const std::optional<at::Tensor> sources = source_rows(probed.test.data);
    if (sources && !test.contrast) {
      const Outcomes of_sources{.answer = untouched.answer.index_select(0, *sources)};
      const Moved to_source = moved(interchange_outcomes(model, test, whole), untouched, of_sources);
      if (const std::optional<double> share = to_source.share()) {
        figures.push_back(
            {.metric = "source_answer", .value = *share, .n = to_source.n_counted(), .control = kWholeState});
      }
    }
    const at::Tensor& values = probed.test.labels;
    at::Generator generator = probed.seed.derive("das/isolation").generator();
    const RowsWithSources same_value = draw_sources(values, values, probed.test.types, generator);
    if (same_value.rows.size(0) == 0) return;
    const InterchangePairs pairs = with_sources(test, same_value);
    const Outcomes before{.answer = untouched.answer.index_select(0, same_value.rows)};
    const auto isolation = [&](const Alignment& alignment) {
      return share_of_rows(kept_answers(interchange_outcomes(model, pairs, alignment), before));
    };
    const std::string name = fmt::format("{} {}", kIsolation, label_of_test(probed));
    figures.push_back({.metric = name, .value = isolation(found), .n = pairs.n()});
    figures.push_back({.metric = name, .value = isolation(whole), .n = pairs.n(), .control = kWholeState});
  }

  /// Appends the accuracy on changed rows beside that of null variables.
  /// @param all, test  all pairs of the training and the test set. @param rows  of `all`.
  /// @param part       progress of each null variable, from 1.
  void add_null_variables_of(std::vector<Metric>& figures, const ProbedSite& probed, const InterchangePairs& all,
                             const InterchangePairs& test, const DrawnPairs& rows, const Alignment& found,
                             int64_t n_nulls, const std::function<OnProgress(int64_t)>& part) const {
    const Model& model = probed.model;
    const NullHypothesis& null = *probed.null;
    const std::optional<at::Tensor> train_sources = source_rows(probed.train.data),
                                    test_sources = source_rows(probed.test.data);
    const int64_t n = train_sources && test_sources ? n_nulls : 0;
    add_null_variables(figures, null, n);
    if (n == 0) {
      figures.back().note += "; not used, as a row's source is no row of its data set";
      return;
    }
    const at::Tensor test_rows = test.changed.nonzero().squeeze(1);
    if (test_rows.size(0) == 0) return;
    std::vector<double> nulls;
    for (int64_t b = 0; b < n; ++b) {
      at::Generator generator = probed.seed.derive(fmt::format("das/null variable {}", b)).generator();
      const at::Tensor values = null.variables.values[b];
      const auto other_sources = [&](const ProbedSet& set, const at::Tensor& sources) {
        return draw_sources(set.labels.index_select(0, sources), values.index_select(0, set.types), {}, generator);
      };
      const auto pairs_of = [&](const InterchangePairs& pairs, const RowsWithSources& others, const at::Tensor& which) {
        const at::Tensor place = at::full({pairs.n()}, -1, at::kLong)
                                     .index_copy_(0, others.rows, at::arange(others.rows.size(0)))
                                     .index_select(0, which);
        const at::Tensor kept = place.index_select(0, place.ge(0).nonzero().squeeze(1));
        return with_sources(pairs, {others.rows.index_select(0, kept), others.sources.index_select(0, kept)});
      };
      const RowsWithSources of_train = other_sources(probed.train, *train_sources),
                            of_test = other_sources(probed.test, *test_sources);
      const InterchangePairs train = pairs_of(all, of_train, rows.train), dev = pairs_of(all, of_train, rows.dev);
      const DasResult of_null = train_das(model, train, &dev, options_, probed.seed, part(b + 1));
      nulls.push_back(mean_of(follows(model, pairs_of(test, of_test, test_rows), of_null.alignment)));
    }
    const at::Tensor right = follows(model, test.of_rows(test_rows), found);
    const at::Tensor types = probed.test.types.index_select(0, test_rows),
                     of_sources = probed.test.types.index_select(0, test_sources->index_select(0, test_rows));
    const auto minus = [&](double number) { return pair_means(right - number, types, of_sources, null.types); };
    const TestedFigure figure = figure_beside_nulls(mean_of(right), std::move(nulls), minus, {0, 1});
    add_beside_nulls(figures, fmt::format("{} {}", kChangedAnswers, label_of_test(probed)), figure, 1);
  }

  DasOptions options_;
};

}  // namespace

std::unique_ptr<BaselineMethod> make_das(const DasOptions& options) {
  return std::make_unique<DistributedAlignmentSearch>(options);
}

DasOptions read_das_options(const Document* map, DasOptions options) {
  if (map == nullptr) return options;
  std::vector<std::string_view> known = {"train_pairs",   "dev_pairs",      "epochs",          "batch_size",
                                         "learning_rate", "evaluate_every", "random_controls", "null_variables"};
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
  if_given(*map, "null_variables", [&](const Document& v) { options.null_variables = as_count(v, 0); });
  return options;
}

}  // namespace cprobe
