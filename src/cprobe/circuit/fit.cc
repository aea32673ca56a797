#include "cprobe/circuit/fit.h"

#include <torch/optim/adamw.h>

#include <algorithm>
#include <cmath>

#include "cprobe/circuit/soft_nearest_neighbours.h"
#include "cprobe/core/error.h"
#include "cprobe/core/interrupt.h"

namespace cprobe {
namespace {

void check(const FitOptions& options, int64_t n_labelled) {
  const auto require = [](bool holds, const char* what, double found) {
    if (!holds) throw input_error("mask training: {}, found {}", what, found);
  };
  require(options.epochs >= 0, "epochs must be 0 or more", static_cast<double>(options.epochs));
  require(options.batch_size >= 2, "batch_size must be at least 2", static_cast<double>(options.batch_size));
  require(options.learning_rate > 0, "learning_rate must be positive", options.learning_rate);
  require(options.weight_decay >= 0, "weight_decay must not be negative", options.weight_decay);
  require(options.l0_weight >= 0, "l0_weight must not be negative", options.l0_weight);
  require(options.max_temperature >= 1, "max_temperature must be at least 1", options.max_temperature);
  if (n_labelled < options.batch_size) {
    throw input_error("mask training: batch_size is {}, but there are only {} labelled tokens to train on",
                      options.batch_size, n_labelled);
  }
}

}  // namespace

FitResult fit(const ComponentInputs& inputs, const at::Tensor& labels, const MaskMethod& method,
              const FitOptions& options, const NextOrder& next_order, const at::Generator& noise,
              const OnProgress& on_progress) {
  const int64_t n = inputs.n_labelled();
  check(options, n);
  FitResult result{.mask = method.initial(inputs.matrices(), inputs.unit(), inputs.weights())};
  const auto trains = [](const at::Tensor& parameter) { return parameter.requires_grad(); };
  if (std::ranges::none_of(result.mask.parameters, trains)) return result;
  torch::optim::AdamW optimizer(result.mask.parameters,
                                torch::optim::AdamWOptions(options.learning_rate).weight_decay(options.weight_decay));
  const double growth = std::pow(options.max_temperature, 1.0 / static_cast<double>(options.epochs));
  const int64_t n_batches = n / options.batch_size;
  double temperature = 1.0;
  for (int64_t epoch = 0; epoch < options.epochs; ++epoch) {
    const at::Tensor order = next_order(n);
    EpochRecord record{.temperature = temperature};
    for (int64_t b = 0; b < n_batches; ++b) {
      stop_if_interrupted();
      const at::Tensor which = order.narrow(0, b * options.batch_size, options.batch_size);
      const std::vector<at::Tensor> multipliers = method.multipliers(result.mask, temperature, noise);
      const at::Tensor objective =
          soft_nearest_neighbours(inputs.updates(multipliers, which), labels.index_select(0, which));
      const at::Tensor l0_term = method.relaxed_size(result.mask, multipliers) * options.l0_weight;
      const at::Tensor loss = objective + l0_term;
      loss.backward();
      optimizer.step();
      optimizer.zero_grad();
      record.loss += loss.item<double>();
      record.objective += objective.item<double>();
      record.l0_term += l0_term.item<double>();
    }
    for (double* sum : {&record.loss, &record.objective, &record.l0_term}) *sum /= static_cast<double>(n_batches);
    if (!std::isfinite(record.loss))
      throw failure("mask training: the loss became {} in epoch {}", record.loss, epoch + 1);
    for (const at::Tensor& kept : method.kept(result.mask)) record.n_kept += kept.sum().item<int64_t>();
    result.curve.push_back(record);
    tell(on_progress, {"mask training", epoch + 1, options.epochs, fmt::format("loss {:.3f}", record.loss)});
    temperature *= growth;
  }
  for (at::Tensor& parameter : result.mask.parameters) parameter = parameter.detach();
  return result;
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
