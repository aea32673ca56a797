#include "cprobe/evaluate/answers.h"

#include <fmt/format.h>

#include "cprobe/core/name_of.h"
#include "cprobe/evaluate/power.h"

namespace cprobe {
namespace {

/// Whether the word says something about the effect's size, which the interval bounds.
bool is_about_size(VerdictWord word) {
  switch (word) {
    case VerdictWord::kYes:
    case VerdictWord::kReceived:
    case VerdictWord::kPartly:
    case VerdictWord::kSmall:
    case VerdictWord::kNo:
    case VerdictWord::kUndecided:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::string_view to_string(VerdictWord word) {
  return name_of(word, {"yes", "received", "partly", "small", "no", "undecided", "cannot tell", "too few types",
                        "not defined", "not tested"});
}

VerdictWord verdict_on(const TestedEffect& effect, double smallest_effect, double room) {
  const Interval& interval = effect.interval;
  if (effect.p.n_nulls == 0) return VerdictWord::kNotTested;
  if (effect.p.n_nulls < kLeastNulls) return VerdictWord::kTooFewTypes;
  if (room <= smallest_effect) return VerdictWord::kCannotTell;
  const bool is_significant = effect.p.is_significant();
  if (interval.upper < smallest_effect) return is_significant ? VerdictWord::kSmall : VerdictWord::kNo;
  return is_significant && interval.lower >= smallest_effect ? VerdictWord::kYes : VerdictWord::kUndecided;
}

VerdictWord made_here(const TestedEffect& difference, double null_mean, double smallest_effect) {
  const VerdictWord word = verdict_on(difference, smallest_effect);
  if (difference.p.n_nulls < kLeastNulls) return word;
  if (difference.interval.upper + null_mean < smallest_effect) return VerdictWord::kReceived;
  const bool is_more_itself = difference.interval.lower + null_mean >= smallest_effect;
  return word == VerdictWord::kYes && is_more_itself ? word : VerdictWord::kUndecided;
}

VerdictWord for_share_of_rows(VerdictWord word, double share) {
  return word == VerdictWord::kYes && share < kMostRows ? VerdictWord::kPartly : word;
}

std::string verdict_words(VerdictWord word, const TestedEffect& effect, std::string_view at_most) {
  std::string words(to_string(word));
  if (word == VerdictWord::kNo) words += fmt::format(": {} {:.3f}", at_most, effect.interval.upper);
  if (word == VerdictWord::kUndecided && effect.p.is_significant()) words += ": present, size undecided";
  return is_about_size(word) && effect.interval.is_for_these_types_only ? words + ", for these types" : words;
}

std::string what_would_decide(const TestedEffect& effect, double smallest_effect) {
  const Interval& interval = effect.interval;
  if (interval.n_types == 0 || interval.upper < smallest_effect) return {};
  if (interval.is_for_these_types_only) return "more types would decide";
  if (interval.lower >= smallest_effect) {
    // Unless nulls as strong are too many for a p of .05.
    const int64_t n_nulls = std::max<int64_t>(effect.p.n_nulls, 1), n = std::min(effect.p.n_as_strong, n_nulls);
    if (clopper_pearson(n, n_nulls).lower * kSignificance <= 1) return "more nulls would decide";
    return fmt::format("{} of {} nulls do as well", n, n_nulls);
  }
  const std::optional<int64_t> n_types = types_to_decide(interval, smallest_effect);
  return n_types ? fmt::format("about {} types would tell whether it is {} or more", *n_types, smallest_effect)
                 : fmt::format("too near to {} for more types to decide", smallest_effect);
}

}  // namespace cprobe
