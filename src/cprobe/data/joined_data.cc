#include "cprobe/data/joined_data.h"

#include "cprobe/core/error.h"

namespace cprobe {
namespace {

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

}  // namespace

Dataset joined(std::span<const Dataset> sets) {
  if (sets.empty()) throw failure("there is no data set to join");
  std::vector<std::string> sources;
  std::vector<const TokenTrie*> tries;
  std::vector<at::Tensor> answers;
  for (const Dataset& set : sets) {
    if (set.contrast) throw failure("{}: sentences with a contrast are not joined with other data", set.source);
    sources.push_back(set.source);
    tries.push_back(&set.trie);
    answers.push_back(set.answers);
  }
  return {
      .source = fmt::format("{}", fmt::join(sources, " + ")), .trie = joined_tries(tries), .answers = at::cat(answers)};
}

}  // namespace cprobe
