#include "cprobe/data/donors.h"

#include <algorithm>
#include <map>

namespace cprobe {
namespace {

using Tokens = std::vector<int64_t>;

Tokens tokens_of(const TokenTrie& trie, int64_t row) {
  Tokens tokens;
  for (const int64_t node : trie.row(row)) tokens.push_back(trie.token.data_ptr<int64_t>()[node]);
  return tokens;
}

/// The token at each position of each type, [n_types][n_parts]; empty for a type without rows here.
std::vector<Tokens> tokens_of_types(const Dataset& data, const at::Tensor& of_rows, const Types& types) {
  std::vector<Tokens> tokens(static_cast<size_t>(types.n_types()));
  for (int64_t row = 0; row < data.trie.n_rows(); ++row) {
    Tokens& of_type = tokens[static_cast<size_t>(of_rows.data_ptr<int64_t>()[row])];
    if (!of_type.empty()) continue;
    const Tokens whole = tokens_of(data.trie, row);
    for (const int64_t position : types.positions) {
      of_type.push_back(whole[static_cast<size_t>(position < 0 ? position + std::ssize(whole) : position)]);
    }
  }
  return tokens;
}

/// One of `choices`, drawn uniformly.
int64_t draw(const std::vector<int64_t>& choices, at::Generator& generator) {
  const int64_t place = at::randint(std::ssize(choices), {1}, generator, at::kLong).item<int64_t>();
  return choices[static_cast<size_t>(place)];
}

}  // namespace

std::optional<DonorRows> donor_rows(const Dataset& data, size_t set, const Types& types, const at::Tensor& values,
                                    int64_t n_rows, Seed seed) {
  if (types.positions.empty()) return std::nullopt;
  const at::Tensor of_rows = types.of_rows[set].contiguous();
  const std::vector<Tokens> tokens = tokens_of_types(data, of_rows, types);
  const at::Tensor value = values.contiguous();
  const auto value_of = [&](int64_t type) { return value.data_ptr<int64_t>()[type]; };
  std::map<int64_t, std::vector<int64_t>> types_of_value;
  std::vector<int64_t> all;
  for (int64_t type = 0; type < types.n_types(); ++type) {
    if (tokens[static_cast<size_t>(type)].empty()) continue;
    types_of_value[value_of(type)].push_back(type);
    all.push_back(type);
  }
  if (types_of_value.size() < 2) return std::nullopt;

  at::Generator generator = seed.generator();
  const at::Tensor order = at::randperm(data.trie.n_rows(), generator, at::kLong);
  std::vector<int64_t> chosen;
  for (int64_t i = 0; i < order.size(0) && std::ssize(chosen) < n_rows; ++i) {
    const int64_t row = order.data_ptr<int64_t>()[i];
    const int64_t type = of_rows.data_ptr<int64_t>()[row];
    if (types_of_value.at(value_of(type)).size() > 1) chosen.push_back(row);
  }
  if (chosen.empty()) return std::nullopt;
  std::ranges::sort(chosen);

  DonorRows result{.rows = at::tensor(chosen, at::kLong)};
  for (const int64_t row : chosen) {
    const int64_t type = of_rows.data_ptr<int64_t>()[row];
    const std::vector<int64_t>& same = types_of_value.at(value_of(type));
    int64_t same_type = type, other_type = type;
    while (same_type == type) same_type = draw(same, generator);
    while (value_of(other_type) == value_of(type)) other_type = draw(all, generator);
    result.base.push_back(tokens_of(data.trie, row));
    for (const auto& [donors, from] :
         {std::pair(&result.same_value, same_type), std::pair(&result.other_value, other_type)}) {
      Tokens donor = result.base.back();
      for (size_t p = 0; p < types.positions.size(); ++p) {
        const int64_t position = types.positions[p];
        donor[static_cast<size_t>(position < 0 ? position + std::ssize(donor) : position)] =
            tokens[static_cast<size_t>(from)][p];
      }
      donors->push_back(std::move(donor));
    }
  }
  return result;
}

}  // namespace cprobe
