#include "cprobe/data/duplicates.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <set>

namespace cprobe {
namespace {

using Tokens = std::vector<int64_t>;

/// The tokens of each row and, as negative numbers, the places of those that it names.
std::vector<Tokens> rows_of(const Dataset& set) {
  const auto* token = set.trie.token.data_ptr<int64_t>();
  std::vector<Tokens> rows;
  for (int64_t r = 0; r < set.trie.n_rows(); ++r) {
    Tokens& tokens = rows.emplace_back();
    for (const int64_t node : set.trie.row(r)) tokens.push_back(token[node]);
    // One sentence probed at two words is two rows.
    for (const auto& [name, places] : set.trie.places) tokens.push_back(-1 - places[r].item<int64_t>());
  }
  return rows;
}

/// "12 of 300 rows, such as 'The cat'".
std::string counted(const Dataset& set, const std::vector<size_t>& rows) {
  const size_t first = rows.front();
  const std::string example =
      set.texts.empty() ? fmt::format("{}", fmt::join(rows_of(set)[first], " ")) : set.texts[first];
  return fmt::format("{} of {} rows, such as '{}',", rows.size(), set.trie.n_rows(), example);
}

/// The rows whose value of a variable differs from that of an earlier row of the same tokens.
/// @param known  values of earlier rows; gets those of these.
std::vector<size_t> contradictions(const std::vector<Tokens>& rows, const at::Tensor& values,
                                   std::map<Tokens, int64_t>& known) {
  const auto* value = values.data_ptr<int64_t>();
  std::vector<size_t> found;
  for (size_t r = 0; r < rows.size(); ++r) {
    if (known.emplace(rows[r], value[r]).first->second != value[r]) found.push_back(r);
  }
  return found;
}

}  // namespace

std::vector<std::string> duplicate_warnings(std::span<const Dataset* const> sets,
                                            const std::vector<std::string>& variables) {
  std::vector<std::string> warnings;
  const std::vector<Tokens> to_train_on = rows_of(*sets.front());
  const std::set<Tokens> known(to_train_on.begin(), to_train_on.end());
  std::map<std::string, std::map<Tokens, int64_t>> values_of;  // variable -> tokens -> value
  for (const Dataset* set : sets) {
    const bool is_first = set == sets.front();
    const std::vector<Tokens> rows = is_first ? to_train_on : rows_of(*set);
    std::vector<size_t> repeated;
    for (size_t r = 0; r < rows.size() && !is_first; ++r) {
      if (known.contains(rows[r])) repeated.push_back(r);
    }
    if (!repeated.empty()) {
      warnings.push_back(fmt::format("{}: {} are rows to train on as well, so that accuracy on them says little",
                                     set->source, counted(*set, repeated)));
    }
    for (const std::string& variable : variables) {
      const auto values = set->variables.find(variable);
      if (values == set->variables.end()) continue;
      const std::vector<size_t> found = contradictions(rows, values->second, values_of[variable]);
      if (found.empty()) continue;
      warnings.push_back(fmt::format("{}: {} have another value of '{}' than a row of the same tokens", set->source,
                                     counted(*set, found), variable));
    }
  }
  return warnings;
}

}  // namespace cprobe
