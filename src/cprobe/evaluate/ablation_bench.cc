#include "cprobe/evaluate/ablation_bench.h"

#include <algorithm>

#include "cprobe/core/error.h"
#include "cprobe/core/name_of.h"
#include "cprobe/core/rows.h"

namespace cprobe {
namespace {

/// Number of rows that run through each node, [n_nodes] float64.
at::Tensor rows_through_nodes(const TokenTrie& trie) {
  const at::Tensor nodes = at::tensor(trie.row_nodes, at::kLong);
  return at::zeros({trie.n_nodes()}, at::kDouble).index_add_(0, nodes, at::ones({nodes.size(0)}, at::kDouble));
}

}  // namespace

std::string_view to_string(Fill fill) {
  return name_of(fill, {"zero", "mean", "resample"});
}

Fill parse_fill(std::string_view text) {
  for (const Fill fill : kFills) {
    if (to_string(fill) == text) return fill;
  }
  throw input_error("unknown fill '{}': expected {}", text, fill_names());
}

bool take_donors(const std::vector<Fill>& fills) {
  return std::ranges::any_of(fills, [](Fill fill) { return fill != Fill::kZero; });
}

std::string fill_names() {
  std::array<std::string_view, kFills.size()> names;
  std::ranges::transform(kFills, names.begin(), [](Fill fill) { return to_string(fill); });
  return fmt::format("{}", fmt::join(names, ", "));
}

AblationBench::AblationBench(const Model& model, const ComponentRef& component, const Dataset& evaluation,
                             Stream before, Untouched untouched, const Dataset* training, const Stream* training_before)
    : model_(model),
      component_(component),
      trie_(evaluation.trie),
      before_(std::move(before)),
      behaviour_(evaluation),
      untouched_(std::move(untouched)),
      known_updates_(unaffected_updates(model, trie_, before_, component)) {
  at::NoGradGuard no_gradients;
  if (training != nullptr) {
    Donors donors{.inputs = std::vector<at::Tensor>(matrices_of(model.config, component).size()),
                  .position = training->trie.position,
                  .count = rows_through_nodes(training->trie)};
    const auto record = [&](ComponentRef, size_t matrix, const at::Tensor& x) { donors.inputs[matrix] = x; };
    run_span(model, training->trie, training_before->expanded(), Site::before(component), Site::after(component),
             {.on_input = record});
    // All matrices but the last read the same input.
    for (size_t i = 1; i + 1 < donors.inputs.size(); ++i) donors.inputs[i] = donors.inputs[0];
    donors_ = std::move(donors);
  }
}

std::vector<at::Tensor> AblationBench::fill_inputs(Fill fill, Seed seed) const {
  if (!donors_) throw failure("ablation fill '{}' needs training data to draw from", to_string(fill));
  const Donors& donors = *donors_;
  at::Generator generator = seed.derive("ablation/donors").generator();
  const at::Tensor position = trie_.position;
  std::vector<at::Tensor> filled;
  for (const at::Tensor& inputs : donors.inputs)
    filled.push_back(at::empty({trie_.n_nodes(), inputs.size(1)}, inputs.options()));
  for (int64_t p = 0; p < trie_.max_length(); ++p) {
    const at::Tensor targets = (position == p).nonzero().squeeze(1);
    // Nodes of continuations are in no row, so that nothing comes from them.
    at::Tensor sources = (donors.position.eq(p) & donors.count.gt(0)).nonzero().squeeze(1);
    // No training row is that long: take the tokens of all positions.
    if (sources.size(0) == 0) sources = at::arange(donors.position.size(0));
    const at::Tensor count = donors.count.index_select(0, sources);
    const at::Tensor weight = count.to(model_.device(), at::kFloat);
    const at::Tensor total = count.sum().to(model_.device(), at::kFloat);
    at::Tensor pick;
    if (fill == Fill::kResample)
      pick = sources.index_select(0, at::multinomial(count, targets.size(0), true, generator));
    const auto rows_from = [&](const at::Tensor& inputs) {
      switch (fill) {
        case Fill::kMean:
          return (rows_at(inputs, sources) * weight.unsqueeze(1)).sum(0, true).div(total).expand({targets.size(0), -1});
        case Fill::kResample:
          return rows_at(inputs, pick);
        case Fill::kZero:
          break;
      }
      throw failure("this fill takes no inputs");
    };
    for (size_t i = 0; i < filled.size(); ++i) {
      const at::Tensor rows = rows_from(donors.inputs[i]);
      filled[i].index_copy_(0, targets.to(rows.device()), rows);
    }
  }
  return filled;
}

AblationBench::Measured AblationBench::measure(const std::vector<at::Tensor>& multipliers, Fill fill, Seed donors,
                                               bool with_effect) const {
  at::NoGradGuard no_gradients;
  std::vector<at::Tensor> fills(multipliers.size());
  if (fill != Fill::kZero) fills = fill_inputs(fill, donors);
  SpanOptions options{.read_nodes = behaviour_.read_nodes(), .updates = known_updates_};
  ComponentMask& mask = options.masks[component_];
  for (size_t i = 0; i < multipliers.size(); ++i) {
    const bool is_masked = multipliers[i].defined();
    mask.push_back(is_masked ? LinearMask{multipliers[i].to(model_.device()), fills[i]} : LinearMask());
  }
  const at::Tensor states = run_in_slabs(model_, trie_, fill == Fill::kZero ? before_ : before_.expanded(),
                                         Site::before(component_), Site::end(model_.config), options);
  Measured measured{.right = behaviour_.right(model_, states)};
  measured.accuracy = static_cast<double>(measured.right.sum().item<int64_t>()) / static_cast<double>(n_rows());
  if (with_effect) measured.effect = behaviour_.effect(model_, states, untouched_.states);
  return measured;
}

double AblationBench::untouched_log_probability() const {
  return behaviour_.effect(model_, untouched_.states, untouched_.states).log_probability;
}

std::vector<at::Tensor> removing(const std::vector<at::Tensor>& units, std::optional<size_t> only) {
  std::vector<at::Tensor> multipliers(units.size());
  for (size_t i = 0; i < units.size(); ++i) {
    if (!only || *only == i) multipliers[i] = units[i].logical_not().to(at::kFloat);
  }
  return multipliers;
}

}  // namespace cprobe
