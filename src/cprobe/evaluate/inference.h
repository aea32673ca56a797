/// p-values by comparison with nulls: of one statistic, adjusted for several, and over several
/// models. docs/statistics.md says what each p means, what it assumes, and where it comes from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace cprobe {

/// Two values of a statistic count as equal if they differ by no more than this.
inline constexpr double kTie = 1e-9;
/// p is significant up to 1 / kSignificance = .05.
inline constexpr int64_t kSignificance = 20;
/// With fewer nulls than this, no p can be significant.
inline constexpr int64_t kLeastNulls = kSignificance - 1;
/// With fewer nulls than this, q (`benjamini_hochberg`) is not worth printing.
inline constexpr int64_t kLeastNullsOfQ = 99;

/// A statistic of one cell (such as the kNN accuracy of a circuit), and the same statistic of each
/// null (null variable, null circuit or random set). Larger values are stronger; negate a statistic
/// whose smaller values are stronger.
struct BesideNulls {
  double value = 0;
  /// Null b of every cell of a family comes from the same permutation b, or all draws of all cells
  /// are independent.
  std::vector<double> nulls;

  friend bool operator==(const BesideNulls&, const BesideNulls&) = default;
};

/// A p-value as the two counts that make it, so that it is compared exactly:
///
///     p = (1 + n_as_strong) / (1 + n_nulls)
///
/// The real value counts as one more null (Phipson & Smyth 2010), so p is never 0.
struct CountedP {
  /// Nulls at least as strong as the real value. Ties count. Of a p adjusted by Holm's method, one
  /// less than a multiple of 1 + this number.
  int64_t n_as_strong = 0;
  int64_t n_nulls = 0;  ///< With 0 nulls, p is 1.

  double p() const { return static_cast<double>(1 + n_as_strong) / static_cast<double>(1 + n_nulls); }
  /// p <= .05, compared in integers.
  bool is_significant() const { return kSignificance * (1 + n_as_strong) <= 1 + n_nulls; }

  friend bool operator==(const CountedP&, const CountedP&) = default;
};

/// The p of one statistic, not adjusted for others.
/// @throws Error (kFailed) if a value is NaN or infinite.
CountedP p_of(const BesideNulls& cell);

/// The mean over seeds of masks in one model: null b is the mean over seeds of null b.
/// @param seeds  at least one; all with the same number of nulls.
/// @throws Error (kFailed) if not, or if a value is NaN or infinite.
BesideNulls mean_over_seeds(std::span<const BesideNulls> seeds);

/// p of every cell of a family, adjusted by the single-step maxT method (Westfall & Young 1993).
/// The chance that any cell without an effect gets p <= .05 is at most .05, however the cells
/// depend on each other. With K nulls the least p is 1 / (1 + K) for any number of cells.
///
/// With T_c0 the value of cell c, T_cb its null b, and s0 = smallest_effect / 2:
///
///     Z_cb   = (T_cb - mean_c) / sqrt(sd_c^2 + s0^2)    mean, sd (n - 1) over b = 0..K
///     M_b    = max over c of Z_cb
///     p_c    = (1 + #{b >= 1: M_b >= Z_c0}) / (1 + K)
///
/// The mean and sd include the real value, so that real and null values are treated alike; this
/// makes p exact for any distribution of T. s0 keeps a cell whose nulls hardly vary from
/// dominating the maximum (as in Tusher et al. 2001). A cell whose values are all equal has Z = 0.
///
/// @param family  may be empty. Of cells with different K, the first (smallest K) nulls are used,
///                so leave out cells that have none.
/// @param smallest_effect  in units of T, at least 0.
/// @return        in the order of `family`.
/// @throws Error (kFailed) if a value is NaN or infinite, or smallest_effect is below 0.
std::vector<CountedP> max_t(std::span<const BesideNulls> family, double smallest_effect);

/// p of every cell of a family, adjusted by Holm's (1979) step-down method. The chance that any
/// cell without an effect gets p <= .05 is at most .05, however the cells depend on each other. The
/// least p of m cells is m / (1 + K), so a significant one takes 20 m - 1 nulls.
///
/// With the m unadjusted p sorted as p_1 <= ... <= p_m:
///
///     adjusted p_i = max over j <= i of (m - j + 1) p_j, at most 1
///
/// Compared and multiplied as whole numbers. @param family  may be empty. Cells may have different
/// K; a cell gets the K of the p that its maximum came from.
/// @return        in the order of `family`.
/// @throws Error (kFailed) if a value is NaN or infinite.
std::vector<CountedP> holm(std::span<const BesideNulls> family);

/// How p-values of a family are adjusted: `max_t` or `holm`.
enum class Correction { kMaxT, kHolm };
std::string_view to_string(Correction correction);  ///< "maxT", "holm".

/// By what rules figures are judged. No figure depends on them, so they are no part of a cell's
/// identity.
struct JudgeOptions {
  double smallest_effect = 0.05;  ///< The smallest effect of interest, in accuracy, in (0, 1).
  Correction correction = Correction::kMaxT;

  friend bool operator==(const JudgeOptions&, const JudgeOptions&) = default;
};

/// p of every cell of a family, adjusted as the options say. As `max_t`, or as `holm`.
std::vector<CountedP> adjusted(std::span<const BesideNulls> family, const JudgeOptions& options);

/// For each cell, p of the null hypothesis that fewer than u = n_with_effect of the n models have
/// an effect (partial conjunction; Friston et al. 2005, Benjamini & Heller 2008). Under it some n -
/// u + 1 models have none, so p is the largest, over all sets of n - u + 1 models, of the adjusted
/// p of the set's strongest cell, with all cells of all models as one family. That is the u-th
/// smallest of the models' p. The chance that any cell gets p <= .05 without an effect in u models
/// is at most .05.
///
/// @param models  models[i][c] is cell c in model i. All have the same cells. Null b comes from the
///                same permutation in all models.
/// @param n_with_effect  in [1, number of models]. `most_of` gives the default.
/// @return        a p per cell.
/// @throws Error (kFailed) if the cells differ in number, an argument is out of range, or a value
///                is NaN or infinite.
std::vector<CountedP> replicated(std::span<const std::vector<BesideNulls>> models, int64_t n_with_effect,
                                 const JudgeOptions& options);
/// The same, adjusted by `max_t`.
std::vector<CountedP> replicated(std::span<const std::vector<BesideNulls>> models, int64_t n_with_effect,
                                 double smallest_effect);

/// The smallest majority: 2 of 2, 2 of 3, 3 of 4, 3 of 5.
constexpr int64_t most_of(int64_t n_models) {
  return n_models / 2 + 1;
}

/// q-values (Benjamini & Hochberg 1995). Of the cells with q <= x, on average at most a share x has
/// no effect, if the p-values are independent or positively dependent. With the m p-values sorted
/// as p_1 <= ... <= p_m:
///
///     q_i = min over j >= i of m p_j / j, at most 1
///
/// @param p_values  unadjusted, in (0, 1]; may be empty.
/// @return          in the order given.
/// @throws Error (kFailed) if a p is outside (0, 1].
std::vector<double> benjamini_hochberg(const std::vector<double>& p_values);

/// @param what  names the values in the message, such as "a statistic".
/// @throws Error (kFailed) if a value is NaN or infinite.
void require_finite(std::span<const double> values, std::string_view what);

}  // namespace cprobe
