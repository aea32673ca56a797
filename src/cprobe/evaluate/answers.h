/// The word that a verdict gives in answer to a question, and the rules behind each word.
/// docs/statistics.md says what each word does not say.
#pragma once

#include <limits>
#include <string>
#include <string_view>

#include "cprobe/evaluate/inference.h"
#include "cprobe/evaluate/intervals.h"

namespace cprobe {

/// "small" and "no" differ in p: an effect that is there but small, and none that was found.
enum class VerdictWord {
  kYes,          ///< Significant, and at least as large as the smallest effect of interest.
  kReceived,     ///< Present, but no more explicit than in what the component reads.
  kPartly,       ///< Yes, but for too small a share of the rows.
  kSmall,        ///< Significant, and smaller than the smallest effect of interest.
  kNo,           ///< Not significant, and at most a small effect.
  kUndecided,    ///< The data allow both a small and a larger effect.
  kCannotTell,   ///< The nulls leave no room for an effect.
  kTooFewTypes,  ///< With so few nulls, no p could be significant.
  kNotDefined,   ///< The question has no meaning here; the caller decides.
  kNotTested,    ///< No nulls were computed, or the question was not asked.
};
/// "yes", "received", "partly", "small", "no", "undecided", "cannot tell", "too few types", "not
/// defined", "not tested".
std::string_view to_string(VerdictWord word);

/// What is known of one effect: p adjusted for its family, and the interval of the statistic minus
/// the mean of its nulls.
struct TestedEffect {
  CountedP p;
  Interval interval;
};

/// The general rule. Of these, the first that holds:
///   - no nulls: `kNotTested`;
///   - fewer than 19 nulls: `kTooFewTypes`;
///   - room <= smallest_effect: `kCannotTell`;
///   - p <= .05: `kYes` if lower >= smallest_effect, `kSmall` if upper < smallest_effect;
///   - p > .05: `kNo` if upper < smallest_effect;
///   - otherwise `kUndecided`.
/// @param room  how far the statistic could at most lie above the mean of its nulls: for deletion
///              the mean accuracy with random sets ablated minus the lowest possible accuracy.
VerdictWord verdict_on(const TestedEffect& effect, double smallest_effect,
                       double room = std::numeric_limits<double>::infinity());

/// "Was V made here?", to be asked where V is present, with `difference` the effect of D = T -
/// T_input. The interval of `difference` is that of D minus the mean D of its nulls; moved by that
/// mean, it is one of D itself. Of these, the first that holds:
///   - fewer than 19 nulls: as `verdict_on`;
///   - upper of D < smallest_effect: `kReceived`, whatever the nulls lose on the way;
///   - p <= .05, and both lower ends >= smallest_effect: `kYes`;
///   - otherwise `kUndecided`.
/// @param null_mean  mean D of the nulls.
VerdictWord made_here(const TestedEffect& difference, double null_mean, double smallest_effect);

/// The least share of rows for an unreserved "yes" to a question about exchange.
inline constexpr double kMostRows = 0.9;

/// Turns `kYes` into `kPartly` if `share` < 0.9; leaves other words as they are. For "through this
/// component" the share is `keep`, for "through these units" it is `carried`.
VerdictWord for_share_of_rows(VerdictWord word, double share);

/// The word with what belongs to it, to be printed in every place alike:
///   - "yes, for these types" where the interval is not for other types;
///   - "no: this search finds at most 0.031" (the upper end of the interval);
///   - "undecided: present, size undecided" if p <= .05.
/// @param at_most  what a "no" says before its number.
std::string verdict_words(VerdictWord word, const TestedEffect& effect,
                          std::string_view at_most = "this search finds at most");

/// What would decide an effect that is undecided:
///   - "about 80 types would decide" (types_to_decide);
///   - "more types would decide" where the interval is for these types only;
///   - "too near to 0.05 for more types to decide";
///   - "more nulls would decide" where the size is known and p alone is in the way;
///   - "8 of 19 nulls do as well" where more of them would not make p small either: the 95 % lower
///     bound of their share is above .05.
/// Empty if the interval is over no types, or lies below smallest_effect: nothing would then.
std::string what_would_decide(const TestedEffect& effect, double smallest_effect);

}  // namespace cprobe
