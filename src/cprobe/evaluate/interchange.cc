#include "cprobe/evaluate/interchange.h"

#include <algorithm>

#include "cprobe/core/error.h"
#include "cprobe/data/counterfactual.h"
#include "cprobe/evaluate/behaviour.h"
#include "cprobe/model/gemm.h"

namespace cprobe {
namespace {

at::Tensor source_states(const ProbedSite& probed, const Dataset& data) {
  const TokenTrie& trie = data.counterfactuals->sources;
  const DistinctNodes read = distinct(trie.nodes_at(probed.position, data.source + ": sources"));
  const at::Tensor states = run_in_slabs(probed.model, trie, embed(probed.model, trie), Site::start(), probed.site,
                                         {.read_nodes = read.nodes});
  return states.cpu().index_select(0, read.place);
}

at::Tensor patched_states(const InterchangePairs& pairs, const Alignment& alignment) {
  at::Tensor rotated = gemm(pairs.difference, alignment.rotation);
  if (alignment.weights.defined()) rotated = rotated * alignment.weights;
  return pairs.base + gemm(rotated, alignment.rotation.t());
}

}  // namespace

const at::Tensor& require_answers(const Dataset& data, const std::string& variable) {
  require_single_tokens(data, "an interchange intervention");
  if (const at::Tensor* answers = data.counterfactual_answers(variable)) return *answers;
  if (!data.counterfactuals) {
    throw input_error(
        "{}: interchange interventions need a source for every row: of rows of tokens, a column 'counterfactual_data' "
        "and counterfactual answers 'CF_Label_k' with their formulas 'CF_FN_k'; of sentences, two answers to choose "
        "between",
        data.source);
  }
  std::vector<std::string> names;
  for (const auto& entry : data.counterfactuals->answers) names.push_back("'" + entry.first + "'");
  const std::string why = data.contrast
                              ? "answers of sentences depend on these alone"
                              : fmt::format(
                                    "they are a column 'CF_Label_k' whose formula 'CF_FN_k' takes '{}{}' and nothing "
                                    "else from the source",
                                    kSourcePrefix, variable);
  throw input_error("{}: no counterfactual answers for '{}', but for {}; {}", data.source, variable,
                    names.empty() ? "no variable" : fmt::format("{}", fmt::join(names, ", ")), why);
}

InterchangePairs InterchangePairs::of_rows(const at::Tensor& rows) const {
  const auto pick = [&](const at::Tensor& all) { return all.index_select(0, rows); };
  InterchangePairs pairs{patching.of_rows(rows), pick(base), pick(difference), pick(answers), pick(changed)};
  if (contrast) pairs.contrast = contrast->of_rows(rows);
  return pairs;
}

InterchangePairs interchange_pairs(const ProbedSite& probed, const ProbedSet& set) {
  const at::Tensor& answers = require_answers(set.data, probed.variable);
  const at::Tensor base = set.states();
  return {.patching = Patching(probed.model, set.data.trie, set.stream, probed.site, probed.position),
          .base = base,
          .difference = source_states(probed, set.data) - base,
          .answers = answers,
          .changed = answers.ne(set.data.answers),
          .contrast = set.data.contrast};
}

at::Tensor interchange_logits(const Model& model, const InterchangePairs& pairs, const Alignment& alignment) {
  return logits(model, pairs.patching.run(patched_states(pairs, alignment)));
}

Outcomes interchange_outcomes(const Model& model, const InterchangePairs& pairs, const Alignment& alignment) {
  const at::NoGradGuard no_gradients;
  const at::Tensor states = pairs.patching.run_all(patched_states(pairs, alignment));
  return outcomes_of(model, states, at::arange(pairs.n()), pairs.answers, pairs.contrast);
}

InterchangeAccuracy interchange_accuracy(const Model& model, const InterchangePairs& pairs,
                                         const Alignment& alignment) {
  const at::NoGradGuard no_gradients;
  const at::Tensor states = pairs.patching.run_all(patched_states(pairs, alignment));
  const at::Tensor right = answered_right(model, states, at::arange(pairs.n()), pairs.answers, pairs.contrast);
  const auto n_right = [](const at::Tensor& rows) { return static_cast<double>(rows.sum().item<int64_t>()); };
  const double n_changed = n_right(pairs.changed);
  return {n_right(right) / static_cast<double>(pairs.n()),
          n_right(right.logical_and(pairs.changed)) / std::max(1.0, n_changed)};
}

}  // namespace cprobe
