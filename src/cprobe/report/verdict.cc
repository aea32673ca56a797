#include "cprobe/report/verdict.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>

#include "cprobe/core/error.h"
#include "cprobe/core/name_of.h"
#include "cprobe/evaluate/statistics.h"

namespace cprobe {
namespace {

constexpr size_t kMostNames = 6;  ///< More components than this are counted, not named.

std::string text_of(const Spread& figure) {
  return figure_text(figure.mean, figure.sd);
}

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

/// A figure of each run: "0.981"; "0.981, 0.975, -".
std::string of_each(const ReportedSet& on, const std::function<std::string(const JudgedFinding&)>& figure) {
  std::vector<std::string> figures;
  for (const AnswersOfRun& of : on.answers) figures.push_back(figure(of.judged));
  return fmt::format("{}", fmt::join(figures, ", "));
}

/// Three decimals, without a sign before zeros.
std::string number_text_of(double number) {
  const std::string text = fmt::format("{:.3f}", number);
  return text == "-0.000" ? "0.000" : text;
}

std::string number_or_dash(const std::optional<double>& number) {
  return number && std::isfinite(*number) ? number_text_of(*number) : "-";
}

/// "p = 0.050 adjusted for 8 findings"; "p < 0.001"; of several runs, "p = 0.050, 0.050, -".
std::string p_text(const std::string& numbers, int64_t n_findings) {
  return fmt::format("p {}{}{}", numbers.starts_with('<') ? "" : "= ", numbers,
                     n_findings > 1 ? fmt::format(" adjusted for {} findings", n_findings) : "");
}

/// The p of each run. Empty if none has a p.
std::string p_words(const ReportedSet& on, Question question) {
  int64_t n_findings = 0;
  for (const AnswersOfRun& of : on.answers) n_findings = std::max(n_findings, (of.judged.*question).n_findings);
  if (n_findings == 0) return {};
  const std::string numbers = of_each(on, [&](const JudgedFinding& judged) {
    const std::optional<double>& p = (judged.*question).p_adjusted;
    return p ? p_number(*p) : std::string("-");
  });
  return p_text(numbers, n_findings);
}

/// The end of the interval that the answer rests on: "at least 0.931" for yes, "at most 0.031" for
/// no, both ends where neither decides. Empty without an interval.
std::string size_words(const JudgedQuestion& question) {
  if (!question.lower || !question.upper) return {};
  switch (question.answer) {
    case VerdictWord::kYes:
    case VerdictWord::kPartly:
      return fmt::format("at least {}", number_text_of(*question.lower));
    case VerdictWord::kNo:
    case VerdictWord::kSmall:
    case VerdictWord::kReceived:
      return fmt::format("at most {}", number_text_of(*question.upper));
    default:
      return fmt::format("{} to {}", number_text_of(*question.lower), number_text_of(*question.upper));
  }
}

/// "over 56 types"; "over 512 types (each row is one), approximate"; empty without types.
std::string types_words(const JudgedFinding& judged, const JudgedQuestion& question) {
  if (question.n_types == 0) return {};
  return fmt::format("over {} types{}{}", question.n_types, judged.types == "each row" ? " (each row is one)" : "",
                     question.is_approximate ? ", approximate" : "");
}

/// Texts that are not empty, with a separator between them.
std::string joined(std::vector<std::string> texts, std::string_view separator) {
  std::erase(texts, "");
  return fmt::format("{}", fmt::join(texts, separator));
}

/// A text in parentheses with a space before them; empty for an empty text.
std::string in_parentheses(const std::string& text) {
  return text.empty() ? std::string() : fmt::format(" ({})", text);
}

std::string raw_knn(const ReportedFinding& f) {
  const std::string repetitions = f.n_cells() > 1 ? fmt::format(", mean ± sd over {} repetitions", f.n_cells()) : "";
  return fmt::format("raw kNN accuracy {}, whole component {}, n = {} tokens{}", text_of(f.knn), text_of(f.full),
                     f.n_tokens, repetitions);
}

/// "accuracy on other types 0.981, null circuits 0.016 ± 0.008 (p = 0.050, at least 0.931 above
/// them, over 56 types)". Of several runs, the figures of each.
std::string presence_figures(const ReportedSet& on) {
  const JudgedFinding& first = on.answers.front().judged;
  const bool has_nulls =
      std::ranges::any_of(on.answers, [](const AnswersOfRun& of) { return of.judged.present.null_mean.has_value(); });
  std::string text =
      fmt::format("accuracy on other types {}",
                  of_each(on, [](const JudgedFinding& judged) { return number_or_dash(judged.present.statistic); }));
  if (has_nulls) {
    text += fmt::format(", null circuits {}", of_each(on, [](const JudgedFinding& judged) {
                          const JudgedQuestion& present = judged.present;
                          return present.null_mean ? figure_text(*present.null_mean, present.null_sd) : "-";
                        }));
  }
  if (on.answers.size() > 1) return text + in_parentheses(p_words(on, &JudgedFinding::present));
  const std::string size = size_words(first.present);
  return text + in_parentheses(joined({p_words(on, &JudgedFinding::present), size.empty() ? "" : size + " above them",
                                       types_words(first, first.present)},
                                      ", "));
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
                           f.variable, of_these, judged.null_kind);
      }
      return fmt::format("{} is present in {}{}", f.variable, where, of_these);
    case VerdictWord::kSmall:
      return fmt::format("{} is present in {} by little only{}", f.variable, where, of_these);
    case VerdictWord::kNo:
      return fmt::format("There is no sign of {} in {}{}; this search finds at most {} above null variables",
                         f.variable, where, of_these, number_text_of(present.upper.value_or(0)));
    case VerdictWord::kUndecided:
      return present.is_significant()
                 ? fmt::format("{} is present in {}{}, by how much is undecided", f.variable, where, of_these)
                 : fmt::format("Whether {} is present in {} is undecided{}", f.variable, where, of_these);
    case VerdictWord::kTooFewTypes:
      return fmt::format("Whether {} is present in {} cannot be tested with {} null variables, as it takes {}",
                         f.variable, where, present.n_null, kLeastNulls);
    case VerdictWord::kNotDefined:
      return fmt::format("Whether {} is present in {} is not defined", f.variable, where);
    default:
      return fmt::format("Whether {} is present in {} was not tested, as there are no null variables", f.variable,
                         where);
  }
}

/// The answer whether the variable was made here, of one run; empty if this was not asked.
std::string made_here_answer(const ReportedFinding& f, const JudgedFinding& judged) {
  const JudgedQuestion& made = judged.made_here;
  const std::string input = fmt::format("{:.3f}", judged.present.statistic.value_or(0) - made.statistic.value_or(0));
  const std::string p = made.p_adjusted ? p_text(p_number(*made.p_adjusted), made.n_findings) : "";
  const std::string size = size_words(made);
  switch (made.answer) {
    case VerdictWord::kYes:
      return fmt::format(
          "{} is made explicit here{}: of all that the component reads, its input at {} tells most, {}{}.", f.variable,
          has_weak_nulls(judged) ? ", beyond chance" : "", judged.received_from, input,
          in_parentheses(joined({p, size.empty() ? "" : size + " more is told here"}, ", ")));
    case VerdictWord::kReceived:
      return fmt::format("It was received, from {}: the component's input there tells it as well ({}).",
                         judged.received_from, input);
    case VerdictWord::kUndecided:
      return fmt::format("Whether it was made here or received, from {} ({}), is undecided.", judged.received_from,
                         input);
    default:
      return {};
  }
}

/// "null circuits 0.610 on average"; empty without null circuits.
std::string null_circuits_words(const ReportedAblation& a) {
  return a.nulls ? fmt::format("null circuits {} on average", text_of({.mean = a.nulls->mean})) : std::string();
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
  if (a.n_cells > 1) basis.push_back(fmt::format("mean ± sd over {} repetitions", a.n_cells));
  if (a.n_random > 0) basis.push_back(fmt::format("{} random sets", a.n_random));
  if (a.n_controlled > 0 && a.n_controlled < a.n_cells) {
    basis.push_back(fmt::format("in {} of the repetitions", a.n_controlled));
  }
  basis.push_back(p_words(on, &JudgedFinding::weights_needed));
  if (on.answers.size() == 1 && first.lower) basis.push_back(size_words(first) + " more harm than they do");
  basis.push_back(complement_p_words(a));
  basis.push_back(fmt::format("n = {} rows", a.n_rows));
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
      return needed.is_significant()
                 ? "The behaviour needs these weights more than random sets of their size; by how much is undecided."
                 : "Whether the behaviour needs these weights more than random sets is undecided.";
    case VerdictWord::kCannotTell:
      return "Whether the behaviour needs these weights cannot be told: random sets of that size leave as little as "
             "deleting everything.";
    case VerdictWord::kTooFewTypes:
      return fmt::format("{} random sets are too few to tell whether the behaviour needs these weights: it takes {}.",
                         a.n_random, kLeastNulls);
    case VerdictWord::kNotDefined:
      return "Whether the behaviour needs a part of the weights is not defined: the mask is empty or takes all.";
    default:
      return "Whether the behaviour needs these weights was not tested.";
  }
}

/// "0.950, null variables 0.010 ± 0.006 (p = 0.050, at least 0.900 above them)": a statistic beside
/// its nulls. Of several runs, the figures of each.
std::string beside_nulls(const ReportedSet& on, Question question, std::string_view nulls) {
  const std::string text = fmt::format(
      "{}, {} {}",
      of_each(on, [&](const JudgedFinding& judged) { return number_or_dash((judged.*question).statistic); }), nulls,
      of_each(on, [&](const JudgedFinding& judged) {
        const JudgedQuestion& asked = judged.*question;
        return asked.null_mean ? figure_text(*asked.null_mean, asked.null_sd) : std::string("-");
      }));
  const JudgedFinding& first = on.answers.front().judged;
  const std::string size = on.answers.size() == 1 ? size_words(first.*question) : "";
  return text + in_parentheses(joined({p_words(on, question), size.empty() ? "" : size + " above them"}, ", "));
}

/// A share of each run, such as `keep`.
std::string share_of_each(const ReportedSet& on, std::optional<double> JudgedFinding::*share) {
  return of_each(on, [&](const JudgedFinding& judged) { return number_or_dash(judged.*share); });
}

/// What a yes to "through this component?" says and does not say, of one run.
std::string component_qualifier(const ReportedFinding& f, const JudgedFinding& judged) {
  const VerdictWord answer = judged.through_component.answer;
  if (answer == VerdictWord::kPartly)
    return fmt::format("; something that goes with {}, not {} alone", f.variable, f.variable);
  if (answer != VerdictWord::kYes) return {};
  if (is_only_route(judged)) {
    return ": donors of null variables move as many answers, so this is no evidence for this component";
  }
  return judged.keep_halves.value_or(0) >= kMostRows
             ? fmt::format("; it is carried as {}", f.variable)
             : fmt::format("; it is carried as something of which {} is a function", f.variable);
}

/// What a yes to "through these units?" says, of one run.
std::string units_qualifier(const ReportedFinding& f, const JudgedFinding& judged) {
  if (judged.through_units.answer != VerdictWord::kYes) return {};
  return are_chosen_units(judged) ? fmt::format("; the units are chosen by {}", f.variable)
                                  : std::string(", as those of null circuits do");
}

/// "yes (L0.attn); no (L0.mlp, L1.mlp)": answers with the components that have each, in the order
/// of appearance. Many components are counted.
class AnswerGroups {
 public:
  void add(const std::string& answer, const std::string& name) {
    auto found = std::ranges::find(groups_, answer, &Group::answer);
    if (found == groups_.end()) {
      groups_.push_back({answer, {}});
      found = std::prev(groups_.end());
    }
    found->names.push_back(name);
  }
  size_t size() const { return groups_.size(); }
  std::string text() const {
    std::vector<std::string> texts;
    for (const auto& [answer, names] : groups_) {
      texts.push_back(names.size() > kMostNames ? fmt::format("{} ({} components)", answer, names.size())
                                                : fmt::format("{} ({})", answer, fmt::join(names, ", ")));
    }
    return fmt::format("{}", fmt::join(texts, "; "));
  }

 private:
  struct Group {
    std::string answer;
    std::vector<std::string> names;
  };
  std::vector<Group> groups_;
};

bool is_present_somewhere(const ReportedSet& on) {
  return std::ranges::any_of(on.answers, [](const AnswersOfRun& of) { return is_present(of.judged); });
}

/// "in 1 of 2 components", "in both components", "in the only component".
std::string in_components(int64_t n, int64_t of) {
  if (n < of) return fmt::format("in {} of {} components", n, of);
  return of == 1 ? "in the only component" : of == 2 ? "in both components" : fmt::format("in all {} components", of);
}

using Places = std::vector<std::pair<const ReportedFinding*, const ReportedSet*>>;

/// Begins the verdict: in how many components the variable is present, and where most.
std::string presence_verdict(const std::string& variable, const Places& places) {
  const auto n_all = std::ssize(places);
  Places present;
  std::ranges::copy_if(places, std::back_inserter(present),
                       [](const auto& place) { return is_present_somewhere(*place.second); });
  const auto all_have = [&](std::string_view word) {
    return std::ranges::all_of(
        places, [&](const auto& place) { return place.second->answer(&JudgedFinding::present) == word; });
  };
  if (present.empty()) {
    if (all_have("not tested")) return fmt::format("Whether {} is present was not tested.", variable);
    double most = -1;
    for (const auto& [f, on] : places) {
      for (const AnswersOfRun& of : on->answers) most = std::max(most, of.judged.present.upper.value_or(-1));
    }
    const std::string found = most >= 0 ? fmt::format(": this search finds at most {}", number_text_of(most)) : "";
    if (all_have("no")) return fmt::format("Nothing tells {} above its null variables{}.", variable, found);
    return fmt::format("{} was not found to be present.", variable);
  }
  const auto most = std::ranges::max_element(
      present, {}, [](const auto& place) { return place.second->presence ? place.second->presence->mask.mean : -1; });
  return fmt::format("{} is present {}, most in {}: {}.", variable, in_components(std::ssize(present), n_all),
                     most->first->site, presence_figures(*most->second));
}

}  // namespace

std::string mask_text(const ReportedFinding& f, const ReportedSet& on) {
  const int64_t n = f.n_cells(), n_parts = n - f.n_empty - f.n_full;
  if (n_parts == 0) {
    return fmt::format("The search for {} in {} kept {}.", f.variable, f.component(), all_or_nothing(f));
  }
  if (n_parts < n) {
    return fmt::format("A mask: the search for {} in {} kept a part{}, {} (of the weights, over all: {}).", f.variable,
                       f.component(), out_of(n_parts, n), all_or_nothing(f), percent(f.share));
  }
  const int64_t n_circuits = on.n_circuits(), n_runs = std::ssize(on.answers);
  const std::string where = n_circuits > 0 && n_circuits < n_runs
                                ? fmt::format(", a circuit in {} of {} {}s", n_circuits, n_runs, f.run_noun)
                                : "";
  return fmt::format("A {} of {} of the weights of {}{}.", noun_of(on), percent(f.share), f.component(), where);
}

std::string presence_text(const ReportedFinding& f, const ReportedSet& on) {
  const std::string token = f.position == -1 ? "the probed token" : fmt::format("position {}", f.position);
  const std::string what = f.is_full() ? std::string("component") : std::string(noun_of(on));
  const std::string where = fmt::format("what the {} writes at {}", what, token);
  const std::string figures = on.presence ? presence_figures(on) : raw_knn(f);
  if (on.answers.size() == 1) {
    const JudgedFinding& judged = on.answers.front().judged;
    std::string answer = presence_answer(f, judged, where);
    if (answer.starts_with("what")) answer.front() = 'W';
    return joined({fmt::format("{}: {}.", answer, figures), made_here_answer(f, judged)}, " ");
  }
  std::string text = fmt::format("Is {} present in {}? {}: {}.", f.variable, where,
                                 answers_text(f, on, &JudgedFinding::present), figures);
  if (is_present_somewhere(on)) {
    text +=
        fmt::format(" Made here? {}{}.", answers_text(f, on, &JudgedFinding::made_here),
                    in_parentheses(on.presence ? fmt::format("its input tells most at {}, {}",
                                                             on.presence->input_position, text_of(on.presence->input))
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

std::string exchange_text(const ReportedFinding& f, const ReportedSet& on) {
  if (!on.is_asked(&JudgedFinding::through_component)) return {};
  const bool is_one = on.answers.size() == 1;
  const JudgedFinding& first = on.answers.front().judged;
  std::string text = fmt::format(
      "Does {} reach the behaviour through this component? {}{} (exchange: accuracy with donors of the same value "
      "minus that with donors of another {}; with donors of the same value {} of the answers stay).",
      f.variable, answers_text(f, on, &JudgedFinding::through_component),
      is_one ? component_qualifier(f, first) : std::string(),
      beside_nulls(on, &JudgedFinding::through_component, "null variables"), share_of_each(on, &JudgedFinding::keep));
  if (!on.is_asked(&JudgedFinding::through_units)) return text;
  return text + fmt::format(
                    " Through these units? {}{} (they carry {} of what the whole component moves, all other paths {}; "
                    "the difference is {}).",
                    answers_text(f, on, &JudgedFinding::through_units),
                    is_one ? units_qualifier(f, first) : std::string(), share_of_each(on, &JudgedFinding::carried),
                    share_of_each(on, &JudgedFinding::left),
                    beside_nulls(on, &JudgedFinding::through_units, "random sets"));
}

std::string answer_counts(const ReportedFinding& f, const ReportedSet& on, Question question) {
  if (on.answers.size() == 1) return answer_word(on.answers.front().judged, question);
  std::vector<std::pair<std::string, int64_t>> counts;
  for (const AnswersOfRun& of : on.answers) {
    const std::string word = answer_word(of.judged, question);
    auto found = std::ranges::find(counts, word, &std::pair<std::string, int64_t>::first);
    if (found == counts.end()) found = counts.emplace(counts.end(), word, 0);
    ++found->second;
  }
  std::vector<std::string> texts;
  for (const auto& [word, n] : counts) texts.push_back(fmt::format("{} in {}", word, n));
  return fmt::format("{} of {} {}s", fmt::join(texts, ", "), on.answers.size(), f.run_noun);
}

std::string answers_text(const ReportedFinding& f, const ReportedSet& on, Question question) {
  if (on.answers.size() > 1) return answer_counts(f, on, question);
  const JudgedFinding& judged = on.answers.front().judged;
  if (question != &JudgedFinding::made_here) return answer_words(judged, question);
  const std::string word = answer_word(judged, question);
  return judged.made_here.answer == VerdictWord::kReceived ? fmt::format("{} from {}", word, judged.received_from)
                                                           : word;
}

std::string verdict_text(const std::vector<const ReportedFinding*>& findings, const std::string& data) {
  Places places;
  for (const ReportedFinding* f : findings) {
    if (const ReportedSet* on = f->on(data)) places.emplace_back(f, on);
  }
  if (places.empty()) return fmt::format("Nothing was measured on {}.", data);
  AnswerGroups present, made_here, needed, component, units;
  for (const auto& place : places) {
    const ReportedFinding& f = *place.first;
    const ReportedSet& on = *place.second;
    const auto short_answer = [&](Question question) {
      return question == &JudgedFinding::made_here ? answers_text(f, on, question) : answer_counts(f, on, question);
    };
    present.add(short_answer(&JudgedFinding::present), f.site);
    if (is_present_somewhere(on)) made_here.add(short_answer(&JudgedFinding::made_here), f.site);
    if (!f.is_empty()) needed.add(short_answer(&JudgedFinding::weights_needed), f.site);
    for (const auto& [question, groups] :
         {std::pair(&JudgedFinding::through_component, &component), std::pair(&JudgedFinding::through_units, &units)}) {
      if (on.is_asked(question)) groups->add(short_answer(question), f.site);
    }
  }
  std::string text = presence_verdict(findings.front()->variable, places);
  const auto add = [&](const std::string& question, const AnswerGroups& groups) {
    const std::string answers = groups.text();
    if (!answers.empty()) text += fmt::format(" {}: {}.", question, answers);
  };
  // A single word is said already.
  if (present.size() > 1 || places.front().second->answers.size() > 1) add("Present", present);
  add("Made here", made_here);
  add(fmt::format("Weights needed on {}", data), needed);
  add("Through the component", component);
  add("Through the units", units);
  return text;
}

std::string control_text(const std::string& control) {
  if (control.empty()) return {};
  std::string_view words;
  if (control == to_string(ModelControl::kShuffledComponent)) {
    words =
        "the entries of each matrix of the probed component are in random order. What is present here comes from "
        "the component's input, or from the search.";
  } else if (control == to_string(ModelControl::kRandomInitKeepEmbeddings)) {
    words =
        "all weights but the embeddings are random. What is present here comes from the embeddings, the "
        "architecture and the data.";
  } else {
    words = "all weights are random. What is present here comes from the architecture and the data.";
  }
  return fmt::format("Negative control ({}): {} None of it is a finding about the trained model.", control, words);
}

}  // namespace cprobe
