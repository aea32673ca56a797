#include "cprobe/evaluate/unit_effects.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "cprobe/core/rows.h"
#include "cprobe/evaluate/paired_tries.h"
#include "cprobe/model/architecture.h"
#include "cprobe/model/forward.h"

namespace cprobe {
namespace {

constexpr int64_t kUnitsAtOnce = 32;  // Between two reports of progress.

/// The inputs of each matrix of a component, one row per node.
std::vector<at::Tensor> inputs_of(const Model& model, const ComponentRef& component, const TokenTrie& trie,
                                  const Stream& before, size_t n_matrices) {
  std::vector<at::Tensor> inputs(n_matrices);
  SpanOptions options;
  options.on_input = [&](ComponentRef, size_t matrix, const at::Tensor& x) { inputs[matrix] = x; };
  run_span(model, trie, before, Site::before(component), Site::after(component), options);
  for (at::Tensor& input : inputs) {
    if (!input.defined()) input = inputs.front();  // The input matrices share one input.
  }
  return inputs;
}

}  // namespace

UnitEffects exchanged_unit_effects(const Model& model, const ComponentRef& component, const ExchangeRows& rows,
                                   const OnProgress& on_progress) {
  const ExchangeBench bench(model, component, MaskUnit::kNeuron, rows, true);
  const std::vector<MatrixInfo>& matrices = bench.matrices();
  Progress progress{.what = "units"};
  for (const MatrixInfo& matrix : matrices) progress.total += matrix.n_out;
  const at::Tensor untouched = bench.untouched().log_probability;
  UnitEffects effects;
  for (size_t m = 0; m < matrices.size(); ++m) {
    const bool is_last = m + 1 == matrices.size();
    std::vector<at::Tensor> units;
    for (size_t i = 0; i < matrices.size(); ++i) {
      const bool others = (i + 1 == matrices.size()) != is_last;
      units.push_back(at::full({matrices[i].n_out}, others, at::kBool));
    }
    at::Tensor& effect = effects.emplace_back(at::zeros({matrices[m].n_out}, at::kDouble));
    double* of_unit = effect.data_ptr<double>();
    in_slabs(matrices[m].n_out, kUnitsAtOnce, [&](int64_t first, int64_t n) {
      at::parallel_for(first, first + n, 1, [&](int64_t begin, int64_t end) {
        std::vector<at::Tensor> exchanged = units;
        exchanged[m] = units[m].clone();
        for (int64_t unit = begin; unit < end; ++unit) {
          exchanged[m][unit] = true;
          of_unit[unit] = (untouched - bench.through(exchanged).log_probability).mean().item<double>();
          exchanged[m][unit] = false;
        }
      });
      progress.done += n;
      tell(on_progress, progress);
    });
  }
  return effects;
}

UnitEffects gradient_unit_effects(const Model& model, const ComponentRef& component, const ExchangeRows& rows,
                                  int64_t n_steps) {
  require_pairs(rows, model.config);
  const std::vector<MatrixInfo> matrices = matrices_of(model.config, component);
  const auto [base, donor] = paired_tries(rows.base, rows.donor, model.config.vocab);
  const Site site = Site::before(component);
  const Stream before = stream_at(model, base, site).expanded();
  const std::vector<at::Tensor> donated =
      inputs_of(model, component, donor, stream_at(model, donor, site).expanded(), matrices.size());
  const DistinctNodes last = distinct(base.nodes_at(-1));
  UnitEffects effects;
  for (const MatrixInfo& matrix : matrices) effects.push_back(at::zeros({matrix.n_out}, at::kDouble));
  // The input matrices first, then the last: each acts while the other is the row's own.
  for (const bool of_last : {false, true}) {
    for (int64_t step = 0; step < n_steps; ++step) {
      const double from_donor = n_steps == 1 ? 0 : (static_cast<double>(step) + .5) / static_cast<double>(n_steps);
      SpanOptions options{.read_nodes = last.nodes};
      options.updates = unaffected_updates(model, base, before, component);
      ComponentMask& masks = options.masks[component];
      for (size_t m = 0; m < matrices.size(); ++m) {
        const bool is_last = m + 1 == matrices.size();
        if (is_last != of_last) {
          masks.emplace_back();
          continue;
        }
        const auto on_device = at::device(model.device());
        masks.push_back({.multiplier = at::full({matrices[m].n_out}, 1 - from_donor, on_device).requires_grad_(),
                         .fill = donated[m]});
      }
      const Stream end = run_span(model, base, before, site, Site::end(model.config), options);
      const at::Tensor log_probabilities = at::log_softmax(logits(model, end.at_nodes(last.nodes)).to(at::kDouble), 1);
      const at::Tensor answers = rows.answers.to(log_probabilities.device()).unsqueeze(1);
      rows_at(log_probabilities, last.place).gather(1, answers).mean().backward();
      for (size_t m = 0; m < matrices.size(); ++m) {
        // A multiplier that falls lets in the donor: the log-probability that is lost has its sign.
        if (!masks[m].multiplier.defined()) continue;
        effects[m] += masks[m].multiplier.grad().cpu().to(at::kDouble) / static_cast<double>(n_steps);
      }
    }
  }
  return effects;
}

}  // namespace cprobe
