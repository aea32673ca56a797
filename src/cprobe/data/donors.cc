#include "cprobe/data/donors.h"

#include <algorithm>
#include <functional>
#include <map>

#include "cprobe/core/name_of.h"
#include "cprobe/data/placed_words.h"

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

std::optional<DonorRows> token_donors(const Dataset& data, const at::Tensor& of_rows, const Types& types,
                                      const at::Tensor& value, int64_t n_rows, Seed seed) {
  const std::vector<Tokens> tokens = tokens_of_types(data, of_rows, types);
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

/// The two donors of a row.
struct DonorPair {
  Tokens base, same_value, other_value;
};

/// Takes rows in a random order until `n_rows` have donors.
/// @param find  the donors of a row; none if there are none.
std::optional<DonorRows> drawn_rows(
    const Dataset& data, int64_t n_rows, DonorKind kind, at::Generator& generator,
    const std::function<std::optional<DonorPair>(int64_t row, at::Generator& generator)>& find) {
  const at::Tensor order = at::randperm(data.trie.n_rows(), generator, at::kLong);
  std::map<int64_t, DonorPair> found;  // by row
  for (int64_t i = 0; i < order.size(0) && std::ssize(found) < n_rows; ++i) {
    const int64_t row = order.data_ptr<int64_t>()[i];
    if (std::optional<DonorPair> pair = find(row, generator)) found.emplace(row, *std::move(pair));
  }
  if (found.empty()) return std::nullopt;
  DonorRows result{.kind = kind};
  std::vector<int64_t> rows;
  for (auto& [row, pair] : found) {
    rows.push_back(row);
    result.base.push_back(std::move(pair.base));
    result.same_value.push_back(std::move(pair.same_value));
    result.other_value.push_back(std::move(pair.other_value));
  }
  result.rows = at::tensor(rows, at::kLong);
  return result;
}

/// The first of some candidates, in a random order, of which `make` makes a donor.
std::optional<Tokens> first_donor(const std::vector<int64_t>& candidates, at::Generator& generator,
                                  const std::function<std::optional<Tokens>(int64_t candidate)>& make) {
  const at::Tensor order = at::randperm(std::ssize(candidates), generator, at::kLong);
  for (int64_t i = 0; i < order.size(0); ++i) {
    if (auto tokens = make(candidates[static_cast<size_t>(order.data_ptr<int64_t>()[i])])) return tokens;
  }
  return std::nullopt;
}

/// The words of types in a data set, and the sentences in which others can take their place.
class Sentences {
 public:
  Sentences(const Dataset& data, const at::Tensor& of_rows, const Types& types)
      : types_(types), of_rows_(of_rows), words_(static_cast<size_t>(types.n_types())) {
    for (int64_t row = 0; row < data.trie.n_rows(); ++row) {
      rows_.push_back(PlacedWords::find(data, row, types));
      if (!rows_.back()) continue;
      std::vector<std::string>& words = words_[static_cast<size_t>(type_of(row))];
      if (words.empty()) words = rows_.back()->words();
    }
  }

  /// @param kind  kWords or kForms.
  std::optional<DonorPair> donors(int64_t row, const at::Tensor& value, DonorKind kind,
                                  at::Generator& generator) const {
    const std::optional<PlacedWords>& sentence = rows_[static_cast<size_t>(row)];
    if (!sentence) return std::nullopt;
    const int64_t type = type_of(row);
    std::vector<int64_t> same, other;
    for (int64_t candidate = 0; candidate < types_.n_types(); ++candidate) {
      if (candidate == type || words_[static_cast<size_t>(candidate)].empty()) continue;
      if (number(value, candidate) == number(value, type)) {
        same.push_back(candidate);
      } else if (kind != DonorKind::kForms || number(types_.block, candidate) == number(types_.block, type)) {
        other.push_back(candidate);
      }
    }
    const auto make = [&](int64_t candidate) { return sentence->with(words_[static_cast<size_t>(candidate)]); };
    auto same_value = first_donor(same, generator, make), other_value = first_donor(other, generator, make);
    if (!same_value || !other_value) return std::nullopt;
    return DonorPair{sentence->tokens(), *std::move(same_value), *std::move(other_value)};
  }

 private:
  static int64_t number(const at::Tensor& of_types, int64_t type) { return of_types.data_ptr<int64_t>()[type]; }
  int64_t type_of(int64_t row) const { return number(of_rows_, row); }

  const Types& types_;
  const at::Tensor& of_rows_;
  std::vector<std::optional<PlacedWords>> rows_;
  std::vector<std::vector<std::string>> words_;  ///< Of each type; empty if it has none here.
};

/// Donors that are other rows with as many tokens.
std::optional<DonorRows> row_donors(const Dataset& data, const at::Tensor& of_rows, const at::Tensor& value,
                                    int64_t n_rows, at::Generator& generator) {
  const auto type_of = [&](int64_t row) { return of_rows.data_ptr<int64_t>()[row]; };
  const auto value_of = [&](int64_t row) { return value.data_ptr<int64_t>()[type_of(row)]; };
  std::map<int64_t, std::vector<int64_t>> of_length;
  for (int64_t row = 0; row < data.trie.n_rows(); ++row) of_length[std::ssize(data.trie.row(row))].push_back(row);
  return drawn_rows(data, n_rows, DonorKind::kRows, generator,
                    [&](int64_t row, at::Generator& random) -> std::optional<DonorPair> {
                      const std::vector<int64_t>& rows = of_length.at(std::ssize(data.trie.row(row)));
                      const auto donor = [&](bool with_same_value) {
                        return first_donor(rows, random, [&](int64_t other) -> std::optional<Tokens> {
                          if (type_of(other) == type_of(row)) return std::nullopt;
                          if ((value_of(other) == value_of(row)) != with_same_value) return std::nullopt;
                          return tokens_of(data.trie, other);
                        });
                      };
                      auto same_value = donor(true), other_value = donor(false);
                      if (!same_value || !other_value) return std::nullopt;
                      return DonorPair{tokens_of(data.trie, row), *std::move(same_value), *std::move(other_value)};
                    });
}

}  // namespace

std::string_view to_string(DonorKind kind) {
  return name_of(kind, {"tokens of the type", "words of the type", "words of the type, other values within the block",
                        "other rows of the same length"});
}

std::vector<DonorKind> donor_kinds(const Dataset& data, const Types& types) {
  if (!types.positions.empty()) return {DonorKind::kTokens};
  if (data.texts.empty()) return {};
  std::vector<DonorKind> kinds;
  if (!types.words.empty() && types.block.defined()) kinds.push_back(DonorKind::kForms);
  if (!types.words.empty()) kinds.push_back(DonorKind::kWords);
  kinds.push_back(DonorKind::kRows);
  return kinds;
}

std::optional<DonorRows> donor_rows(const Dataset& data, size_t set, const Types& types, const at::Tensor& values,
                                    int64_t n_rows, Seed seed, DonorKind kind) {
  const at::Tensor of_rows = types.of_rows[set].contiguous(), value = values.contiguous();
  if (kind == DonorKind::kTokens) return token_donors(data, of_rows, types, value, n_rows, seed);
  at::Generator generator = seed.generator();
  if (kind == DonorKind::kRows) return row_donors(data, of_rows, value, n_rows, generator);
  const Sentences sentences(data, of_rows, types);
  return drawn_rows(data, n_rows, kind, generator,
                    [&](int64_t row, at::Generator& random) { return sentences.donors(row, value, kind, random); });
}

}  // namespace cprobe
