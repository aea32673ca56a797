#include "cprobe/evaluate/paired_tries.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace cprobe {

PairedTries paired_tries(std::span<const std::vector<int64_t>> base, std::span<const std::vector<int64_t>> donor,
                         int64_t vocab) {
  std::vector<std::vector<int64_t>> pairs;
  for (size_t r = 0; r < base.size(); ++r) {
    std::vector<int64_t>& row = pairs.emplace_back(base[r].size());
    std::ranges::transform(base[r], donor[r], row.begin(), [vocab](int64_t a, int64_t b) { return a * vocab + b; });
  }
  TokenTrie trie = build_trie(pairs);
  const at::Tensor of_base = at::div(trie.token, vocab, "floor");
  const at::Tensor of_donor = trie.token - of_base * vocab;
  PairedTries tries{trie, std::move(trie)};
  tries.base.token = of_base;
  tries.donor.token = of_donor;
  return tries;
}

}  // namespace cprobe
