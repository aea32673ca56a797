#include "cprobe/baselines/other_sources.h"

#include <algorithm>
#include <cmath>

namespace cprobe {
namespace {

std::vector<int64_t> tokens_of(const TokenTrie& trie, int64_t row) {
  std::vector<int64_t> tokens;
  for (const int64_t node : trie.row(row)) tokens.push_back(trie.token.data_ptr<int64_t>()[node]);
  return tokens;
}

/// The rows with one value, those of one type next to each other.
struct RowsOfValue {
  std::vector<int64_t> rows;
  std::map<int64_t, std::pair<int64_t, int64_t>> span_of_type;  ///< Begin and size in `rows`.
};

std::map<int64_t, RowsOfValue> rows_by_value(const at::Tensor& values, const at::Tensor& types) {
  std::map<int64_t, RowsOfValue> by_value;
  const at::Tensor order =
      types.defined() ? std::get<1>(at::sort(types, /*stable=*/true, 0, false)) : at::arange(values.size(0));
  for (int64_t i = 0; i < order.size(0); ++i) {
    const auto row = order[i].item<int64_t>();
    RowsOfValue& of_value = by_value[values[row].item<int64_t>()];
    if (types.defined()) {
      const auto type = types[row].item<int64_t>();
      ++of_value.span_of_type.try_emplace(type, std::ssize(of_value.rows), 0).first->second.second;
    }
    of_value.rows.push_back(row);
  }
  return by_value;
}

}  // namespace

std::optional<at::Tensor> source_rows(const Dataset& data) {
  if (!data.counterfactuals) return std::nullopt;
  std::map<std::vector<int64_t>, int64_t> row_of;
  for (int64_t row = 0; row < data.trie.n_rows(); ++row) row_of.try_emplace(tokens_of(data.trie, row), row);
  std::vector<int64_t> rows;
  for (int64_t row = 0; row < data.trie.n_rows(); ++row) {
    const auto found = row_of.find(tokens_of(data.counterfactuals->sources, row));
    if (found == row_of.end()) return std::nullopt;
    rows.push_back(found->second);
  }
  return at::tensor(rows, at::kLong);
}

RowsWithSources draw_sources(const at::Tensor& wanted, const at::Tensor& values, const at::Tensor& types,
                             at::Generator& generator) {
  const std::map<int64_t, RowsOfValue> by_value = rows_by_value(values, types);
  const at::Tensor places = at::rand({wanted.size(0)}, generator, at::TensorOptions(at::kDouble));
  std::vector<int64_t> rows, sources;
  for (int64_t row = 0; row < wanted.size(0); ++row) {
    const auto found = by_value.find(wanted[row].item<int64_t>());
    if (found == by_value.end()) continue;
    const RowsOfValue& of_value = found->second;
    int64_t begin = 0, n_left_out = 0;
    if (types.defined()) {
      const auto own = of_value.span_of_type.find(types[row].item<int64_t>());
      if (own != of_value.span_of_type.end()) std::tie(begin, n_left_out) = own->second;
    }
    const int64_t n = std::ssize(of_value.rows) - n_left_out;
    if (n == 0) continue;
    auto place = std::min(n - 1, static_cast<int64_t>(places.data_ptr<double>()[row] * static_cast<double>(n)));
    if (place >= begin) place += n_left_out;
    rows.push_back(row);
    sources.push_back(of_value.rows[static_cast<size_t>(place)]);
  }
  return {at::tensor(rows, at::kLong), at::tensor(sources, at::kLong)};
}

InterchangePairs with_sources(const InterchangePairs& pairs, const RowsWithSources& others) {
  InterchangePairs changed = pairs.of_rows(others.rows);
  changed.difference = pairs.base.index_select(0, others.sources) - changed.base;
  return changed;
}

std::vector<TypeMean> pair_means(const at::Tensor& figure, const at::Tensor& types, const at::Tensor& sources,
                                 const Types& all_types) {
  struct Sums {
    int64_t n = 0;
    double sum = 0, squares = 0;
  };
  const auto unit = [&](const at::Tensor& type) {
    return all_types.block.defined() ? all_types.block.index_select(0, type) : type;
  };
  const at::Tensor of_row = unit(types), of_source = unit(sources);
  std::map<std::pair<int64_t, int64_t>, Sums> pairs;
  for (int64_t i = 0; i < figure.size(0); ++i) {
    const auto x = figure[i].item<double>();
    Sums& sums = pairs[{of_row[i].item<int64_t>(), of_source[i].item<int64_t>()}];
    ++sums.n;
    sums.sum += x;
    sums.squares += x * x;
  }
  std::vector<TypeMean> means;
  for (const auto& [tokens, sums] : pairs) {
    const auto n = static_cast<double>(sums.n);
    const double mean = sums.sum / n, scatter = std::max(0.0, sums.squares - n * mean * mean);
    means.push_back({.mean = mean,
                     .weight = n,
                     .tokens = {tokens.first, tokens.second},
                     .n_rows = sums.n,
                     .row_sd = sums.n > 1 ? std::sqrt(scatter / (n - 1)) : 0});
  }
  return means;
}

}  // namespace cprobe
