#include "cprobe/benchmark/unit_ranking.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>

namespace cprobe {
namespace {

/// The counted units of one matrix.
struct Counted {
  std::vector<int64_t> units;
  std::vector<bool> is_true;

  bool tells() const { return std::ranges::count(is_true, true) > 0 && std::ranges::count(is_true, false) > 0; }
};

Counted counted_units(const PlantedUnits& planted, const std::vector<int64_t>& truth) {
  Counted counted;
  const auto add = [&](const std::vector<int64_t>& units, bool is_true) {
    for (const int64_t unit : units) {
      counted.units.push_back(unit);
      counted.is_true.push_back(is_true);
    }
  };
  add(truth, true);
  add(planted.other, false);
  add(planted.dead, false);
  return counted;
}

/// The numbers in descending order of score.
std::vector<size_t> descending(std::span<const double> scores) {
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  return order;
}

/// Calls `use(begin, end)` for each run of equal scores in an order.
template <typename Use>
void for_equal_scores(std::span<const double> scores, const std::vector<size_t>& order, const Use& use) {
  for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && scores[order[end]] == scores[order[begin]]) ++end;
    use(begin, end);
  }
}

/// The share of true units among the first n, where those of equal scores share their places.
double precision_of_first(std::span<const double> scores, const std::vector<bool>& is_true, size_t n) {
  const std::vector<size_t> order = descending(scores);
  double n_right = 0;
  for_equal_scores(scores, order, [&](size_t begin, size_t end) {
    if (begin >= n) return;
    double right = 0;
    for (size_t i = begin; i < end; ++i) right += is_true[order[i]];
    n_right += right * static_cast<double>(std::min(end, n) - begin) / static_cast<double>(end - begin);
  });
  return n_right / static_cast<double>(n);
}

/// Adds up figures over matrices.
struct Mean {
  double sum = 0;
  int n = 0;

  void add(std::optional<double> value) {
    if (!value) return;
    sum += *value;
    ++n;
  }
  std::optional<double> value() const { return n == 0 ? std::nullopt : std::optional(sum / n); }
};

UnitFigures figures_of(const PlantedVariable& variable, const std::vector<std::vector<int64_t>>& truth,
                       const std::vector<at::Tensor>& scores, const std::vector<at::Tensor>& members) {
  Mean area, average, at_size, precision, recall, jaccard;
  for (size_t m = 0; m < variable.matrices.size(); ++m) {
    const Counted counted = counted_units(variable.matrices[m], truth[m]);
    if (!counted.tells()) continue;
    const auto n_true = static_cast<double>(truth[m].size());
    if (!scores.empty()) {
      std::vector<double> of_units;
      const at::Tensor all = scores[m].to(at::kDouble).contiguous();
      for (const int64_t unit : counted.units) of_units.push_back(all.data_ptr<double>()[unit]);
      area.add(auroc(of_units, counted.is_true));
      average.add(average_precision(of_units, counted.is_true));
      at_size.add(precision_of_first(of_units, counted.is_true, truth[m].size()));
    }
    if (!members.empty()) {
      const at::Tensor set = members[m].to(at::kBool).contiguous();
      double n_chosen = 0, n_right = 0;
      for (size_t i = 0; i < counted.units.size(); ++i) {
        if (!set.data_ptr<bool>()[counted.units[i]]) continue;
        ++n_chosen;
        n_right += counted.is_true[i];
      }
      if (n_chosen > 0) precision.add(n_right / n_chosen);
      recall.add(n_right / n_true);
      jaccard.add(n_right / (n_chosen + n_true - n_right));
    }
  }
  return {area.value(), average.value(), at_size.value(), precision.value(), recall.value(), jaccard.value()};
}

}  // namespace

std::optional<double> auroc(std::span<const double> scores, const std::vector<bool>& is_true) {
  const std::vector<size_t> order = descending(scores);
  double above = 0;  // Other units with higher scores than those looked at.
  double n_lower_pairs = 0, n_true = 0, n_other = 0;
  for_equal_scores(scores, order, [&](size_t begin, size_t end) {
    double right = 0, other = 0;
    for (size_t i = begin; i < end; ++i) (is_true[order[i]] ? right : other) += 1;
    n_lower_pairs += right * (above + other / 2);
    above += other;
    n_true += right;
    n_other += other;
  });
  if (n_true == 0 || n_other == 0) return std::nullopt;
  return 1 - n_lower_pairs / (n_true * n_other);
}

std::optional<double> average_precision(std::span<const double> scores, const std::vector<bool>& is_true) {
  const std::vector<size_t> order = descending(scores);
  double n_right = 0, n_seen = 0, sum = 0;
  for_equal_scores(scores, order, [&](size_t begin, size_t end) {
    double right = 0;
    for (size_t i = begin; i < end; ++i) right += is_true[order[i]];
    n_right += right;
    n_seen += static_cast<double>(end - begin);
    sum += right * n_right / n_seen;
  });
  if (n_right == 0) return std::nullopt;
  return sum / n_right;
}

UnitFigures unit_figures(const PlantedVariable& variable, const std::vector<at::Tensor>& scores,
                         const std::vector<at::Tensor>& members) {
  std::vector<std::vector<std::vector<int64_t>>> truths = variable.alternatives;
  std::vector<std::vector<int64_t>>& whole = truths.emplace_back();
  for (const PlantedUnits& planted : variable.matrices) whole.push_back(planted.units);
  UnitFigures best;
  for (size_t i = 0; i < truths.size(); ++i) {
    const UnitFigures figures = figures_of(variable, truths[i], scores, members);
    if (i == 0 || (scores.empty() ? figures.jaccard > best.jaccard : figures.auroc > best.auroc)) best = figures;
  }
  return best;
}

}  // namespace cprobe
