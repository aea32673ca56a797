#include "cprobe/baselines/transfer.h"

#include <algorithm>

#include "cprobe/core/error.h"
#include "cprobe/io/document_values.h"
#include "cprobe/training/trainer.h"

namespace cprobe {
namespace {

constexpr const char* kFromScratch = "from scratch";  ///< The control: fresh weights.

/// How fast a model learned.
struct Speed {
  std::optional<int64_t> reached;  ///< Steps until test accuracy reached the threshold, if it did.
  double area = 0;                 ///< Mean test accuracy over the first `area_steps` steps.
  double best = 0;                 ///< Largest test accuracy.
};

/// The rows of a data set, with the variable's value as the right answer.
Dataset variable_task(const ProbedSet& set, const std::string& variable, int64_t vocab) {
  if (!set.labels.defined()) throw input_error("{}: no variable '{}' to train on", set.data.source, variable);
  const at::Tensor strange = ((set.labels < 0) | (set.labels >= vocab)).nonzero();
  if (strange.numel() > 0) {
    const auto row = strange[0].item<int64_t>();
    throw input_error(
        "{}: variable '{}' is {} in data row {}, which is no token of the model (0 to {}); transfer learning answers "
        "with the variable's value",
        set.data.source, variable, set.labels[row].item<int64_t>(), row + 1, vocab - 1);
  }
  return {.source = set.data.source, .trie = set.data.trie, .answers = set.labels};
}

Speed speed_of_learning(const Model& start, const Dataset& train, const Dataset& test, const TransferOptions& options,
                        const OnProgress& on_progress) {
  Speed speed;
  const TrainOptions training{.steps = options.steps, .evaluate_every = 1};
  train_in_memory(start, train, test, training, [&](const CurvePoint& point) {
    if (point.step >= 1 && point.step <= options.area_steps)
      speed.area += point.test_accuracy / static_cast<double>(options.area_steps);
    if (!speed.reached && point.test_accuracy >= options.threshold) speed.reached = point.step;
    speed.best = std::max(speed.best, point.test_accuracy);
    tell(on_progress, {"learning", point.step, options.steps});
    return !speed.reached || point.step < options.area_steps;
  });
  return speed;
}

class Transfer : public BaselineMethod {
 public:
  explicit Transfer(const TransferOptions& options) : options_(options) {}

  std::string settings() const override {
    return fmt::format("steps {}, area_steps {}, threshold {}, scratch_seeds {}", options_.steps, options_.area_steps,
                       options_.threshold, options_.scratch_seeds);
  }

  void check(const std::string& /*variable*/, const Dataset& data) const override {
    if (!data.contrast) return;
    throw input_error("{}: transfer learning answers with a variable's value as a token, which sentences do not have",
                      data.source);
  }

  std::vector<Metric> run(const ProbedSite& probed, const OnProgress& on_progress) const override {
    const ModelConfig& config = probed.model.config;
    const Dataset train = variable_task(probed.train, probed.variable, config.vocab);
    const Dataset test = variable_task(probed.test, probed.variable, config.vocab);
    int64_t n_runs = 0;
    const auto learn = [&](const Model& start, const std::string& what) {
      const auto of_all = [&](const Progress& run) {
        tell(on_progress, {what, n_runs * run.total + run.done, (1 + options_.scratch_seeds) * run.total,
                           fmt::format("{}, step {}", what, run.done)});
      };
      const Speed speed = speed_of_learning(start, train, test, options_, of_all);
      ++n_runs;
      return speed;
    };
    const Speed finished = learn(probed.model, "finished model");
    std::vector<Speed> fresh;
    for (int64_t i = 0; i < options_.scratch_seeds; ++i) {
      const Seed weights = probed.seed.derive(fmt::format("transfer/scratch/{}", i));
      fresh.push_back(learn(random_model(config, weights), fmt::format("fresh model {}", i + 1)));
    }
    return metrics(finished, fresh, probed.test.labels.size(0));
  }

 private:
  double steps_of(const Speed& speed) const { return static_cast<double>(speed.reached.value_or(options_.steps)); }

  std::vector<Metric> metrics(const Speed& finished, const std::vector<Speed>& fresh, int64_t n_test) const {
    std::vector<double> steps, areas;
    for (const Speed& speed : fresh) {
      steps.push_back(steps_of(speed));
      areas.push_back(speed.area);
    }
    return {{.metric = "steps_to_accuracy", .value = steps_of(finished), .n = n_test, .note = note_of(finished)},
            control_metric("steps_to_accuracy", steps, kFromScratch, note_of(fresh)),
            {.metric = "learning_curve_area", .value = finished.area, .n = n_test},
            control_metric("learning_curve_area", areas, kFromScratch)};
  }

  std::string note_of(const Speed& speed) const {
    if (speed.reached) return "";
    return fmt::format("test accuracy {} not reached in {} steps; best {:.3f}", options_.threshold, options_.steps,
                       speed.best);
  }

  std::string note_of(const std::vector<Speed>& fresh) const {
    const auto never = std::ranges::count_if(fresh, [](const Speed& speed) { return !speed.reached; });
    if (never == 0) return "";
    const double best = std::ranges::max(fresh, {}, &Speed::best).best;
    return fmt::format("test accuracy {} not reached in {} steps by {} of {}, which count as {}; best {:.3f}",
                       options_.threshold, options_.steps, never, fresh.size(), options_.steps, best);
  }

  TransferOptions options_;
};

}  // namespace

std::unique_ptr<BaselineMethod> make_transfer(const TransferOptions& options) {
  return std::make_unique<Transfer>(options);
}

TransferOptions read_transfer_options(const Document* map) {
  TransferOptions options;
  if (map == nullptr) return options;
  map->require_known_keys({"steps", "area_steps", "threshold", "scratch_seeds"});
  if_given(*map, "steps", [&](const Document& v) { options.steps = as_count(v, 1); });
  if_given(*map, "area_steps", [&](const Document& v) { options.area_steps = as_count(v, 1); });
  if_given(*map, "threshold", [&](const Document& v) {
    options.threshold = as_positive(v);
    if (options.threshold > 1) throw v.error(fmt::format("expected at most 1, found {}", options.threshold));
  });
  if_given(*map, "scratch_seeds", [&](const Document& v) { options.scratch_seeds = as_count(v, 1); });
  if (options.area_steps > options.steps) {
    throw map->error(fmt::format("area_steps, {}, must not exceed steps, {}", options.area_steps, options.steps));
  }
  return options;
}

}  // namespace cprobe
