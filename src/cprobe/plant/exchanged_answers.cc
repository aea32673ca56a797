#include "cprobe/plant/exchanged_answers.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "cprobe/core/error.h"
#include "cprobe/data/joined_data.h"
#include "cprobe/evaluate/interchange.h"

namespace cprobe {
namespace {

constexpr int64_t kMostRowsOneByOne = 100;  // Where every unit takes an exchange of its own.

/// Rows and sources, for which a variable's value decides between two answers.
struct DecidedRows {
  TokenTrie trie;      ///< Of rows and sources.
  at::Tensor rows;     ///< [n] int64.
  at::Tensor sources;  ///< [n] int64.
  at::Tensor answers;  ///< [n] int64: of the rows.
  at::Tensor with_v;   ///< [n] int64: with the variable's value of the source.
};

DecidedRows decided_rows(const PlantedVariable& variable, const Dataset& data) {
  const at::Tensor& counterfactuals = require_answers(data, variable.name);
  const at::Tensor rows = counterfactuals.ne(data.answers).nonzero().flatten();
  if (rows.size(0) == 0) {
    throw input_error("{}: no answer depends on whether '{}' is the row's or its source's", data.source, variable.name);
  }
  const std::array both = {Dataset{.trie = data.trie, .answers = data.answers},
                           Dataset{.trie = data.counterfactuals->sources, .answers = data.answers}};
  return {.trie = joined(both).trie,
          .rows = rows,
          .sources = rows + data.trie.n_rows(),
          .answers = data.answers.index_select(0, rows),
          .with_v = counterfactuals.index_select(0, rows)};
}

/// The mean |change of the log-probability of each row's answer|, if units see the donor.
double change_of_answers(const ExchangedRows& rows, const std::vector<at::Tensor>& units, const at::Tensor& answers) {
  const auto log_probability = [&](const at::Tensor& update) {
    return rows.logits_after(update).to(at::kDouble).log_softmax(1).gather(1, answers.unsqueeze(1));
  };
  const at::Tensor change = log_probability(rows.component().along_paths(units, ExchangeSide::kBase)) -
                            log_probability(rows.component().update(ExchangeSide::kBase));
  return change.abs().mean().item<double>();
}

}  // namespace

ExchangedAnswers exchanged_answers(const ExchangedRows& rows, const std::vector<at::Tensor>& units,
                                   const at::Tensor& answers, const at::Tensor& counterfactuals) {
  const at::NoGradGuard no_gradients;
  const auto share = [&](const at::Tensor& update, const at::Tensor& expected) {
    return rows.logits_after(update).argmax(1).eq(expected).to(at::kDouble).mean().item<double>();
  };
  const auto least = [&](ExchangeSide own, const at::Tensor& expected) {
    const at::Tensor update = rows.component().along_paths(units, own);
    const at::Tensor last_only = rows.at_last_tokens(update, at::ones({expected.size(0)}, at::kBool));
    return std::min(share(update, expected), share(last_only, expected));
  };
  return {.by_units = least(ExchangeSide::kBase, counterfactuals),
          .by_others = 1 - least(ExchangeSide::kDonor, answers)};
}

ExchangedAnswers exchanged_answers(const PlantedVariable& variable, const Model& model, const Dataset& data) {
  const at::NoGradGuard no_gradients;
  const DecidedRows decided = decided_rows(variable, data);
  const ExchangedRows rows(model, variable.component.value(), decided.trie, decided.rows, decided.sources);
  return exchanged_answers(rows, needed_units(variable, model.config), decided.answers, decided.with_v);
}

void measure_importance_by_answers(PlantedVariable& variable, const Model& model, const Dataset& data) {
  const at::NoGradGuard no_gradients;
  const DecidedRows decided = decided_rows(variable, data);
  const int64_t n = decided.rows.size(0), n_kept = std::min(n, kMostRowsOneByOne);
  const at::Tensor kept = at::div(at::arange(n_kept, at::kLong) * n, n_kept, "floor");
  const ExchangedRows rows(model, variable.component.value(), decided.trie, decided.rows.index_select(0, kept),
                           decided.sources.index_select(0, kept));
  const at::Tensor answers = decided.answers.index_select(0, kept);
  std::vector<at::Tensor> units = needed_units(variable, model.config);
  for (at::Tensor& of_matrix : units) of_matrix.fill_(true);
  const double whole = std::max(change_of_answers(rows, units, answers), 1e-12);
  const size_t last = units.size() - 1;
  for (size_t m = 0; m < units.size(); ++m) {
    for (size_t other = 0; other < units.size(); ++other) units[other].fill_((m == last) != (other == last));
    std::vector<double>& importance = variable.matrices[m].importance;
    importance.clear();
    for (int64_t unit = 0; unit < units[m].size(0); ++unit) {
      units[m][unit] = true;
      importance.push_back(change_of_answers(rows, units, answers) / whole);
      units[m][unit] = false;
    }
  }
}

}  // namespace cprobe
