#include "cprobe/data/joined_data.h"

#include "cprobe/core/error.h"

namespace cprobe {

Dataset joined(std::span<const Dataset> sets) {
  if (sets.empty()) throw failure("there is no data set to join");
  std::vector<std::string> sources;
  std::vector<std::vector<int64_t>> rows;
  std::vector<at::Tensor> answers;
  for (const Dataset& set : sets) {
    if (set.contrast) throw failure("{}: sentences with a contrast are not joined with other data", set.source);
    sources.push_back(set.source);
    answers.push_back(set.answers);
    const auto token = set.trie.token.accessor<int64_t, 1>();
    for (int64_t r = 0; r < set.trie.n_rows(); ++r) {
      std::vector<int64_t>& row = rows.emplace_back();
      for (const int64_t node : set.trie.row(r)) row.push_back(token[node]);
    }
  }
  return {
      .source = fmt::format("{}", fmt::join(sources, " + ")), .trie = build_trie(rows), .answers = at::cat(answers)};
}

}  // namespace cprobe
