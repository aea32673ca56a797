#include "cprobe/training/learner.h"

#include <torch/optim/adamw.h>

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "cprobe/core/error.h"
#include "cprobe/core/half_precision.h"
#include "cprobe/model/forward.h"
#include "cprobe/training/cross_entropy.h"

namespace cprobe {
namespace {

/// The learning rate of the first step, as a share of the full rate (the default of
/// torch.optim.lr_scheduler.LinearLR).
constexpr double kWarmUpStart = 1.0 / 3.0;

using States = std::decay_t<decltype(std::declval<torch::optim::AdamW>().state())>;

/// The key of a parameter in the state of libtorch's optimisers: its address, as text before
/// version 2.1.
template <typename Key = States::key_type>
Key state_key(const at::Tensor& parameter) {
  if constexpr (std::is_pointer_v<Key>) {
    return parameter.unsafeGetTensorImpl();
  } else {
    return fmt::format("{}", fmt::ptr(parameter.unsafeGetTensorImpl()));
  }
}

}  // namespace

TrainingRows::TrainingRows(const Dataset& data)
    : trie(data.trie), last(distinct(trie.nodes_at(-1))), answers(data.answers) {}

at::Tensor answer_logits(const Model& model, const TrainingRows& rows) {
  const Stream end = run_span(model, rows.trie, embed(model, rows.trie), Site::start(), Site::end(model.config),
                              {.read_nodes = rows.last.nodes});
  return logits(model, end.at_nodes(rows.last.nodes));
}

CurvePoint curve_point(const Model& model, int64_t step, const at::Tensor& train_logits, const TrainingRows& train,
                       const TrainingRows& test) {
  const at::NoGradGuard no_gradients;
  const at::Tensor test_logits = answer_logits(model, test);
  return {.step = step,
          .train_loss = cross_entropy(train_logits, train.last.place, train.answers).item<double>(),
          .train_accuracy = top_token_accuracy(train_logits, train.last.place, train.answers),
          .test_loss = cross_entropy(test_logits, test.last.place, test.answers).item<double>(),
          .test_accuracy = top_token_accuracy(test_logits, test.last.place, test.answers)};
}

Learner::Learner(const ModelConfig& config, const TrainingState& state, const TrainOptions& options)
    : options_(options), model_{.config = config} {
  std::vector<at::Tensor> parameters;
  for (const auto& [name, weight] : state.weights) {
    at::Tensor own = widened(weight.detach()).clone(at::MemoryFormat::Contiguous).requires_grad_(true);
    parameters.push_back(own);
    model_.weights[name] = std::move(own);
  }
  optimiser_ = std::make_unique<torch::optim::AdamW>(parameters, torch::optim::AdamWOptions(options.learning_rate)
                                                                     .betas({options.beta1, options.beta2})
                                                                     .eps(options.adam_epsilon)
                                                                     .weight_decay(options.weight_decay));
  for (const auto& [name, moment] : state.moment_1) {
    auto moments = std::make_unique<torch::optim::AdamWParamState>();
    moments->step(state.step);
    moments->exp_avg(moment);
    moments->exp_avg_sq(state.moment_2.at(name));
    optimiser_->state()[state_key(model_.weights.at(name))] = std::move(moments);
  }
}

Learner::~Learner() = default;

double Learner::descend(const at::Tensor& logits, const TrainingRows& rows, int64_t step) {
  return descend(cross_entropy(logits, rows.last.place, rows.answers), step);
}

double Learner::descend(const at::Tensor& loss, int64_t step) {
  const double value = loss.item<double>();
  if (!std::isfinite(value)) {
    throw failure("the training loss is {} after {} steps; a smaller learning rate may help", value, step);
  }
  for (auto& [name, weight] : model_.weights) weight.mutable_grad().reset();
  loss.backward();
  const double warm = options_.warm_up_steps == 0
                          ? 1.0
                          : std::min(1.0, static_cast<double>(step) / static_cast<double>(options_.warm_up_steps));
  optimiser_->param_groups()[0].options().set_lr(options_.learning_rate * (kWarmUpStart + (1 - kWarmUpStart) * warm));
  optimiser_->step();
  return value;
}

TrainingState Learner::state(int64_t step, const std::vector<CurvePoint>& curve) const {
  TrainingState state{.step = step, .curve = curve};
  for (const auto& [name, weight] : model_.weights) {
    state.weights[name] = weight.detach();
    const auto found = optimiser_->state().find(state_key(weight));
    if (found == optimiser_->state().end()) continue;
    const auto& moments = static_cast<const torch::optim::AdamWParamState&>(*found->second);
    state.moment_1[name] = moments.exp_avg();
    state.moment_2[name] = moments.exp_avg_sq();
  }
  return state;
}

Model Learner::snapshot() const {
  Model copy{.config = model_.config};
  for (const auto& [name, weight] : model_.weights) copy.weights[name] = weight.detach().clone();
  return copy;
}

}  // namespace cprobe
