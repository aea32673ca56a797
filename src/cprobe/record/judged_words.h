#pragma once

#include <array>
#include <string>
#include <string_view>

#include "cprobe/record/judged.h"

namespace cprobe {

/// A question of a finding: `&JudgedFinding::present`, `made_here`, `weights_needed`, `sufficient`,
/// `through_component` or `through_units`.
using Question = JudgedQuestion JudgedFinding::*;

/// A question in words, in the order in which a reader asks.
struct QuestionInWords {
  Question question;
  std::string_view name;  ///< As in tables: "present".
  std::string_view text;  ///< "Is the variable present in what the mask writes?"
};
inline constexpr std::array kQuestions = {
    QuestionInWords{&JudgedFinding::present, "present", "Is the variable present in what the mask writes?"},
    QuestionInWords{&JudgedFinding::made_here, "made here", "Was it made in this component, or received?"},
    QuestionInWords{&JudgedFinding::weights_needed, "needed",
                    "Does the behaviour need these weights more than random ones?"},
    QuestionInWords{&JudgedFinding::sufficient, "sufficient", "Do these weights of the component suffice?"},
    QuestionInWords{&JudgedFinding::through_component, "through component",
                    "Does it reach the behaviour through this component?"},
    QuestionInWords{&JudgedFinding::through_units, "through units", "Does it reach it through these units?"}};

/// Whether the null variables are less like the variable than renamed tokens would make them, so
/// that a yes means "beyond chance" only. Their values are shuffled over rows, or over types of
/// several parts.
bool has_weak_nulls(const JudgedFinding& finding);

/// The answer for columns and chips: the name of its VerdictWord, except for
///   - "beyond chance": a yes beside null variables where `has_weak_nulls`;
///   - "too few random sets": too few nulls where has_random_sets;
///   - "yes, but the only route": a yes to `through_component` where `is_only_route`;
///   - "yes, units that carry the token": a yes to `through_units` without `are_chosen_units`.
std::string answer_word(const JudgedFinding& finding, Question question);

/// The same with what belongs to the answer, such as "no: this search finds at most 0.031"
/// (verdict_words).
std::string answer_words(const JudgedFinding& finding, Question question);

/// A yes without any reserve: in no other word than "yes", and not for the types seen only.
bool is_plain_yes(const JudgedFinding& finding, Question question);

/// Whether the component is the only route from the type's tokens to the answer: exchanged as a
/// whole it gives the donor's answer in nine of ten rows or more, for null variables as often as
/// for the variable, within a tenth. A yes to `through_component` is then no evidence for this
/// component.
bool is_only_route(const JudgedFinding& finding);

/// Whether the units through which the variable reaches the behaviour are chosen by the variable,
/// more than the units of null circuits: a yes to `chosen_units`.
bool are_chosen_units(const JudgedFinding& finding);

/// Whether the variable is present in what the mask writes: the answer is yes, or "present, size
/// undecided". Beyond chance is not present.
bool is_present(const JudgedFinding& finding);

/// "p <= .05 is adjusted for a run's findings about one question and data set (maxT), and an effect
/// counts from 0.05 on".
std::string rules_words(const JudgeOptions& options);

/// A line for a table of findings: rules that are not the defaults and, if Holm's method leaves a
/// question without a p that could be significant, how many nulls it takes. Empty with the
/// defaults.
std::string rules_note(const std::vector<JudgedFinding>& findings, const JudgeOptions& options);

}  // namespace cprobe
