#include "cprobe/data/joined_data.h"

#include <algorithm>

#include "cprobe/core/error.h"

namespace cprobe {
namespace {

using Columns = std::map<std::string, at::Tensor>;

TokenTrie joined_tries(const std::vector<const TokenTrie*>& tries) {
  std::vector<std::vector<int64_t>> rows;
  for (const TokenTrie* trie : tries) {
    const auto token = trie->token.accessor<int64_t, 1>();
    for (int64_t r = 0; r < trie->n_rows(); ++r) {
      std::vector<int64_t>& row = rows.emplace_back();
      for (const int64_t node : trie->row(r)) row.push_back(token[node]);
    }
  }
  return build_trie(rows);
}

/// The columns that all have, each from the first to the last.
Columns joined_columns(const std::vector<const Columns*>& all) {
  Columns joined_all;
  for (const auto& column : *all.front()) {
    const std::string& name = column.first;
    if (!std::ranges::all_of(all, [&](const Columns* columns) { return columns->contains(name); })) continue;
    std::vector<at::Tensor> parts;
    parts.reserve(all.size());
    for (const Columns* columns : all) parts.push_back(columns->at(name));
    joined_all.emplace(name, at::cat(parts));
  }
  return joined_all;
}

std::optional<Counterfactuals> joined_counterfactuals(std::span<const Dataset> sets) {
  std::vector<const TokenTrie*> sources;
  std::vector<const Columns*> answers;
  for (const Dataset& set : sets) {
    if (!set.counterfactuals) return std::nullopt;
    sources.push_back(&set.counterfactuals->sources);
    answers.push_back(&set.counterfactuals->answers);
  }
  return Counterfactuals{joined_tries(sources), joined_columns(answers)};
}

}  // namespace

Dataset joined(std::span<const Dataset> sets) {
  if (sets.empty()) throw failure("there is no data set to join");
  std::vector<std::string> sources;
  std::vector<const TokenTrie*> tries;
  std::vector<at::Tensor> answers;
  std::vector<const Columns*> variables;
  for (const Dataset& set : sets) {
    if (set.contrast) throw failure("{}: sentences with a contrast are not joined with other data", set.source);
    sources.push_back(set.source);
    tries.push_back(&set.trie);
    answers.push_back(set.answers);
    variables.push_back(&set.variables);
  }
  return {.source = fmt::format("{}", fmt::join(sources, " + ")),
          .trie = joined_tries(tries),
          .answers = at::cat(answers),
          .contrast = std::nullopt,
          .variables = joined_columns(variables),
          .counterfactuals = joined_counterfactuals(sets)};
}

}  // namespace cprobe
