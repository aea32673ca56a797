#include <torch/csrc/autograd/autograd.h>

#include "cprobe/circuit/component_inputs.h"
#include "cprobe/circuit/mask.h"
#include "cprobe/circuit/soft_nearest_neighbours.h"
#include "cprobe/core/error.h"
#include "cprobe/evaluate/doctor.h"
#include "cprobe/evaluate/golden_file.h"
#include "cprobe/model/forward.h"

namespace cprobe {
namespace {

constexpr Block kBlocks[] = {Block::kAttention, Block::kMlp};

/// Activations of a forward pass, in the layout of the golden file.
struct Activations {
  at::Tensor logits;                           ///< [n_rows, seq, vocab].
  std::map<ComponentRef, at::Tensor> updates;  ///< Per component, [n_rows, seq, d_model].
  std::map<ComponentRef, at::Tensor> states;   ///< The stream after each component, likewise.
};

Activations forward(const Model& model, const GoldenBatch& batch, std::map<ComponentRef, ComponentMask> masks = {}) {
  Activations result;
  SpanOptions options{.masks = std::move(masks)};
  // Every update has one row per node, in order, because the first component is an attention block
  // and all nodes are read.
  options.on_update = [&](ComponentRef component, const at::Tensor&, const at::Tensor& update,
                          const at::Tensor& state) {
    result.updates[component] = batch.padded(update);
    result.states[component] = batch.padded(state);
  };
  const Stream end =
      run_span(model, batch.trie, embed(model, batch.trie), Site::start(), Site::end(model.config), options);
  result.logits = batch.padded(logits(model, end.rows));
  return result;
}

/// Compares one activation at all positions that are not padded.
Check compare_activation(const GoldenFile& golden, const GoldenBatch& batch, const std::string& name,
                         const at::Tensor& ours) {
  const at::Tensor expected = golden.numbers(name, ours.sizes().vec());
  return compare(name, ours, batch.without_padding(expected), kActivationTolerance);
}

void require_right_padding(const GoldenFile& golden, const GoldenBatch& batch) {
  const at::Tensor mask = golden.whole_numbers("attention_mask", {batch.n_rows, batch.seq});
  const at::Tensor ones = at::ones({batch.trie.n_nodes(), 1}, at::kLong);
  if (!at::equal(batch.padded(ones).squeeze(2), mask)) {
    throw golden.error("attention_mask",
                       "is not 1 up to each row's length and 0 behind it; rows must be padded on the right");
  }
}

std::vector<Check> compare_forward(const Model& model, const GoldenFile& golden, const GoldenBatch& batch) {
  const Activations ours = forward(model, batch);
  std::vector<Check> checks = {compare_activation(golden, batch, "logits", ours.logits)};
  for (int64_t layer = 0; layer < model.config.n_layers; ++layer) {
    for (const Block block : kBlocks) {
      checks.push_back(compare_activation(golden, batch, fmt::format("{}_update.{}", to_string(block), layer),
                                          ours.updates.at({layer, block})));
    }
    checks.push_back(
        compare_activation(golden, batch, fmt::format("resid_post.{}", layer), ours.states.at({layer, Block::kMlp})));
  }
  return checks;
}

std::vector<Check> compare_masked(const Model& model, const GoldenFile& golden, const GoldenBatch& batch,
                                  const ComponentRef& component) {
  const std::string_view block = to_string(component.block);
  ComponentMask mask;
  for (const MatrixInfo& matrix : matrices_of(model.config, component)) {
    mask.push_back({.multiplier = golden.numbers(fmt::format("mask.{}.{}", block, matrix.short_name), {matrix.n_out})});
  }
  const Activations ours = forward(model, batch, {{component, std::move(mask)}});
  return {compare_activation(golden, batch, fmt::format("masked_update.{}", block), ours.updates.at(component)),
          compare_activation(golden, batch, fmt::format("masked_logits.{}", block), ours.logits)};
}

/// Compares loss and gradients of soft masks, through the code that fits circuits.
std::vector<Check> compare_gradients(const Model& model, const GoldenFile& golden, const GoldenBatch& batch,
                                     const ComponentRef& component) {
  const auto name = [&](std::string_view key) { return fmt::format("snn.{}.{}", key, to_string(component.block)); };
  const at::Tensor labels = golden.whole_numbers("snn.labels", {batch.n_rows});
  const Stream before = stream_at(model, batch.trie, Site::before(component));
  const ComponentInputs inputs(model, component, MaskUnit::kNeuron, batch.trie, before, batch.trie.nodes_at(-1));
  Mask mask{.unit = inputs.unit(), .matrices = inputs.matrices()};
  for (const MatrixInfo& matrix : mask.matrices) {
    const at::Tensor s = golden.numbers(name("s") + "." + matrix.short_name, {matrix.n_out});
    mask.parameters.push_back(s.clone().requires_grad_());
  }
  const at::Tensor updates = inputs.updates(continuous_sparsification()->multipliers(mask, 1.0, {}));
  const at::Tensor loss = soft_nearest_neighbours(updates, labels);
  std::vector<at::Tensor> sources = {updates};
  sources.insert(sources.end(), mask.parameters.begin(), mask.parameters.end());
  const std::vector<at::Tensor> gradients = torch::autograd::grad({loss}, sources);

  const auto check = [&](const std::string& key, const at::Tensor& ours, double tolerance) {
    return compare(key, ours, golden.numbers(key, ours.sizes().vec()), tolerance);
  };
  std::vector<Check> checks = {check(name("update"), updates, kActivationTolerance),
                               check(name("loss"), loss.reshape({1}), kActivationTolerance),
                               check(name("grad_update"), gradients[0], kGradientTolerance)};
  for (size_t i = 0; i < mask.matrices.size(); ++i) {
    checks.push_back(check(name("grad") + "." + mask.matrices[i].short_name, gradients[i + 1], kGradientTolerance));
  }
  return checks;
}

}  // namespace

std::vector<Check> compare_with_golden(const Model& model, const std::filesystem::path& golden) {
  const GoldenFile file(golden);
  const GoldenBatch batch = file.batch("", model.config);
  require_right_padding(file, batch);
  const int64_t layer = file.whole_numbers("masked_layer", {1}).item<int64_t>();
  if (layer < 0 || layer >= model.config.n_layers) {
    throw file.error("masked_layer", fmt::format("is {}; the model has {} layers", layer, model.config.n_layers));
  }

  std::vector<Check> checks;
  const auto append = [&](std::vector<Check> more) {
    checks.insert(checks.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  };
  {
    at::NoGradGuard no_gradients;
    append(compare_forward(model, file, batch));
    for (const Block block : kBlocks) append(compare_masked(model, file, batch, {layer, block}));
  }
  const GoldenBatch labelled = file.batch("snn.", model.config);
  for (const Block block : kBlocks) append(compare_gradients(model, file, labelled, {layer, block}));
  return checks;
}

}  // namespace cprobe
