/// Simulations of the rules behind verdicts: how often a test finds an effect where none is, how
/// often one of the predicted size is found, how often an interval covers. docs/statistics.md has
/// the tables. Prints Markdown; takes a few minutes.
///
///     cmake --build --preset release --target inference_calibration
///     build/release/bench/inference_calibration
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <numbers>
#include <random>
#include <string>
#include <vector>

#include "cprobe/evaluate/inference.h"
#include "cprobe/evaluate/intervals.h"
#include "cprobe/evaluate/power.h"

namespace cprobe {
namespace {

constexpr int64_t kRepetitions = 10'000;
constexpr double kSmallestEffect = 0.05;

/// Random numbers of one simulation.
class Draws {
 public:
  double normal() { return normal_(engine_); }
  double uniform() { return uniform_(engine_); }
  double cauchy() { return std::tan(std::numbers::pi * (uniform() - 0.5)); }
  /// A share of n rows that are right with probability p each.
  double accuracy(int64_t n, double p) {
    return static_cast<double>(std::binomial_distribution<int64_t>(n, p)(engine_)) / static_cast<double>(n);
  }
  double beta(double mean, double concentration) {
    const double x = std::gamma_distribution<double>(mean * concentration)(engine_);
    const double y = std::gamma_distribution<double>((1 - mean) * concentration)(engine_);
    return x / (x + y);
  }

 private:
  std::mt19937_64 engine_{1};
  std::normal_distribution<double> normal_;
  std::uniform_real_distribution<double> uniform_;
};

/// Prints how often `event` happens, with Clopper and Pearson's interval.
void row(const std::string& what, const std::function<bool(Draws&)>& event, int64_t n = kRepetitions) {
  Draws draws;
  int64_t count = 0;
  for (int64_t i = 0; i < n; ++i) count += event(draws) ? 1 : 0;
  const Bounds bounds = clopper_pearson(count, n);
  fmt::print("| {} | {:.3f} | {:.3f} to {:.3f} |\n", what, static_cast<double>(count) / static_cast<double>(n),
             bounds.lower, bounds.upper);
  std::fflush(stdout);
}

void heading(std::string_view what, std::string_view share) {
  fmt::print("\n| {} | {} | 95 % |\n|---|---|---|\n", what, share);
}

/// Cells whose real value is drawn like the nulls. @param draw  gives entry b of cell c.
std::vector<BesideNulls> family_of(int64_t n_cells, int64_t n_nulls,
                                   const std::function<double(int64_t c, int64_t b)>& draw) {
  std::vector<BesideNulls> family(static_cast<size_t>(n_cells));
  for (int64_t b = 0; b <= n_nulls; ++b) {
    for (int64_t c = 0; c < n_cells; ++c) {
      BesideNulls& cell = family[static_cast<size_t>(c)];
      if (b == 0) {
        cell.value = draw(c, b);
      } else {
        cell.nulls.push_back(draw(c, b));
      }
    }
  }
  return family;
}

bool any_significant(const std::vector<CountedP>& p, size_t first = 0) {
  return std::any_of(p.begin() + static_cast<std::ptrdiff_t>(first), p.end(),
                     [](const CountedP& one) { return one.is_significant(); });
}

/// Normal cells with correlation `rho` between cells.
std::vector<BesideNulls> normal_family(Draws& draws, int64_t n_cells, int64_t n_nulls, double sd, double rho = 0) {
  double shared = 0;
  return family_of(n_cells, n_nulls, [&](int64_t c, int64_t) {
    if (c == 0) shared = draws.normal();
    return sd * (std::sqrt(rho) * shared + std::sqrt(1 - rho) * draws.normal());
  });
}

void false_findings() {
  heading("families of cells without an effect", "any p <= .05");
  const auto found = [](const std::vector<BesideNulls>& family) {
    return any_significant(max_t(family, kSmallestEffect));
  };
  for (const int64_t n_nulls : {19, 99}) {
    for (const int64_t n_cells : {1, 24, 96}) {
      row(fmt::format("normal, independent; {} cell(s), K = {}", n_cells, n_nulls),
          [&](Draws& d) { return found(normal_family(d, n_cells, n_nulls, 0.02)); });
    }
  }
  row("normal, correlation .9; 24 cells, K = 19", [&](Draws& d) { return found(normal_family(d, 24, 19, 0.02, 0.9)); });
  row("one Cauchy cell, 23 normal; K = 19", [&](Draws& d) {
    return found(family_of(24, 19, [&](int64_t c, int64_t) { return c == 0 ? d.cauchy() : 0.02 * d.normal(); }));
  });
  row("accuracy over 20 rows (ties); 24 cells, K = 19",
      [&](Draws& d) { return found(family_of(24, 19, [&](int64_t, int64_t) { return d.accuracy(20, 0.5); })); });
  row("12 cells with an effect of 10 sd, 12 without (these count); K = 19", [&](Draws& d) {
    return any_significant(
        max_t(family_of(24, 19, [&](int64_t c, int64_t b) { return 0.02 * d.normal() + (c < 12 && b == 0 ? 0.2 : 0); }),
              kSmallestEffect),
        12);
  });
  row("for comparison: p not adjusted; 24 cells, K = 19", [&](Draws& d) {
    const std::vector<BesideNulls> family = normal_family(d, 24, 19, 0.02);
    return std::ranges::any_of(family, [](const BesideNulls& cell) { return p_of(cell).is_significant(); });
  });
}

/// A normal deviate that correlates with `other`.
double like(Draws& draws, double other, double rho) {
  return rho * other + std::sqrt(1 - rho * rho) * draws.normal();
}

/// Question 1 has an effect in all cells, question 3 in none, and the two statistics correlate.
/// Finds whether question 3 is answered yes where question 1 is.
/// @param adjust_over_all  p of question 3 over all cells, or over those where question 1 is a yes.
bool is_found_after_selection(Draws& draws, int64_t n_cells, double effect, double rho, bool adjust_over_all) {
  std::vector<BesideNulls> first(static_cast<size_t>(n_cells)), third(first.size());
  for (size_t c = 0; c < first.size(); ++c) {
    for (int64_t b = 0; b <= 19; ++b) {
      const double noise = draws.normal(), other = like(draws, noise, rho);
      if (b == 0) {
        first[c].value = effect + noise;
        third[c].value = other;
      } else {
        first[c].nulls.push_back(noise);
        third[c].nulls.push_back(other);
      }
    }
  }
  const std::vector<CountedP> present = max_t(first, kSmallestEffect);
  std::vector<BesideNulls> asked;
  for (size_t c = 0; c < first.size(); ++c) {
    if (adjust_over_all || present[c].is_significant()) asked.push_back(third[c]);
  }
  const std::vector<CountedP> p = max_t(asked, kSmallestEffect);
  size_t place = 0;
  for (size_t c = 0; c < first.size(); ++c) {
    const bool is_asked = adjust_over_all || present[c].is_significant();
    if (is_asked && p[place++].is_significant() && present[c].is_significant()) return true;
  }
  return false;
}

/// Whether the mean over seeds of circuits is significant beside random sets, which it is like.
/// @param rho  correlation of the harm of two seeds' circuits.
/// @param are_sets_alike  random set b of all seeds comes from one permutation of the units.
bool is_found_over_seeds(Draws& draws, int64_t n_seeds, double rho, bool are_sets_alike) {
  const auto mean = [&](double correlation) {
    const double shared = draws.normal();
    double sum = 0;
    for (int64_t i = 0; i < n_seeds; ++i) sum += like(draws, shared, std::sqrt(correlation));
    return sum / static_cast<double>(n_seeds);
  };
  BesideNulls cell{.value = mean(rho)};
  for (int64_t b = 0; b < 39; ++b) cell.nulls.push_back(mean(are_sets_alike ? rho : 0));
  return p_of(cell).is_significant();
}

void asked_of_some() {
  heading("question 3 asked where question 1 is answered yes; it has no effect", "any p <= .05");
  for (const int64_t n_cells : {8, 24}) {
    for (const double rho : {.5, .9}) {
      for (const bool over_all : {false, true}) {
        row(fmt::format("correlation {} with question 1, whose effect is 3 sd; {} cells, p over {}", rho, n_cells,
                        over_all ? "all" : "those asked"),
            [&](Draws& d) { return is_found_after_selection(d, n_cells, 3, rho, over_all); });
      }
    }
  }
  heading("mean harm over seeds of masks, like that of random sets; 39 sets", "p <= .05");
  for (const int64_t n_seeds : {2, 3, 5}) {
    for (const bool alike : {false, true}) {
      row(fmt::format("{} seeds, correlation .9; sets {}", n_seeds,
                      alike ? "of one permutation" : "independent between seeds"),
          [&](Draws& d) { return is_found_over_seeds(d, n_seeds, .9, alike); });
    }
  }
}

void power() {
  heading("one effect, as large as `least_detectable` says for power .8; other cells without", "found");
  for (const double null_sd : {0.01, 0.1}) {
    for (const int64_t n_nulls : {19, 99}) {
      for (const int64_t n_cells : {1, 24, 96}) {
        const double effect =
            least_detectable({.n_types = 20, .n_nulls = n_nulls, .n_cells = n_cells, .type_sd = 0, .null_sd = null_sd})
                .by_p.value();
        row(fmt::format("by p: effect {:.3f}, null sd {}; {} cell(s), K = {}", effect, null_sd, n_cells, n_nulls),
            [&](Draws& d) {
              std::vector<BesideNulls> family = normal_family(d, n_cells, n_nulls, null_sd);
              family.front().value += effect;
              return max_t(family, kSmallestEffect).front().is_significant();
            });
      }
    }
  }
  for (const int64_t n_types : {20, 57, 113}) {
    const double effect =
        least_detectable({.n_types = n_types, .n_nulls = 19, .type_sd = 0.2, .null_sd = 0.02}).by_interval.value();
    row(fmt::format("by interval: effect {:.3f}, type sd .2, null sd .02; {} types, K = 19", effect, n_types),
        [&](Draws& d) {
          std::vector<double> nulls;
          double null_mean = 0;
          for (int b = 0; b < 19; ++b) null_mean += nulls.emplace_back(0.02 * d.normal()) / 19;
          std::vector<TypeMean> types;
          for (int64_t g = 0; g < n_types; ++g) types.push_back({.mean = effect + 0.2 * d.normal() - null_mean});
          return interval_over_types(types, nulls, {-9, 9}).lower >= kSmallestEffect;
        });
  }
}

/// Types whose means come from `mean_of_type`, beside `n_nulls` nulls around .1 if there are any.
bool covers(Draws& d, int64_t n_types, int64_t n_nulls, double truth, const std::function<double()>& mean_of_type) {
  std::vector<double> nulls;
  double null_mean = 0;
  for (int64_t b = 0; b < n_nulls; ++b) {
    null_mean += nulls.emplace_back(0.1 + 0.03 * d.normal()) / static_cast<double>(n_nulls);
  }
  std::vector<TypeMean> types;
  for (int64_t g = 0; g < n_types; ++g) types.push_back({.mean = mean_of_type() - null_mean});
  const double expected = truth - (n_nulls > 0 ? 0.1 : 0);
  const Interval interval = interval_over_types(types, nulls, n_nulls > 0 ? Bounds{-1.5, 1.5} : Bounds{-0.5, 1.5});
  return interval.lower <= expected && expected <= interval.upper;
}

void coverage() {
  heading("interval of a mean over types", "covers");
  for (const int64_t n_types : {8, 20, 57, 113}) {
    const auto label = [&](std::string_view what) { return fmt::format("{}; {} types", what, n_types); };
    row(label("normal, no nulls"),
        [&](Draws& d) { return covers(d, n_types, 0, 0.5, [&] { return 0.5 + 0.1 * d.normal(); }); });
    row(label("normal, K = 19, null sd .03"),
        [&](Draws& d) { return covers(d, n_types, 19, 0.5, [&] { return 0.5 + 0.1 * d.normal(); }); });
    for (const double mean : {0.9, 0.98}) {
      row(label(fmt::format("types' accuracies from a beta of mean {}, 20 rows each", mean)), [&](Draws& d) {
        std::vector<TypeMean> types;
        for (int64_t g = 0; g < n_types; ++g) types.push_back({.mean = d.accuracy(20, d.beta(mean, 5))});
        const Interval interval = interval_over_types(types, {}, {0, 1});
        return interval.lower <= mean && mean <= interval.upper;
      });
    }
    row(label("all or nothing: a type is right with probability .95"), [&](Draws& d) {
      std::vector<TypeMean> types;
      for (int64_t g = 0; g < n_types; ++g) types.push_back({.mean = d.uniform() < 0.95 ? 1.0 : 0.0});
      const Interval interval = interval_over_types(types, {}, {0, 1});
      return interval.lower <= 0.95 && 0.95 <= interval.upper;
    });
    row(label("2 % of the types at 0, all others from .97 to 1"), [&](Draws& d) {
      std::vector<TypeMean> types;
      for (int64_t g = 0; g < n_types; ++g) {
        types.push_back({.mean = d.uniform() < 0.02 ? 0.0 : 0.97 + 0.03 * d.uniform()});
      }
      const Interval interval = interval_over_types(types, {}, {0, 1});
      return interval.lower <= 0.98 * 0.985 && 0.98 * 0.985 <= interval.upper;
    });
  }
  row("by rows: 5 types right in .2, .5, .7, .9, .95 of their rows, 30 rows each", [&](Draws& d) {
    std::vector<TypeMean> types;
    for (const double p : {0.2, 0.5, 0.7, 0.9, 0.95}) {
      const double mean = d.accuracy(30, p);
      types.push_back({.mean = mean, .n_rows = 30, .row_sd = std::sqrt(mean * (1 - mean) * 30 / 29)});
    }
    const Interval interval = interval_over_types(types, {}, {0, 1});
    return interval.lower <= 0.65 && 0.65 <= interval.upper;
  });
}

/// How the tokens of a pair are told to the interval.
enum class PairTokens { kNone, kPerOperand, kShared };

/// Pairs (i, j) of `n` tokens with effects of i, of j and of the pair.
/// @param is_same  whether a token has the same effect in both operands.
/// @param share    of the pairs that are tested.
bool covers_pairs(Draws& d, int64_t n, double token_sd, bool is_same, PairTokens told, double share = 1) {
  std::vector<double> first, second;
  for (int64_t i = 0; i < n; ++i) {
    first.push_back(token_sd * d.normal());
    second.push_back(is_same ? first.back() : token_sd * d.normal());
  }
  std::vector<TypeMean> types;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      if (d.uniform() >= share) continue;
      TypeMean pair{.mean = first[static_cast<size_t>(i)] + second[static_cast<size_t>(j)] + 0.05 * d.normal()};
      if (told == PairTokens::kPerOperand) pair.tokens = {i, n + j};
      if (told == PairTokens::kShared) pair.tokens = {i, j};
      types.push_back(pair);
    }
  }
  const Interval interval = interval_over_types(types, {}, {-9, 9});
  return interval.lower <= 0 && 0 <= interval.upper;
}

void coverage_of_pairs() {
  heading("interval of a mean over pairs of tokens", "covers");
  for (const int64_t n : {8, 20, 57}) {
    const auto each = [&](std::string_view what, double token_sd, bool is_same, double share = 1) {
      for (const auto& [told, name] : {std::pair(PairTokens::kNone, "each pair on its own"),
                                       std::pair(PairTokens::kPerOperand, "tokens, told apart by operand"),
                                       std::pair(PairTokens::kShared, "tokens, the same in both operands")}) {
        row(
            fmt::format("{}, {} x {} tokens; {}", what, n, n, name),
            [&](Draws& d) { return covers_pairs(d, n, token_sd, is_same, told, share); }, 2'000);
      }
    };
    each("an effect per operand's token", 0.05, false);
    each("a token has the same effect in both operands", 0.05, true);
    each("no effects of tokens", 0, false);
    if (n == 57) each("an effect per operand's token, a fifth of the pairs tested", 0.05, false, 0.2);
  }
}

/// p(2 of n) with the cells of each pair of models as a family of their own: the largest, over
/// pairs, of the smaller p of the two.
std::vector<CountedP> replicated_by_pairs(const std::vector<std::vector<BesideNulls>>& models) {
  const size_t n_cells = models.front().size();
  std::vector<CountedP> p(n_cells, CountedP{.n_nulls = std::ssize(models.front().front().nulls)});
  for (size_t i = 0; i < models.size(); ++i) {
    for (size_t j = i + 1; j < models.size(); ++j) {
      std::vector<BesideNulls> both = models[i];
      both.insert(both.end(), models[j].begin(), models[j].end());
      const std::vector<CountedP> of_pair = max_t(both, kSmallestEffect);
      for (size_t c = 0; c < n_cells; ++c) {
        const int64_t least = std::min(of_pair[c].n_as_strong, of_pair[n_cells + c].n_as_strong);
        p[c].n_as_strong = std::max(p[c].n_as_strong, least);
      }
    }
  }
  return p;
}

/// @param has_effect  whether cell c has an effect in model i.
void replication_row(const std::string& what, int64_t n_models, int64_t u, int64_t n_cells,
                     const std::function<bool(int64_t i, int64_t c)>& has_effect) {
  for (const int64_t n_nulls : {19, 99}) {
    row(fmt::format("{}; {} cell(s), K = {}", what, n_cells, n_nulls), [&](Draws& d) {
      std::vector<std::vector<BesideNulls>> models;
      for (int64_t i = 0; i < n_models; ++i) {
        models.push_back(family_of(n_cells, n_nulls, [&](int64_t c, int64_t b) {
          return 0.02 * d.normal() + (b == 0 && has_effect(i, c) ? 0.2 : 0);
        }));
      }
      return any_significant(replicated(models, u, kSmallestEffect));
    });
  }
}

void replication() {
  heading("no cell has an effect in u of the n models", "any p(u of n) <= .05");
  for (const int64_t n_cells : {1, 24}) {
    replication_row("2 of 2; an effect in one model", 2, 2, n_cells, [](int64_t i, int64_t) { return i == 0; });
    replication_row("2 of 3; an effect in one model", 3, 2, n_cells, [](int64_t i, int64_t) { return i == 0; });
    replication_row("3 of 3; an effect in two models", 3, 3, n_cells, [](int64_t i, int64_t) { return i < 2; });
    replication_row("3 of 5; an effect in two models", 5, 3, n_cells, [](int64_t i, int64_t) { return i < 2; });
    replication_row("2 of 3; no effect", 3, 2, n_cells, [](int64_t, int64_t) { return false; });
  }
  replication_row("2 of 3; an effect in one model, another one for each cell", 3, 2, 24,
                  [](int64_t i, int64_t c) { return c % 3 == i; });
  for (const bool by_set : {false, true}) {
    row(by_set ? "the same, and maxT over each pair of models by itself"
               : "2 of 3; cell 1 has an effect in model 3, cell 2 in model 2; model 1 hardly varies; K = 19",
        [&](Draws& d) {
          std::vector<std::vector<BesideNulls>> models;
          for (int64_t i = 0; i < 3; ++i) {
            models.push_back(family_of(2, 19, [&](int64_t c, int64_t b) {
              return (i == 0 ? 1e-5 : 0.1) * d.normal() + (b == 0 && i == 2 - c ? 10 : 0);
            }));
          }
          return any_significant(by_set ? replicated_by_pairs(models) : replicated(models, 2, kSmallestEffect));
        });
  }
  heading("every model has the effect, in one cell", "p(2 of 3) <= .05");
  for (const int64_t n_nulls : {19, 99}) {
    for (const int64_t n_cells : {1, 24}) {
      const double effect =
          least_detectable({.n_types = 20, .n_nulls = n_nulls, .n_cells = n_cells, .type_sd = 0, .null_sd = 0.1})
              .by_p.value();
      row(fmt::format("power .8 in one model; {} cell(s), K = {}", n_cells, n_nulls), [&](Draws& d) {
        std::vector<std::vector<BesideNulls>> models;
        for (int i = 0; i < 3; ++i) {
          models.push_back(normal_family(d, n_cells, n_nulls, 0.1));
          models.back().front().value += effect;
        }
        return replicated(models, 2, kSmallestEffect).front().is_significant();
      });
    }
  }
}

}  // namespace
}  // namespace cprobe

int main() {
  cprobe::false_findings();
  cprobe::asked_of_some();
  cprobe::power();
  cprobe::coverage();
  cprobe::coverage_of_pairs();
  cprobe::replication();
}
