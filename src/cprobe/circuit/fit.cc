#include "cprobe/circuit/fit.h"

#include <ATen/Parallel.h>
#include <fmt/ranges.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/optim/adamw.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <memory>

#include "cprobe/circuit/open_units.h"
#include "cprobe/circuit/soft_nearest_neighbours.h"
#include "cprobe/core/error.h"
#include "cprobe/core/interrupt.h"
#include "cprobe/core/rows.h"

namespace cprobe {
namespace {

/// What the loss gains, at each L0 weight of a path, by keeping all weights of a component. Cells
/// know them as "auto": with other prices, raise both numerics versions.
constexpr std::array kPricesOfAll = {0.15, 0.5, 1.5};

void check(const FitOptions& options, int64_t n_labelled) {
  const auto require = [](bool holds, const char* what, double found) {
    if (!holds) throw input_error("mask training: {}, found {}", what, found);
  };
  require(options.epochs >= 0, "epochs must be 0 or more", static_cast<double>(options.epochs));
  require(options.batch_size >= 2, "batch_size must be at least 2", static_cast<double>(options.batch_size));
  require(options.learning_rate > 0, "learning_rate must be positive", options.learning_rate);
  require(options.weight_decay >= 0, "weight_decay must not be negative", options.weight_decay);
  for (const double weight : options.l0_weights) require(weight >= 0, "l0_weight must not be negative", weight);
  if (!std::ranges::is_sorted(options.l0_weights)) throw input_error("mask training: l0_weights must ascend");
  require(options.max_temperature >= 1, "max_temperature must be at least 1", options.max_temperature);
  if (n_labelled < options.batch_size) {
    throw input_error("mask training: batch_size is {}, but there are only {} labelled tokens to train on",
                      options.batch_size, n_labelled);
  }
}

/// Masks whose updates are computed at once. On the CPU as many as leave the largest array of a
/// step in a processor's cache; on other devices as many as leave it small, for few launches.
int64_t masks_at_once(const ComponentInputs& inputs, int64_t batch_size, bool on_cpu) {
  const int64_t most_bytes = on_cpu ? 2 << 20 : 256 << 20;
  int64_t widest = batch_size;  // the similarities of a batch are [batch, batch]
  for (const MatrixInfo& matrix : inputs.matrices()) widest = std::max(widest, matrix.n_out);
  return std::max<int64_t>(1, most_bytes / (batch_size * widest * static_cast<int64_t>(sizeof(float))));
}

/// Below this share of closed gates, blocks of open units cost more than they save.
constexpr double kFewClosed = 0.1;

/// The objective of each of several masks, [n_masks]; differentiable in the multipliers.
at::Tensor objective_of_each(const ComponentInputs& inputs, const std::vector<at::Tensor>& multipliers,
                             const at::Tensor& which, const at::Tensor& labels) {
  int64_t n_closed = 0, n = 0;
  for (const at::Tensor& of_matrix : multipliers) {
    n += of_matrix.numel();
    if (of_matrix.is_cpu()) n_closed += of_matrix.eq(0).sum().item<int64_t>();
  }
  if (!inputs.has_open_hidden() || static_cast<double>(n_closed) < kFewClosed * static_cast<double>(n)) {
    return soft_nearest_neighbours(inputs.updates(multipliers, which), labels);
  }
  return soft_nearest_neighbours(inputs.open_hidden(multipliers, which), inputs.last_map(), multipliers.back(), labels);
}

int64_t number_of_weights(const std::vector<MatrixInfo>& matrices) {
  int64_t n = 0;
  for (const MatrixInfo& matrix : matrices) n += matrix.n_in * matrix.n_out;
  return n;
}

/// Masks that are trained as one tensor of parameters per matrix.
class MaskStack {
 public:
  /// @param initial  the mask that all begin with.
  /// @param labels   [n_masks, n_labelled].
  /// @param at_once  masks whose updates are computed at once.
  MaskStack(const ComponentInputs& inputs, const Mask& initial, at::Tensor labels, const MaskMethod& method,
            const FitOptions& options, std::vector<at::Generator> noise, int64_t at_once)
      : inputs_(inputs),
        labels_(std::move(labels)),
        method_(method),
        options_(options),
        noise_(std::move(noise)),
        masks_at_once_(at_once),
        masks_(initial),
        curves_(static_cast<size_t>(labels_.size(0))) {
    for (at::Tensor& parameter : masks_.parameters) {
      const bool trains = parameter.requires_grad();
      parameter = at::stack(std::vector<at::Tensor>(curves_.size(), parameter.detach())).requires_grad_(trains);
    }
    optimizer_ = std::make_unique<torch::optim::AdamW>(
        masks_.parameters, torch::optim::AdamWOptions(options.learning_rate).weight_decay(options.weight_decay));
  }

  bool trains() const {
    return std::ranges::any_of(masks_.parameters,
                               [](const at::Tensor& parameter) { return parameter.requires_grad(); });
  }

  /// Trains for one epoch.
  void train(const at::Tensor& order, double temperature, double l0_weight) {
    const int64_t n_batches = order.size(0) / options_.batch_size;
    at::Tensor sums;  // [3, n_masks] float64: loss, objective and L0 term. Read once: reading waits for a GPU.
    for (int64_t b = 0; b < n_batches; ++b) {
      stop_if_interrupted();
      const at::Tensor terms =
          step(order.narrow(0, b * options_.batch_size, options_.batch_size), temperature, l0_weight);
      sums = sums.defined() ? sums.add_(terms) : terms;
    }
    const at::Tensor means = (sums / static_cast<double>(n_batches)).cpu();
    const std::vector<at::Tensor> kept = method_.kept(masks_);
    for (size_t i = 0; i < curves_.size(); ++i) {
      const auto mask = static_cast<int64_t>(i);
      EpochRecord record{.loss = means[0][mask].item<double>(),
                         .objective = means[1][mask].item<double>(),
                         .l0_term = means[2][mask].item<double>(),
                         .temperature = temperature};
      if (!std::isfinite(record.loss)) {
        throw failure("mask training: the loss became {} in epoch {}", record.loss, curves_[i].size() + 1);
      }
      for (const at::Tensor& units : kept) record.n_kept += units[mask].sum().item<int64_t>();
      curves_[i].push_back(record);
    }
  }

  /// Of the last epoch.
  double sum_of_losses() const {
    double sum = 0;
    for (const std::vector<EpochRecord>& curve : curves_) sum += curve.back().loss;
    return sum;
  }

  /// The masks as they are now end the path's next part.
  void keep() {
    std::vector<at::Tensor>& parameters = path_.emplace_back();
    for (const at::Tensor& parameter : masks_.parameters) parameters.push_back(parameter.detach().clone());
  }

  /// The result of each mask.
  std::vector<FitResult> results() const {
    std::vector<FitResult> results;
    for (size_t i = 0; i < curves_.size(); ++i) {
      FitResult& result = results.emplace_back(FitResult{.l0_weights = {}, .path = {}, .curve = curves_[i]});
      for (const std::vector<at::Tensor>& parameters : path_) {
        Mask& mask = result.path.emplace_back(Mask{.unit = masks_.unit, .matrices = masks_.matrices, .parameters = {}});
        for (const at::Tensor& all : parameters) mask.parameters.push_back(all[static_cast<int64_t>(i)].clone());
      }
    }
    return results;
  }

 private:
  /// @return [3, n_masks] float64: loss, objective and L0 term of the batch.
  at::Tensor step(const at::Tensor& which, double temperature, double l0_weight) {
    const std::vector<at::Tensor> multipliers = method_.multipliers(masks_, temperature, noise_);
    const at::Tensor labels = labels_.index_select(1, which);
    std::vector<at::Tensor> objectives;
    std::vector<std::vector<at::Tensor>> gradients(multipliers.size());  // by the multipliers of each matrix
    in_slabs(labels.size(0), masks_at_once_, [&](int64_t first, int64_t n) {
      std::vector<at::Tensor> some;
      some.reserve(multipliers.size());
      for (const at::Tensor& all : multipliers) some.push_back(all.detach().narrow(0, first, n).requires_grad_());
      const at::Tensor objective = objective_of_each(inputs_, some, which, labels.narrow(0, first, n));
      const auto by_some = torch::autograd::grad({objective}, some, {at::ones_like(objective)});
      for (size_t i = 0; i < some.size(); ++i) gradients[i].push_back(by_some[i]);
      objectives.push_back(objective.detach());
    });
    const at::Tensor objective = at::cat(objectives);
    const at::Tensor l0_term = method_.relaxed_size(masks_, multipliers) * l0_weight;
    std::vector<at::Tensor> ends = {l0_term}, by_ends = {at::ones_like(l0_term)};
    for (size_t i = 0; i < multipliers.size(); ++i) {
      ends.push_back(multipliers[i]);
      by_ends.push_back(at::cat(gradients[i]));
    }
    torch::autograd::backward(ends, by_ends);
    optimizer_->step();
    optimizer_->zero_grad();
    return at::stack({objective + l0_term.detach(), objective, l0_term.detach()}).to(at::kDouble);
  }

  const ComponentInputs& inputs_;
  at::Tensor labels_;
  const MaskMethod& method_;
  const FitOptions& options_;
  std::vector<at::Generator> noise_;
  int64_t masks_at_once_;
  Mask masks_;
  std::vector<std::vector<at::Tensor>> path_;     ///< Parameters of all masks, per L0 weight.
  std::vector<std::vector<EpochRecord>> curves_;  ///< One per mask.
  std::unique_ptr<torch::optim::AdamW> optimizer_;
};

}  // namespace

FitOptions default_fit(MaskKind kind) {
  const TrainingDefaults defaults = training_defaults(kind);
  FitOptions options{.epochs = defaults.epochs, .learning_rate = defaults.learning_rate, .l0_weights = {}};
  if (defaults.l0_weight) options.l0_weights = {*defaults.l0_weight};
  return options;
}

int64_t n_epochs(const FitOptions& options) {
  return options.epochs * (options.l0_weights.empty() ? std::ssize(kPricesOfAll) : std::ssize(options.l0_weights));
}

std::vector<double> auto_l0_weights(int64_t n_weights) {
  std::vector<double> weights(kPricesOfAll.begin(), kPricesOfAll.end());
  for (double& weight : weights) weight /= static_cast<double>(n_weights);
  return weights;
}

std::string l0_weights_text(const FitOptions& options) {
  return options.l0_weights.empty() ? "auto" : fmt::format("{}", fmt::join(options.l0_weights, ","));
}

std::vector<FitResult> fit_together(const ComponentInputs& inputs, const std::vector<at::Tensor>& labels,
                                    const MaskMethod& method, const FitOptions& options, const NextOrder& next_order,
                                    const std::vector<at::Generator>& noise, const OnProgress& on_progress) {
  check(options, inputs.n_labelled());
  const auto n_masks = static_cast<int64_t>(labels.size());
  if (n_masks == 0 || (!noise.empty() && noise.size() != labels.size())) {
    throw failure("mask training: {} generators for {} masks", noise.size(), n_masks);
  }
  const std::vector<at::Tensor> weights = inputs.weights();
  const bool on_cpu = device_of(weights).is_cpu();
  const Mask initial = method.initial(inputs.matrices(), inputs.unit(), weights);
  // A thread that has a mask more than others lets them wait, unless all have several.
  const int64_t n_threads = on_cpu ? at::get_num_threads() : 1;
  const int64_t n_stacks = n_masks % n_threads == 0 || n_masks >= 4 * n_threads ? n_threads : 1;
  std::vector<MaskStack> stacks;
  stacks.reserve(static_cast<size_t>(n_stacks));
  for (int64_t i = 0; i < n_stacks; ++i) {
    const int64_t begin = n_masks * i / n_stacks, end = n_masks * (i + 1) / n_stacks;
    const auto of_stack = [&](const auto& per_mask) {
      return std::vector(per_mask.begin() + begin, per_mask.begin() + end);
    };
    stacks.emplace_back(inputs, initial, at::stack(of_stack(labels)), method, options,
                        noise.empty() ? std::vector<at::Generator>() : of_stack(noise),
                        masks_at_once(inputs, options.batch_size, on_cpu));
  }
  std::vector<double> l0_weights = options.l0_weights;
  if (l0_weights.empty()) l0_weights = auto_l0_weights(number_of_weights(inputs.matrices()));
  const int64_t epochs = stacks.front().trains() ? options.epochs : 0;
  const double growth = std::pow(options.max_temperature, 1.0 / static_cast<double>(epochs));
  int64_t n_done = 0;
  for (const double l0_weight : l0_weights) {
    double temperature = 1.0;
    for (int64_t epoch = 0; epoch < epochs; ++epoch) {
      const at::Tensor order = next_order(inputs.n_labelled());
      // Threads divide the stacks or, if there is one stack, the rows of its batches.
      at::parallel_for(0, n_stacks, 1, [&](int64_t first, int64_t last) {
        const at::AutoGradMode gradients(true);  // the gradient mode is per thread
        for (int64_t i = first; i < last; ++i) stacks[static_cast<size_t>(i)].train(order, temperature, l0_weight);
      });
      double loss = 0;
      for (const MaskStack& stack : stacks) loss += stack.sum_of_losses();
      tell(on_progress, {"mask training", ++n_done, epochs * std::ssize(l0_weights),
                         fmt::format("loss {:.3f}", loss / static_cast<double>(n_masks))});
      temperature *= growth;
    }
    for (MaskStack& stack : stacks) stack.keep();
  }
  std::vector<FitResult> results;
  for (const MaskStack& stack : stacks) std::ranges::move(stack.results(), std::back_inserter(results));
  for (FitResult& result : results) result.l0_weights = l0_weights;
  return results;
}

FitResult fit(const ComponentInputs& inputs, const at::Tensor& labels, const MaskMethod& method,
              const FitOptions& options, const NextOrder& next_order, const at::Generator& noise,
              const OnProgress& on_progress) {
  const std::vector<at::Generator> own_noise(noise.defined() ? 1 : 0, noise);
  return std::move(fit_together(inputs, {labels}, method, options, next_order, own_noise, on_progress).front());
}

double mean_objective(const ComponentInputs& inputs, const at::Tensor& labels,
                      const std::vector<at::Tensor>& multipliers, const at::Tensor& order, int64_t batch_size,
                      bool drop_last) {
  at::NoGradGuard no_gradients;
  const int64_t n = order.size(0);
  double sum = 0;
  int64_t n_batches = 0;
  for (int64_t begin = 0; begin < n; begin += batch_size) {
    const int64_t size = std::min(batch_size, n - begin);
    if (size < batch_size && drop_last) break;
    const at::Tensor which = order.narrow(0, begin, size);
    sum += soft_nearest_neighbours(inputs.updates(multipliers, which), labels.index_select(0, which)).item<double>();
    ++n_batches;
  }
  return sum / static_cast<double>(n_batches);
}

}  // namespace cprobe
