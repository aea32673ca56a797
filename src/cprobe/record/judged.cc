#include "cprobe/record/judged.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>

#include "cprobe/record/asked.h"

namespace cprobe {
namespace {

using Ask = std::optional<Asked> (*)(const ProbedCell&, const std::string& data);

/// The mean over seeds of a figure of exchanges; none unless each seed has it.
std::optional<double> mean_of_exchanges(const std::vector<ProbedCell>& cells, const JudgedFinding& finding,
                                        const std::function<std::optional<double>(const Findings::Exchange&)>& figure) {
  double sum = 0;
  for (const size_t i : finding.cells) {
    const Findings::Exchange* on = exchange_on(cells[i], finding.data);
    const std::optional<double> value = on == nullptr ? std::nullopt : figure(*on);
    if (!value) return std::nullopt;
    sum += *value;
  }
  return sum / static_cast<double>(finding.cells.size());
}

/// A question about one finding, over its seeds.
struct Combined {
  BesideNulls beside;
  Interval interval;
  double room = 0;
};

bool is_finite(const TestedFigure& figure) {
  const Interval& i = figure.interval;
  return std::isfinite(figure.value + i.mean + i.lower + i.upper) &&
         std::ranges::all_of(figure.nulls, [](double null) { return std::isfinite(null); });
}

/// Means over seeds; none unless each cell was asked and has finite figures.
std::optional<Combined> combined(const std::vector<ProbedCell>& cells, const JudgedFinding& finding, Ask ask) {
  std::vector<BesideNulls> seeds;
  Combined result;
  size_t fewest = std::numeric_limits<size_t>::max();
  for (const size_t i : finding.cells) {
    const std::optional<Asked> asked = ask(cells[i], finding.data);
    if (!asked || !is_finite(asked->figure)) return std::nullopt;
    const auto n = static_cast<double>(finding.cells.size());
    const TestedFigure& figure = asked->figure;
    seeds.push_back({figure.value, figure.nulls});
    fewest = std::min(fewest, figure.nulls.size());
    result.interval.mean += figure.interval.mean / n;
    result.interval.lower += figure.interval.lower / n;
    result.interval.upper += figure.interval.upper / n;
    // One seed whose figure is not defined leaves all undefined.
    const bool is_first = i == finding.cells.front();
    result.interval.n_types =
        is_first ? figure.interval.n_types : std::min(result.interval.n_types, figure.interval.n_types);
    result.interval.is_approximate |= figure.interval.is_approximate;
    result.interval.is_for_these_types_only |= figure.interval.is_for_these_types_only;
    result.room += asked->room / n;
  }
  for (BesideNulls& seed : seeds) seed.nulls.resize(fewest);
  result.beside = mean_over_seeds(seeds);
  return result;
}

void set_figures(JudgedQuestion& question, const Combined& of) {
  question.statistic = of.beside.value;
  question.n_null = std::ssize(of.beside.nulls);
  question.n_types = of.interval.n_types;
  question.is_approximate = of.interval.is_approximate;
  question.is_for_these_types_only = of.interval.is_for_these_types_only;
  if (question.n_null == 0) return;
  const Spread nulls = spread(of.beside.nulls);
  question.nulls = of.beside.nulls;
  question.null_mean = nulls.mean;
  question.null_sd = nulls.sd;
  question.p = p_of(of.beside).p();
  if (of.interval.n_types == 0) return;
  question.lower = of.interval.lower;
  question.upper = of.interval.upper;
}

/// Adds to an "undecided" what would decide it.
void say_what_decides(JudgedQuestion& here, TestedEffect effect, JudgedQuestion JudgedFinding::*question,
                      double smallest_effect) {
  if (question == &JudgedFinding::made_here) {
    // "Received" and "yes" rest on the interval of D itself as well, often what is undecided.
    Interval own = effect.interval;
    for (double* number : {&own.mean, &own.lower, &own.upper}) *number += here.null_mean.value_or(0);
    if (own.lower < smallest_effect && own.upper >= smallest_effect) effect.interval = own;
  }
  here.to_decide = what_would_decide(effect, smallest_effect);
  if (here.to_decide.empty()) return;
  here.words += fmt::format("{} {}", here.words.find(':') == std::string::npos ? ":" : ";", here.to_decide);
}

/// Judges one question about the findings of one data set.
/// @param judge_one  the word for a finding, its effect and its combined figures.
void judge(const std::vector<ProbedCell>& cells, const std::vector<JudgedFinding*>& findings,
           const JudgeOptions& options, JudgedQuestion JudgedFinding::*question, Ask ask,
           const std::function<VerdictWord(const JudgedFinding&, const TestedEffect&, const Combined&)>& judge_one) {
  std::vector<std::pair<JudgedFinding*, Combined>> asked, tested;
  const std::string_view at_most =
      has_random_sets(question) ? "more than random sets by at most" : "this search finds at most";
  for (JudgedFinding* finding : findings) {
    std::optional<Combined> of = combined(cells, *finding, ask);
    if (!of) continue;
    set_figures(finding->*question, *of);
    const bool is_tested = std::ssize(of->beside.nulls) >= kLeastNulls && of->interval.n_types > 0;
    (is_tested ? tested : asked).emplace_back(finding, *std::move(of));
  }
  for (auto& [finding, of] : asked) {
    JudgedQuestion& here = finding->*question;
    const bool has_nulls = !of.beside.nulls.empty();
    const bool is_beside_variables = question == &JudgedFinding::present || question == &JudgedFinding::made_here;
    const TestedEffect effect{p_of(of.beside), of.interval};
    if (!has_nulls && is_beside_variables && !finding->null_kind.empty()) {
      here.answer = VerdictWord::kTooFewTypes;  // Null variables were asked for, and the types allow none.
    } else if (of.interval.n_types == 0 && has_nulls) {
      here.answer = VerdictWord::kNotDefined;
    } else {
      here.answer = verdict_on(effect, options.smallest_effect);
    }
    here.words = verdict_words(here.answer, effect, at_most);
  }
  std::vector<BesideNulls> family;
  family.reserve(tested.size());
  for (const auto& [finding, of] : tested) family.push_back(of.beside);
  const std::vector<CountedP> p_adjusted = adjusted(family, options);
  std::vector<double> p_values;
  p_values.reserve(family.size());
  for (const BesideNulls& finding : family) p_values.push_back(p_of(finding).p());
  const std::vector<double> q = benjamini_hochberg(p_values);
  for (size_t i = 0; i < tested.size(); ++i) {
    auto& [finding, of] = tested[i];
    JudgedQuestion& here = finding->*question;
    const TestedEffect effect{p_adjusted[i], of.interval};
    here.p_adjusted = p_adjusted[i].p();
    if (std::ssize(of.beside.nulls) >= kLeastNullsOfQ) here.q = q[i];
    here.n_findings = std::ssize(tested);
    here.answer = judge_one(*finding, effect, of);
    here.words = verdict_words(here.answer, effect, at_most);
    if (here.answer == VerdictWord::kUndecided) say_what_decides(here, effect, question, options.smallest_effect);
  }
}

/// Whether the circuits of all of a finding's seeds are so much of their component. False of other
/// methods, which have no circuits.
bool are_all(const std::vector<ProbedCell>& cells, const JudgedFinding& finding, Extent extent) {
  return std::ranges::all_of(finding.cells, [&](size_t i) {
    const Findings& findings = cells[i].findings;
    return findings.max_weights > 0 && findings.extent() == extent;
  });
}

/// Labels of the data sets on which a cell was judged or ablated, in order.
std::vector<std::string> data_of(const Findings& findings) {
  std::vector<std::string> labels;
  const auto add = [&](const std::string& label) {
    if (std::ranges::find(labels, label) == labels.end()) labels.push_back(label);
  };
  for (const Findings::Presence& on : findings.presence) add(on.data);
  for (const Findings::OnEvaluationSet& on : findings.evaluation_sets) add(on.label);
  if (labels.empty()) add("Test");
  return labels;
}

/// The findings without answers, in the order of the cells.
std::vector<JudgedFinding> unjudged(const std::vector<ProbedCell>& cells) {
  std::vector<VariedSetting> settings = grid_settings();
  std::erase_if(settings, [](const VariedSetting& s) { return s.name == "seed" || s.name == "position"; });
  settings = varied_settings(std::move(settings), cells);
  std::vector<JudgedFinding> findings;
  std::map<std::string, size_t> places;
  for (size_t i = 0; i < cells.size(); ++i) {
    const auto& [id, cell_settings, found] = cells[i];
    const Cell& cell = cell_settings.cell;
    std::vector<std::string> options;
    for (const VariedSetting& setting : settings) {
      const std::string value = setting.text(cell_settings);
      if (!value.empty()) options.push_back(fmt::format("{} {}", setting.name, value));
    }
    for (const std::string& data : data_of(found)) {
      JudgedFinding finding{.variable = cell.variable,
                            .component = cell.component,
                            .position = cell.position,
                            .data = data,
                            .options = fmt::format("{}", fmt::join(options, ", ")),
                            .types = found.types,
                            .null_kind = found.null_kind,
                            .n_held_out = found.n_held_out};
      if (const Findings::Presence* on = presence_on(cells[i], data)) finding.received_from = on->received_from;
      const std::string key = fmt::format("{}\n{}\n{}\n{}\n{}", finding.variable, to_string(finding.component),
                                          to_string(finding.position), data, finding.options);
      const auto [place, is_new] = places.try_emplace(key, findings.size());
      if (is_new) findings.push_back(std::move(finding));
      findings[place->second].cells.push_back(i);
    }
  }
  return findings;
}

/// Whether the untouched model is right no more often, within its 95 % interval, than one answer to
/// all rows would be.
bool is_at_chance(const Findings::Exchange& on) {
  const auto n_right = static_cast<int64_t>(std::llround(on.untouched * static_cast<double>(on.n_rows)));
  return on.n_rows == 0 || clopper_pearson(n_right, on.n_rows).lower <= on.chance;
}

void set_answer(JudgedQuestion& question, VerdictWord word) {
  question.answer = word;
  question.words = to_string(word);
  question.to_decide.clear();
}

/// The mean over seeds of a figure of ablations; none unless each seed has it.
std::optional<double> mean_of_ablations(
    const std::vector<ProbedCell>& cells, const JudgedFinding& finding,
    const std::function<std::optional<double>(const Findings::OnEvaluationSet&)>& figure) {
  double sum = 0;
  for (const size_t i : finding.cells) {
    const Findings::OnEvaluationSet* on = cells[i].findings.on(finding.data);
    const std::optional<double> value = on == nullptr ? std::nullopt : figure(*on);
    if (!value) return std::nullopt;
    sum += *value;
  }
  return sum / static_cast<double>(finding.cells.size());
}

/// Judges whether the circuit's weights suffice, in a run that asks. Not defined where a circuit is
/// empty or full, or the behaviour does without the component.
void judge_sufficiency(const std::vector<ProbedCell>& cells, const std::vector<JudgedFinding*>& family,
                       const JudgeOptions& options) {
  const double smallest = options.smallest_effect;
  const bool is_asked = std::ranges::any_of(family, [&](const JudgedFinding* finding) {
    return std::ranges::any_of(finding->cells,
                               [&](size_t i) { return ask_sufficient(cells[i], finding->data).has_value(); });
  });
  if (!is_asked) return;
  std::vector<JudgedFinding*> defined;
  for (JudgedFinding* finding : family) {
    finding->without_component = mean_of_ablations(cells, *finding, [](const Findings::OnEvaluationSet& on) {
      return on.component() == nullptr ? std::nullopt : std::optional(on.component()->accuracy.mean);
    });
    const std::optional<double> untouched = mean_of_ablations(
        cells, *finding, [](const Findings::OnEvaluationSet& on) { return std::optional(on.untouched); });
    const std::optional<double> only = mean_of_ablations(cells, *finding, [](const Findings::OnEvaluationSet& on) {
      return on.complement() == nullptr ? std::nullopt : std::optional(on.complement()->accuracy.mean);
    });
    if (!untouched || !finding->without_component) continue;
    const double taken = *untouched - *finding->without_component;
    if (taken < smallest || !are_all(cells, *finding, Extent::kPart)) {
      set_answer(finding->sufficient, VerdictWord::kNotDefined);
      continue;
    }
    if (only) finding->kept_share = (*only - *finding->without_component) / taken;
    defined.push_back(finding);
  }
  judge(cells, defined, options, &JudgedFinding::sufficient, ask_sufficient,
        [&](const JudgedFinding& finding, const TestedEffect& effect, const Combined& of) {
          return for_share_of_rows(verdict_on(effect, smallest, of.room), finding.kept_share.value_or(0));
        });
}

/// Whether question 1 was asked of a finding; judged_exchange does not ask it.
bool has_presence(const JudgedFinding& finding) {
  return finding.present.statistic.has_value();
}

/// Whether a presence counts as shown, so that further questions about the variable make sense.
bool is_shown(const JudgedQuestion& present) {
  return present.is_significant() && present.answer != VerdictWord::kCannotTell;
}

/// Judges questions 3 and 4, with p over all findings. A variable that is not present has the
/// answer `kNotTested`: a family of those that are present would be chosen by the same variable,
/// which makes p too small.
void judge_exchanges(const std::vector<ProbedCell>& cells, const std::vector<JudgedFinding*>& family,
                     const JudgeOptions& options) {
  const double smallest = options.smallest_effect;
  using Exchange = Findings::Exchange;
  for (JudgedFinding* finding : family) {
    const auto mean = [&](double Exchange::*figure) {
      return mean_of_exchanges(cells, *finding, [&](const Exchange& on) { return std::optional(on.*figure); });
    };
    if (const Exchange* on = exchange_on(cells[finding->cells.front()], finding->data)) finding->donors = on->donors;
    finding->keep = mean(&Exchange::keep);
    finding->keep_halves = mean(&Exchange::keep_halves);
    finding->moved = mean(&Exchange::moved);
    finding->null_moved = mean(&Exchange::null_moved);
    finding->carried = mean_of_exchanges(cells, *finding, [](const Exchange& on) { return on.carried; });
    finding->left = mean_of_exchanges(cells, *finding, [](const Exchange& on) { return on.left; });
  }
  judge(cells, family, options, &JudgedFinding::through_component, ask_through_component,
        [smallest](const JudgedFinding& finding, const TestedEffect& effect, const Combined&) {
          return for_share_of_rows(verdict_on(effect, smallest), finding.keep.value_or(0));
        });
  judge(cells, family, options, &JudgedFinding::chosen_units, ask_chosen,
        [smallest](const JudgedFinding&, const TestedEffect& effect, const Combined&) {
          return verdict_on(effect, smallest);
        });
  judge(cells, family, options, &JudgedFinding::through_units, ask_through_units,
        [smallest](const JudgedFinding& finding, const TestedEffect& effect, const Combined& of) {
          return for_share_of_rows(verdict_on(effect, smallest, of.room), finding.carried.value_or(0));
        });
  for (JudgedFinding* finding : family) {
    const auto any = [&](bool (*holds)(const Exchange&)) {
      return std::ranges::any_of(finding->cells, [&](size_t i) {
        const Exchange* on = exchange_on(cells[i], finding->data);
        return on != nullptr && holds(*on);
      });
    };
    const bool at_chance = any(is_at_chance);
    if (at_chance) {
      set_answer(finding->through_component, VerdictWord::kNotDefined);
      finding->through_component.words = "not defined: the untouched model answers at chance";
    }
    if (at_chance || any([](const Exchange& on) { return !on.carried; })) {
      set_answer(finding->through_units, VerdictWord::kNotDefined);
      finding->through_units.words =
          at_chance
              ? finding->through_component.words
              : "not defined: the mask is no part of its component, or exchanging all of it moves too few answers";
    }
    if (has_presence(*finding) && !is_shown(finding->present)) {
      for (JudgedQuestion JudgedFinding::*question :
           {&JudgedFinding::through_component, &JudgedFinding::through_units, &JudgedFinding::chosen_units}) {
        set_answer(finding->*question, VerdictWord::kNotTested);
      }
    }
  }
}

}  // namespace

std::optional<double> JudgedQuestion::shown_p() const {
  return answer == VerdictWord::kNotTested ? std::nullopt : p;
}

std::optional<double> JudgedQuestion::shown_p_adjusted() const {
  return answer == VerdictWord::kNotTested ? std::nullopt : p_adjusted;
}

std::optional<double> JudgedQuestion::shown_q() const {
  return answer == VerdictWord::kNotTested ? std::nullopt : q;
}

bool JudgedQuestion::is_significant() const {
  return p_adjusted && *p_adjusted * static_cast<double>(kSignificance) <= 1 + 1e-9;
}

bool has_random_sets(JudgedQuestion JudgedFinding::*question) {
  return question == &JudgedFinding::weights_needed || question == &JudgedFinding::sufficient ||
         question == &JudgedFinding::through_units;
}

std::vector<JudgedFinding> judged_findings(const std::vector<ProbedCell>& cells, const JudgeOptions& options) {
  const double smallest = options.smallest_effect;
  std::vector<JudgedFinding> findings = unjudged(cells);
  std::map<std::string, std::vector<JudgedFinding*>> families;
  for (JudgedFinding& finding : findings) families[finding.data].push_back(&finding);
  for (auto& [data, family] : families) {
    judge(cells, family, options, &JudgedFinding::present, ask_present,
          [smallest](const JudgedFinding&, const TestedEffect& effect, const Combined& of) {
            return verdict_on(effect, smallest, of.room);
          });
    for (JudgedFinding* finding : family) {
      JudgedQuestion& present = finding->present;
      if (present.answer == VerdictWord::kCannotTell) {
        present.to_decide =
            finding->n_held_out > 0 ? "more types would leave room" : "types held out from masks would leave room";
      } else if (present.answer == VerdictWord::kNo && are_all(cells, *finding, Extent::kEmpty)) {
        present.words = "no: the search kept nothing";  // A figure would be that of chance.
      }
    }
    judge(cells, family, options, &JudgedFinding::made_here, ask_made_here,
          [smallest](const JudgedFinding& finding, const TestedEffect& effect, const Combined&) {
            if (!is_shown(finding.present)) return VerdictWord::kNotTested;
            return made_here(effect, finding.made_here.null_mean.value_or(0), smallest);
          });
    judge(cells, family, options, &JudgedFinding::weights_needed, ask_needed,
          [smallest](const JudgedFinding&, const TestedEffect& effect, const Combined& of) {
            return verdict_on(effect, smallest, of.room);
          });
    judge_sufficiency(cells, family, options);
    judge_exchanges(cells, family, options);
    for (JudgedFinding* finding : family) {
      double harm = 0;
      for (const size_t i : finding->cells) {
        const Findings::OnEvaluationSet* on = cells[i].findings.on(data);
        const AblationResult* nulls = on == nullptr ? nullptr : on->find(AblationTarget::kNull, on->first_fill());
        if (nulls == nullptr) {
          harm = std::numeric_limits<double>::quiet_NaN();
          break;
        }
        harm += (on->untouched - nulls->accuracy.mean) / static_cast<double>(finding->cells.size());
      }
      if (!std::isnan(harm)) finding->null_circuits_harm = harm;
      if (!are_all(cells, *finding, Extent::kPart) && finding->weights_needed.statistic) {
        set_answer(finding->weights_needed, VerdictWord::kNotDefined);
      }
    }
  }
  return findings;
}

JudgedFinding judged_exchange(const Findings::Exchange& exchange, const JudgeOptions& options) {
  std::vector<ProbedCell> cells(1);
  cells.front().findings.exchanges = {exchange};
  JudgedFinding finding{.data = exchange.data, .cells = {0}};
  judge_exchanges(cells, {&finding}, options);
  return finding;
}

}  // namespace cprobe
