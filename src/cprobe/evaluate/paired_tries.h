#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cprobe/data/token_trie.h"

namespace cprobe {

/// Rows and their donors as tries of equal shape: node i of one belongs to node i of the other.
struct PairedTries {
  TokenTrie base, donor;
};

/// Makes the tries of some rows. Two rows share a node where they begin alike and their donors
/// begin alike.
/// @param base, donor  token ids, below `vocab`; each donor has as many tokens as its row.
PairedTries paired_tries(std::span<const std::vector<int64_t>> base, std::span<const std::vector<int64_t>> donor,
                         int64_t vocab);

}  // namespace cprobe
