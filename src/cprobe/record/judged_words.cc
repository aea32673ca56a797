#include "cprobe/record/judged_words.h"

#include "cprobe/data/null_variables.h"
#include "cprobe/evaluate/power.h"

namespace cprobe {
namespace {

constexpr std::string_view kBeyondChance = "beyond chance";

/// The word that stands in place of the name of the answer; empty if there is none.
std::string_view word_instead(const JudgedFinding& finding, Question question) {
  const VerdictWord answer = (finding.*question).answer;
  if (answer == VerdictWord::kYes && !has_random_sets(question) && has_weak_nulls(finding)) return kBeyondChance;
  if (answer == VerdictWord::kTooFewTypes && has_random_sets(question)) return "too few random sets";
  if (answer != VerdictWord::kYes) return {};
  if (question == &JudgedFinding::through_component && is_only_route(finding)) return "yes, but the only route";
  if (question == &JudgedFinding::through_units && !are_chosen_units(finding)) return "yes, units that carry the token";
  return {};
}

}  // namespace

bool has_weak_nulls(const JudgedFinding& finding) {
  // Shuffled over types of one part, values are those of a renamed variable.
  const bool has_several_parts = finding.types.find(" and ") != std::string::npos;
  return finding.null_kind == to_string(NullKind::kShuffledRows) ||
         (finding.null_kind == to_string(NullKind::kShuffledTypes) && has_several_parts);
}

std::string answer_word(const JudgedFinding& finding, Question question) {
  const std::string_view instead = word_instead(finding, question);
  return std::string(instead.empty() ? to_string((finding.*question).answer) : instead);
}

std::string answer_words(const JudgedFinding& finding, Question question) {
  const JudgedQuestion& asked = finding.*question;
  const std::string_view name = to_string(asked.answer), instead = word_instead(finding, question);
  std::string words = asked.words.empty() ? std::string(name) : asked.words;
  if (!instead.empty() && words.starts_with(name)) words.replace(0, name.size(), instead);
  return words;
}

bool is_plain_yes(const JudgedFinding& finding, Question question) {
  const JudgedQuestion& asked = finding.*question;
  return asked.answer == VerdictWord::kYes && !asked.is_for_these_types_only && word_instead(finding, question).empty();
}

bool is_only_route(const JudgedFinding& finding) {
  return finding.null_moved && finding.moved && *finding.null_moved >= kMostRows &&
         *finding.null_moved >= kMostRows * *finding.moved;
}

bool are_chosen_units(const JudgedFinding& finding) {
  return finding.chosen_units.answer == VerdictWord::kYes;
}

bool is_present(const JudgedFinding& finding) {
  const JudgedQuestion& present = finding.present;
  return present.is_significant() && !has_weak_nulls(finding) &&
         (present.answer == VerdictWord::kYes || present.answer == VerdictWord::kUndecided);
}

std::string rules_words(const JudgeOptions& options) {
  return fmt::format(
      "p <= .05 is adjusted for a run's findings about one question and data set ({}), and an effect "
      "counts from {} on",
      options.correction == Correction::kHolm ? "Holm's method" : to_string(options.correction),
      options.smallest_effect);
}

std::string rules_note(const std::vector<JudgedFinding>& findings, const JudgeOptions& options) {
  if (options == JudgeOptions()) return {};
  std::string note = rules_words(options) + ".";
  // The question that lacks most.
  int64_t n_findings = 0, n_nulls = 0, most_lacking = 0;
  for (const JudgedFinding& finding : findings) {
    for (const Question question : {&JudgedFinding::present, &JudgedFinding::weights_needed,
                                    &JudgedFinding::through_component, &JudgedFinding::through_units}) {
      const JudgedQuestion& asked = finding.*question;
      if (asked.n_findings == 0) continue;
      const int64_t lacking = least_nulls(asked.n_findings, options.correction) - asked.n_null;
      if (lacking <= most_lacking) continue;
      most_lacking = lacking;
      n_findings = asked.n_findings;
      n_nulls = asked.n_null;
    }
  }
  if (most_lacking > 0) {
    note += fmt::format(" With {} findings that takes {} nulls: with {}, no p can be .05 or less.", n_findings,
                        least_nulls(n_findings, options.correction), n_nulls);
  }
  return note + "\n";
}

}  // namespace cprobe
