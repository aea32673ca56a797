#include <torch/optim/adam.h>

#include <algorithm>
#include <cmath>

#include "cprobe/baselines/das.h"
#include "cprobe/baselines/rotation.h"
#include "cprobe/core/error.h"
#include "cprobe/core/interrupt.h"
#include "cprobe/core/rows.h"

namespace cprobe {
namespace {

constexpr double kWarmUp = 0.1;  // Share of the steps in which the learning rates rise.
constexpr double kLeastBoundary = 1e-3;

/// The trained parameters, and the alignment that they stand for.
class Learned {
 public:
  Learned(int64_t width, const DasOptions& options, Seed seed)
      : width_(width),
        options_(options),
        start_(random_rotation(width, seed)),
        skew_(at::zeros({width, width}).requires_grad_()),
        boundary_(at::ones({}).requires_grad_()) {
    const int64_t dimension = options.dimension.value_or(width);
    if (dimension > width) {
      throw input_error("das: dimension {} exceeds the width of the state, {}", dimension, width);
    }
    n_directions_ = dimension == 0 ? std::max<int64_t>(1, width / 2) : dimension;
  }

  bool boundless() const { return !options_.dimension; }
  at::Tensor& skew() { return skew_; }
  at::Tensor& boundary() { return boundary_; }

  at::Tensor rotation() const { return rotation_from(start_, skew_); }
  Alignment alignment(const at::Tensor& rotation, double temperature) const {
    if (!boundless()) return {rotation.narrow(1, 0, n_directions_), {}};
    return {rotation, boundary_weights(boundary_.clamp(kLeastBoundary, 1), width_, temperature)};
  }
  double share() const {
    if (boundless()) return std::clamp<double>(boundary_.item<float>(), kLeastBoundary, 1);
    return static_cast<double>(n_directions_) / static_cast<double>(width_);
  }

 private:
  int64_t width_;
  const DasOptions& options_;
  int64_t n_directions_ = 0;
  at::Tensor start_, skew_, boundary_;
};

/// Factor of the learning rates at a step, counted from 0. Rises linearly, then falls linearly to 0
/// after the last step.
double schedule(int64_t step, int64_t n_steps) {
  const auto t = static_cast<double>(step), n = static_cast<double>(n_steps), warm = kWarmUp * n;
  return t < warm ? t / std::max(1.0, warm) : std::max(0.0, (n - t) / std::max(1.0, n - warm));
}

std::vector<InterchangePairs> batches_of(const InterchangePairs& pairs, int64_t batch_size) {
  std::vector<InterchangePairs> batches;
  in_slabs(pairs.n(), batch_size,
           [&](int64_t begin, int64_t n) { batches.push_back(pairs.of_rows(at::arange(begin, begin + n))); });
  return batches;
}

}  // namespace

DasResult train_das(const Model& model, const InterchangePairs& train, const InterchangePairs* dev,
                    const DasOptions& options, Seed seed, const OnProgress& on_progress) {
  using torch::optim::AdamOptions;
  const at::AutoGradMode gradients(true);
  Learned learned(model.config.d_model, options, seed.derive("das/rotation"));
  const std::vector<InterchangePairs> batches = batches_of(train, options.batch_size);
  const auto n_batches = static_cast<int64_t>(batches.size());
  const int64_t n_steps = options.epochs * n_batches;
  const std::vector<double> rates = {options.learning_rate, options.boundary_learning_rate};
  std::vector<torch::optim::OptimizerParamGroup> groups;
  groups.emplace_back(std::vector<at::Tensor>{learned.skew()}, std::make_unique<AdamOptions>(rates[0]));
  if (learned.boundless()) {
    groups.emplace_back(std::vector<at::Tensor>{learned.boundary()}, std::make_unique<AdamOptions>(rates[1]));
  }
  torch::optim::Adam adam(std::move(groups), AdamOptions());
  const auto temperature = [&](int64_t step) {
    const double done = static_cast<double>(step) / static_cast<double>(std::max<int64_t>(1, n_steps - 1));
    return options.start_temperature + (options.end_temperature - options.start_temperature) * done;
  };

  DasResult best;
  for (int64_t step = 0; step < n_steps; ++step) {
    stop_if_interrupted();
    const InterchangePairs& batch = batches[static_cast<size_t>(step % n_batches)];
    const at::Tensor rotation = learned.rotation();
    const at::Tensor answers = interchange_logits(model, batch, learned.alignment(rotation, temperature(step)));
    at::Tensor loss = at::cross_entropy_loss(answers, batch.answers.to(answers.device())).cpu();
    if (learned.boundless()) loss = loss + learned.boundary() + distance_from_permutation(rotation);
    adam.zero_grad();
    loss.backward();
    for (size_t i = 0; i < adam.param_groups().size(); ++i) {
      adam.param_groups()[i].options().set_lr(rates[i] * schedule(step, n_steps));
    }
    adam.step();
    tell(on_progress, {"rotation", step + 1, n_steps});

    const bool last = step + 1 == n_steps;
    const bool evaluates = last || (dev != nullptr && (step + 1) % options.evaluate_every == 0);
    if (!evaluates) continue;
    const at::NoGradGuard no_gradients;
    if (!std::isfinite(loss.item<double>())) throw failure("das: the loss is no number after step {}", step + 1);
    DasResult now{.alignment = learned.alignment(learned.rotation(), temperature(step)),
                  .boundary = learned.share(),
                  .step = step + 1};
    if (dev != nullptr) now.dev_accuracy = interchange_accuracy(model, *dev, now.alignment).all;
    if (!best.dev_accuracy || *now.dev_accuracy >= *best.dev_accuracy) best = now;
  }
  return best;
}

}  // namespace cprobe
