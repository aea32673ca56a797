#include "cprobe/report/finding_text.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "cprobe/core/error.h"
#include "cprobe/core/name_of.h"
#include "cprobe/evaluate/statistics.h"
#include "cprobe/report/phrases.h"

namespace cprobe {
namespace {

std::string percent(const Spread& share) {
  return share.sd ? fmt::format("{:.1f} ± {:.1f} %", 100 * share.mean, 100 * *share.sd)
                  : fmt::format("{:.1f} %", 100 * share.mean);
}

/// " in 2 of 3 repetitions"; empty for one cell.
std::string out_of(int64_t n, int64_t of) {
  return of == 1 ? std::string() : fmt::format(" in {} of {} repetitions", n, of);
}

/// What the search kept where that is no part of the component: "nothing in 1 of 3 repetitions,
/// everything in 2 of 3 repetitions".
std::string all_or_nothing(const ReportedFinding& f) {
  const int64_t n = f.n_cells();
  std::string text;
  if (f.n_empty > 0) text = fmt::format("nothing{}", out_of(f.n_empty, n));
  if (f.n_full > 0) text += fmt::format("{}everything{}", text.empty() ? "" : ", ", out_of(f.n_full, n));
  return text;
}

/// What a text calls the mask: "circuit" only if it is one in each run.
std::string_view noun_of(const ReportedSet& on) {
  return on.n_circuits() == std::ssize(on.answers) ? "circuit" : "mask";
}

/// "mean ± sd over 3 repetitions"; empty for one cell.
std::string over_repetitions(const ReportedFinding& f) {
  return f.n_cells() > 1 ? fmt::format("mean ± sd over {} repetitions", f.n_cells()) : std::string();
}

std::string raw_knn(const ReportedFinding& f) {
  const std::string repetitions = f.n_cells() > 1 ? ", " + over_repetitions(f)
                                  : f.knn.sd      ? ", mean ± sd over draws of exemplars"
                                                  : std::string();
  return fmt::format("raw kNN accuracy {}, whole component {}, n = {} tokens{}", text_of(f.knn), text_of(f.full),
                     f.n_tokens, repetitions);
}

/// The answer whether the variable is present, of one run. @param where  "what the mask writes at
/// the probed token".
std::string presence_answer(const ReportedFinding& f, const JudgedFinding& judged, const std::string& where) {
  const JudgedQuestion& present = judged.present;
  const std::string of_these = present.is_for_these_types_only ? ", for these types" : "";
  switch (present.answer) {
    case VerdictWord::kYes:
      if (has_weak_nulls(judged)) {
        return fmt::format("{} tells {} beyond chance{}, which is less than present: its null variables are {}", where,
                           f.title, of_these, judged.null_kind);
      }
      return fmt::format("{} is present in {}{}", f.title, where, of_these);
    case VerdictWord::kSmall:
      return fmt::format("{} is present in {} by little only{}", f.title, where, of_these);
    case VerdictWord::kNo:
      if (f.is_empty()) {
        return fmt::format("There is no sign of {} in {}: the search kept nothing, and an empty mask tells nothing",
                           f.title, where);
      }
      return fmt::format("There is no sign of {} in {}{}; this search finds at most {} above null variables", f.title,
                         where, of_these, number_text_of(present.upper.value_or(0)));
    case VerdictWord::kUndecided:
      return present.is_significant() ? fmt::format("{} is present in {}{}, by how much is undecided{}", f.title, where,
                                                    of_these, in_parentheses(present.to_decide))
                                      : fmt::format("Whether {} is present in {} is undecided{}{}", f.title, where,
                                                    of_these, in_parentheses(present.to_decide));
    case VerdictWord::kCannotTell:
      return fmt::format("Whether {} is present in {} cannot be told, as null variables leave no room{}", f.title,
                         where, in_parentheses(present.to_decide));
    case VerdictWord::kTooFewTypes:
      return fmt::format("Whether {} is present in {} cannot be tested with {} null variables, as it takes {}", f.title,
                         where, present.n_null, kLeastNulls);
    case VerdictWord::kNotDefined:
      return fmt::format("Whether {} is present in {} is not defined", f.title, where);
    default:
      return fmt::format("Whether {} is present in {} was not tested, as there are no null variables", f.title, where);
  }
}

/// The answer whether the variable was made here, of one run; empty if this was not asked.
std::string made_here_answer(const ReportedFinding& f, const ReportedSet& on) {
  const JudgedFinding& judged = on.answers.front().judged;
  const JudgedQuestion& made = judged.made_here;
  const std::string input = fmt::format("{:.3f}", judged.present.statistic.value_or(0) - made.statistic.value_or(0));
  const std::string p = p_words(on, &JudgedFinding::made_here, "above", "null variables");
  const std::string size = size_words(made);
  switch (made.answer) {
    case VerdictWord::kYes:
      return fmt::format(
          "{} is made explicit here{}: of all that the component reads, its input at {} tells most, {}{}.", f.title,
          has_weak_nulls(judged) ? ", beyond chance" : "", judged.received_from, input,
          in_parentheses(joined({number_or_dash(made.statistic) + " more is told here",
                                 joined({p, size.empty() ? "" : size + " above their mean"}, ", ")},
                                "; ")));
    case VerdictWord::kReceived:
      // The interval is that of the difference minus its nulls' mean.
      return fmt::format(
          "It was received, from {}: the better of two read-outs of the component's input there tells "
          "it {} ({}).",
          judged.received_from, made.upper && *made.upper + made.null_mean.value_or(0) < 0 ? "better" : "as well",
          input);
    case VerdictWord::kUndecided:
      return fmt::format("Whether it was made here or received, from {} ({}), is undecided{}.", judged.received_from,
                         input, in_parentheses(made.to_decide));
    default:
      return {};
  }
}

/// "null circuits 0.610 on average, 3 of 19 leave no more than this" (the last of one cell only);
/// empty without null circuits.
std::string null_circuits_words(const ReportedAblation& a) {
  if (!a.nulls) return {};
  std::string mean = fmt::format("null circuits {} on average", text_of({.mean = a.nulls->mean}));
  if (a.n_cells > 1) return mean;
  const auto n_as_harmful =
      std::ranges::count_if(a.null_draws, [&](double accuracy) { return accuracy <= a.ablated.mean + kTie; });
  return fmt::format("{}, {} of {} leave no more than this", mean, n_as_harmful, a.null_draws.size());
}

/// What ablated units see; empty for fill zero.
std::string_view fill_words(Fill fill) {
  return name_of(fill, {"", "deleted units see their mean input", "deleted units see a resampled input"});
}

/// "p of complement controls (not calibrated) 0.010"; the range of several.
std::string complement_p_words(const ReportedAblation& a) {
  if (a.complement_p.empty()) return {};
  const auto [least, most] = std::ranges::minmax(a.complement_p);
  const std::string first = p_number(least), last = p_number(most);
  return fmt::format("p of complement controls (not calibrated) {}",
                     first == last ? first : fmt::format("{} to {}", first, last));
}

/// "Deleting these weights takes accuracy on Test from 1.000 to 0.701; random sets of their size
/// leave 0.859 ± 0.030, null circuits 0.610 on average (...)."
std::string deletion_figures(const ReportedSet& on, const ReportedAblation& a) {
  std::string text = fmt::format("Deleting these weights takes accuracy on {} from {} to {}", on.data,
                                 text_of(a.untouched), text_of(a.ablated));
  const std::string nulls = null_circuits_words(a);
  if (a.random) {
    text +=
        fmt::format("; random sets of their size leave {}{}", text_of(*a.random), nulls.empty() ? "" : ", " + nulls);
  }
  const JudgedQuestion& first = on.answers.front().judged.weights_needed;
  std::vector<std::string> basis;
  const bool has_sets = a.n_random > 0;
  if (a.n_cells > 1) basis.push_back(fmt::format("mean ± sd over {} repetitions", a.n_cells));
  if (has_sets) {
    const bool is_sd_of_sets = a.n_cells == 1 && a.random && a.random->sd;
    basis.push_back(fmt::format("{}{} random sets", is_sd_of_sets ? "± sd of the " : "", a.n_random));
  }
  if (a.n_controlled > 0 && a.n_controlled < a.n_cells) {
    basis.push_back(fmt::format("in {} of the repetitions", a.n_controlled));
  }
  basis.push_back(p_words(on, &JudgedFinding::weights_needed, "more harm than", "random sets"));
  if (on.answers.size() == 1 && first.lower) basis.push_back(size_words(first) + " more harm than their mean");
  const std::string over_models = interval_over_models_words(on, &JudgedFinding::weights_needed);
  if (!over_models.empty()) basis.push_back(over_models + " more harm than their mean");
  basis.push_back(complement_p_words(a));
  const std::string of_types = first.n_types > 0 ? fmt::format(" of {} types", first.n_types) : std::string();
  basis.push_back(fmt::format("n = {} rows{}", a.n_rows, of_types));
  basis.emplace_back(fill_words(a.fill));
  basis.insert(basis.end(), a.notes.begin(), a.notes.end());
  return fmt::format("{}{}.", text, in_parentheses(joined(basis, "; ")));
}

/// The answer whether the behaviour needs the weights, of one run.
std::string deletion_answer(const JudgedFinding& judged, const ReportedAblation& a) {
  const JudgedQuestion& needed = judged.weights_needed;
  const std::string of_these = needed.is_for_these_types_only ? ", for these types" : "";
  switch (needed.answer) {
    case VerdictWord::kYes:
      return fmt::format("The behaviour needs these weights more than random sets of their size{}.", of_these);
    case VerdictWord::kSmall:
      return fmt::format("The behaviour needs these weights more than random sets of their size, but by little{}.",
                         of_these);
    case VerdictWord::kNo:
      return fmt::format("There is no sign that the behaviour needs these weights more than random sets{}.", of_these);
    case VerdictWord::kUndecided:
      return fmt::format(
          "{}{}.",
          needed.is_significant()
              ? "The behaviour needs these weights more than random sets of their size; by how much is undecided"
              : "Whether the behaviour needs these weights more than random sets is undecided",
          in_parentheses(needed.to_decide));
    case VerdictWord::kCannotTell:
      return fmt::format(
          "Whether the behaviour needs these weights cannot be told: random sets of that size leave {} and deleting "
          "the "
          "whole component leaves {}, too little less to measure them by.",
          a.random ? text_of(*a.random) : "-", a.component ? text_of(*a.component) : "-");
    case VerdictWord::kTooFewTypes:
      return fmt::format("{} random sets are too few to tell whether the behaviour needs these weights: it takes {}.",
                         a.n_random, kLeastNulls);
    case VerdictWord::kNotDefined:
      return "Whether the behaviour needs a part of the weights is not defined: the mask is empty or takes all.";
    default:
      return "Whether the behaviour needs these weights was not tested.";
  }
}

/// "With only these weights of the component left, accuracy on Test is 0.950; only random sets of
/// their size leave 0.300 ± 0.050, nothing of the component 0.010 (...)."
std::string sufficiency_figures(const ReportedSet& on, const ReportedAblation& a) {
  std::string text = fmt::format("With only these weights of the component left, accuracy on {} is {}", on.data,
                                 a.complement ? text_of(*a.complement) : "-");
  if (a.only_random) text += fmt::format("; with only random sets of their size {}", text_of(*a.only_random));
  if (a.component) text += fmt::format("; with nothing of it {}", text_of(*a.component));
  const JudgedQuestion& first = on.answers.front().judged.sufficient;
  const std::string size = on.answers.size() == 1 ? size_words(first) : std::string();
  const bool is_sd_of_sets = a.n_cells == 1 && a.only_random && a.only_random->sd;
  return fmt::format("{}{}.", text,
                     in_parentheses(joined({a.n_cells > 1   ? fmt::format("mean ± sd over {} repetitions", a.n_cells)
                                            : is_sd_of_sets ? "± sd of the random sets"
                                                            : std::string(),
                                            p_words(on, &JudgedFinding::sufficient, "above", "random sets"),
                                            size.empty() ? "" : size + " more than their mean"},
                                           "; ")));
}

/// The answer whether the weights suffice, of one run.
std::string sufficiency_answer(const JudgedFinding& judged) {
  const JudgedQuestion& asked = judged.sufficient;
  const std::string of_these = asked.is_for_these_types_only ? ", for these types" : "";
  switch (asked.answer) {
    case VerdictWord::kYes:
      return fmt::format("These weights suffice, more than random sets of their size{}.", of_these);
    case VerdictWord::kPartly:
      return fmt::format(
          "These weights suffice in part: they keep {} of what the whole component adds, more than random sets of "
          "their size{}.",
          number_or_dash(judged.kept_share), of_these);
    case VerdictWord::kSmall:
      return fmt::format("These weights suffice more than random sets of their size, but by little{}.", of_these);
    case VerdictWord::kNo:
      return fmt::format("There is no sign that these weights suffice more than random sets of their size{}.",
                         of_these);
    case VerdictWord::kUndecided:
      return fmt::format("{}{}.",
                         asked.is_significant()
                             ? "These weights suffice more than random sets of their size; by how much is undecided"
                             : "Whether these weights suffice more than random sets of their size is undecided",
                         in_parentheses(asked.to_decide));
    case VerdictWord::kCannotTell:
      return "Whether these weights suffice cannot be told: random sets of that size keep as much.";
    case VerdictWord::kTooFewTypes:
      return fmt::format("{} random sets are too few to tell whether these weights suffice: it takes {}.", asked.n_null,
                         kLeastNulls);
    case VerdictWord::kNotDefined:
      return "Whether a part of the weights suffices is not defined: the mask is empty or takes all, or the behaviour "
             "does without the component.";
    default:
      return "Whether these weights suffice was not tested.";
  }
}

/// What a yes to "through this component?" says and does not say, of one run.
std::string component_qualifier(const ReportedFinding& f, const JudgedFinding& judged) {
  const VerdictWord answer = judged.through_component.answer;
  if (answer == VerdictWord::kPartly)
    return fmt::format("; something that goes with {}, not {} alone", f.title, f.title);
  if (answer != VerdictWord::kYes) return {};
  if (is_only_route(judged)) {
    return fmt::format(
        ": donors of null variables move {} of the answers, its own {}, so this is no evidence for this component",
        number_or_dash(judged.null_moved), number_or_dash(judged.moved));
  }
  return judged.keep_halves.value_or(0) >= kMostRows
             ? fmt::format("; it is carried as {}", f.title)
             : fmt::format("; it is carried as something of which {} is a function", f.title);
}

/// What a yes to "through these units?" says, of one run.
std::string units_qualifier(const ReportedFinding& f, const JudgedFinding& judged) {
  if (judged.through_units.answer != VerdictWord::kYes) return {};
  return are_chosen_units(judged) ? fmt::format("; the units are chosen by {}", f.title)
                                  : fmt::format(", not shown to be chosen by {}", f.title);
}

/// "; null circuits 0.300 on average (p = 0.050, at least 0.640 below)", of one run; empty without
/// a p.
std::string beside_null_circuits(const JudgedQuestion& chosen) {
  if (!chosen.shown_p_adjusted() || !chosen.null_mean) return {};
  const std::string size = size_words(chosen);
  return fmt::format("; null circuits {} on average (p = {}{})", number_text_of(*chosen.null_mean),
                     p_number(*chosen.shown_p_adjusted()), size.empty() ? "" : ", " + size + " below");
}

/// What the donors are and what they do, in the words of the data. Empty where donors differ in
/// tokens at known positions.
std::string donors_text(const ReportedFinding& f, const ReportedSet& on) {
  const JudgedFinding& first = on.answers.front().judged;
  const std::string keep = share_of_each(on, &JudgedFinding::keep), moved = share_of_each(on, &JudgedFinding::moved);
  switch (first.donors.value_or(DonorKind::kTokens)) {
    case DonorKind::kTokens:
      return {};
    case DonorKind::kWords:
      return fmt::format(
          " With {} exchanged for another of the same {}, {} of the answers stay; for one of another {}, {} of the "
          "answers that differ become the donor's.",
          first.types, f.title, keep, f.title, moved);
    case DonorKind::kForms:
      return fmt::format(
          " With {} exchanged for another of the same {}, {} of the answers stay; for the form of another {} in the "
          "same block, {} of the answers that differ become the donor's.",
          first.types, f.title, keep, f.title, moved);
    case DonorKind::kRows:
      break;
  }
  return fmt::format(
      " No words could be exchanged, so donors are other rows of the same length: they differ in more than {}.",
      first.types == "each row" ? f.title : first.types);
}

}  // namespace

std::string mask_text(const ReportedFinding& f, const ReportedSet& on) {
  const int64_t n = f.n_cells(), n_parts = n - f.n_empty - f.n_full;
  if (n_parts == 0) {
    return fmt::format("The search for {} in {} kept {}.", f.title, f.component(), all_or_nothing(f));
  }
  if (n_parts < n) {
    return fmt::format("A mask: the search for {} in {} kept a part{}, {} (of the weights, {}: {}).", f.title,
                       f.component(), out_of(n_parts, n), all_or_nothing(f), over_repetitions(f), percent(f.share));
  }
  const int64_t n_circuits = on.n_circuits(), n_runs = std::ssize(on.answers);
  const std::string where = n_circuits > 0 && n_circuits < n_runs
                                ? fmt::format(", a circuit in {} of {} {}s", n_circuits, n_runs, f.run_noun)
                                : "";
  return fmt::format("A {} of {} of the weights{} of {}{}.", noun_of(on), percent(f.share),
                     in_parentheses(over_repetitions(f)), f.component(), where);
}

std::string presence_text(const ReportedFinding& f, const ReportedSet& on) {
  const std::string token = f.position.is_last() ? "the probed token" : phrase_of(f.position);
  const std::string what = f.is_full() ? std::string("component") : std::string(noun_of(on));
  const std::string where = fmt::format("what the {} writes at {}", what, token);
  const std::string figures = on.presence ? presence_figures(on) : raw_knn(f);
  if (on.answers.size() == 1) {
    const JudgedFinding& judged = on.answers.front().judged;
    std::string answer = presence_answer(f, judged, where);
    if (answer.starts_with("what")) answer.front() = 'W';
    return joined({fmt::format("{}: {}.", answer, figures), made_here_answer(f, on)}, " ");
  }
  std::string text = fmt::format("Is {} present in {}? {}: {}.", f.title, where,
                                 answers_text(f, on, &JudgedFinding::present), figures);
  if (is_present_somewhere(on)) {
    text += fmt::format(
        " Made here? {}{}.", answers_text(f, on, &JudgedFinding::made_here),
        in_parentheses(on.presence ? fmt::format("its input tells most at {}, {}, mean ± sd over {}s",
                                                 on.presence->input_position, text_of(on.presence->input), f.run_noun)
                                   : ""));
  }
  return text;
}

std::string deletion_text(const ReportedFinding& f, const ReportedSet& on) {
  if (f.is_empty()) return {};
  if (!on.ablation) return fmt::format("These weights were not deleted on {}.", on.data);
  const std::string figures = deletion_figures(on, *on.ablation);
  if (on.answers.size() == 1) {
    return fmt::format("{} {}", figures, deletion_answer(on.answers.front().judged, *on.ablation));
  }
  return fmt::format("{} Does the behaviour need these weights more than random sets? {}.", figures,
                     answers_text(f, on, &JudgedFinding::weights_needed));
}

std::string sufficiency_text(const ReportedFinding& f, const ReportedSet& on) {
  if (f.is_empty() || !on.asks_sufficiency() || !on.ablation) return {};
  const std::string figures = on.ablation->only_random ? sufficiency_figures(on, *on.ablation) : std::string();
  if (on.answers.size() == 1) return joined({figures, sufficiency_answer(on.answers.front().judged)}, " ");
  return joined({figures, fmt::format("Do these weights suffice, more than random sets? {}.",
                                      answers_text(f, on, &JudgedFinding::sufficient))},
                " ");
}

std::string exchange_text(const ReportedFinding& f, const ReportedSet& on) {
  if (!on.is_asked(&JudgedFinding::through_component)) return {};
  const bool is_one = on.answers.size() == 1;
  const JudgedFinding& first = on.answers.front().judged;
  std::string text = fmt::format(
      "Does {} reach the behaviour through this component? {}{} (exchange: accuracy with donors of the same value "
      "minus that with donors of another {}; with donors of the same value {} of the answers stay).",
      f.title, answers_text(f, on, &JudgedFinding::through_component),
      is_one ? component_qualifier(f, first) : std::string(),
      beside_nulls(on, &JudgedFinding::through_component, "null variables"), share_of_each(on, &JudgedFinding::keep));
  text += donors_text(f, on);
  if (!on.is_asked(&JudgedFinding::through_units)) return text;
  return text + fmt::format(
                    " Through these units? {}{} (they carry {} of what the whole component moves, its other units {}; "
                    "the difference is {}{}).",
                    answers_text(f, on, &JudgedFinding::through_units),
                    is_one ? units_qualifier(f, first) : std::string(), share_of_each(on, &JudgedFinding::carried),
                    share_of_each(on, &JudgedFinding::left),
                    beside_nulls(on, &JudgedFinding::through_units, "random sets"),
                    is_one ? beside_null_circuits(first.chosen_units) : std::string());
}

}  // namespace cprobe
