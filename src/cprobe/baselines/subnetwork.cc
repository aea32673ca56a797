#include "cprobe/baselines/subnetwork.h"

#include <torch/optim/adam.h>

#include <algorithm>
#include <cmath>

#include "cprobe/baselines/probe.h"
#include "cprobe/core/error.h"
#include "cprobe/core/interrupt.h"
#include "cprobe/model/gemm.h"

namespace cprobe {
namespace {

/// Rises linearly from 0, at a `share` of `begin`, to 1, at a `share` of `end`.
double ramp(double share, double begin, double end) {
  return std::clamp((share - begin) / (end - begin), 0.0, 1.0);
}

/// Adam with one learning rate for the masks, if their method trains, and one for the classifier.
class Optimiser {
 public:
  Optimiser(const MaskedClassifier& trained, const SubnetworkOptions& options) {
    std::vector<torch::optim::OptimizerParamGroup> groups;
    const auto add = [&](std::vector<at::Tensor> parameters, double rate) {
      groups.emplace_back(std::move(parameters), std::make_unique<torch::optim::AdamOptions>(rate));
      rates_.push_back(rate);
    };
    add({trained.linear.weight, trained.linear.bias}, options.classifier_learning_rate);
    if (trained.mask.parameters.front().requires_grad()) add(trained.mask.parameters, options.learning_rate);
    adam_.emplace(std::move(groups), torch::optim::AdamOptions());
  }

  /// @param share  factor of both learning rates.
  void step(const at::Tensor& loss, double share) {
    for (size_t i = 0; i < rates_.size(); ++i) adam_->param_groups()[i].options().set_lr(rates_[i] * share);
    adam_->zero_grad();
    loss.backward();
    adam_->step();
  }

 private:
  std::vector<double> rates_;
  std::optional<torch::optim::Adam> adam_;
};

}  // namespace

std::string_view to_string(SubnetworkScope scope) {
  return scope == SubnetworkScope::kComponent ? "component" : "model";
}

Seen seen_in(SubnetworkScope scope) {
  return scope == SubnetworkScope::kComponent ? Seen::kUpdate : Seen::kState;
}

MaskedComponents masked_before(const Model& model, SubnetworkScope scope, Site site, MaskUnit unit) {
  if (site <= Site::start()) throw input_error("subnetwork probing: there is no component before the embeddings");
  std::vector<ComponentRef> components;
  Site before = scope == SubnetworkScope::kModel ? Site::start() : Site{site.index - 1};
  for (; before < site; ++before.index) components.push_back(before.next());
  return {model, std::move(components), unit};
}

at::Tensor subnetwork_loss(const MaskedView& view, const MaskedClassifier& classifier, const MaskMethod& method,
                           const std::vector<at::Tensor>& multipliers, const at::Tensor& outputs,
                           const at::Tensor& which, double l0_weight) {
  double n_weights = 0;
  for (const MatrixInfo& matrix : classifier.mask.matrices)
    n_weights += static_cast<double>(matrix.n_in * matrix.n_out);
  const at::Tensor logits = gemm(view.seen(multipliers, which), classifier.linear.weight, classifier.linear.bias);
  const at::Tensor loss = at::nll_loss(at::log_softmax(logits, 1), outputs);
  return loss + method.relaxed_size(classifier.mask, multipliers).cpu() * (l0_weight / n_weights);
}

MaskedClassifier train_subnetwork(const MaskedComponents& masked, const MaskedView& view, const at::Tensor& outputs,
                                  int64_t n_classes, const SubnetworkOptions& options, Seed seed,
                                  const OnProgress& on_progress) {
  const at::AutoGradMode gradients(true);
  const std::unique_ptr<MaskMethod> method = make_mask_method(options.method, options.mask_option);
  at::Generator classifier = seed.derive("classifier").generator();
  MaskedClassifier trained{.mask = method->initial(masked.matrices(), masked.unit(), masked.weights()),
                           .linear = fresh_linear(masked.model().config.d_model, n_classes, classifier)};
  Optimiser optimiser(trained, options);
  const int64_t n = outputs.size(0), batch = std::min(options.batch_size, n), n_batches = n / batch;
  const auto n_steps = static_cast<double>(options.epochs * n_batches);
  at::Generator batches = seed.derive("batches").generator(), noise = seed.derive("mask noise").generator();
  double step = 0;
  for (int64_t epoch = 0; epoch < options.epochs; ++epoch) {
    const at::Tensor order = at::randperm(n, batches, at::kLong);
    const double temperature =
        std::pow(options.max_temperature, static_cast<double>(epoch) / static_cast<double>(options.epochs));
    double last_loss = 0;
    for (int64_t b = 0; b < n_batches; ++b) {
      stop_if_interrupted();
      step += 1;
      const at::Tensor which = order.narrow(0, b * batch, batch);
      const std::vector<at::Tensor> multipliers = method->multipliers(trained.mask, temperature, noise);
      const at::Tensor loss = subnetwork_loss(view, trained, *method, multipliers, outputs.index_select(0, which),
                                              which, options.l0_weight * ramp(step / n_steps, 0.25, 0.75));
      optimiser.step(loss, ramp(step / n_steps, 0, 0.1));
      last_loss = loss.item<double>();
    }
    if (!std::isfinite(last_loss))
      throw failure("subnetwork probing: the loss became {} in epoch {}", last_loss, epoch + 1);
    tell(on_progress, {"subnetwork", epoch + 1, options.epochs});
  }
  for (at::Tensor& parameter : trained.mask.parameters) parameter = parameter.detach();
  trained.linear = {trained.linear.weight.detach(), trained.linear.bias.detach()};
  return trained;
}

}  // namespace cprobe
