#include "cprobe/report/table_columns.h"

#include <algorithm>
#include <functional>

#include "cprobe/report/control_runs.h"
#include "cprobe/report/phrases.h"

namespace cprobe {
namespace {

using enum TableColumn::Kind;

/// The words for an answer: answers_text or answer_counts.
using Answer = std::string (*)(const ReportedFinding&, const ReportedSet&, Question);

std::optional<Spread> number(double value) {
  return Spread{.mean = value, .n = 1};
}

std::optional<Spread> largest(const std::vector<double>& values) {
  if (values.empty()) return std::nullopt;
  return number(*std::ranges::max_element(values));
}

/// A figure of a question over runs: the largest, or with `least` the smallest; none if no run has
/// it.
std::optional<Spread> over_answers(const ReportedSet& on, Question question,
                                   std::optional<double> JudgedQuestion::*figure, bool least = false) {
  std::optional<double> found;
  for (const AnswersOfRun& of : on.answers) {
    const std::optional<double>& value = (of.judged.*question).*figure;
    if (value && (!found || (least ? *value < *found : *value > *found))) found = value;
  }
  return found ? number(*found) : std::nullopt;
}

/// The largest p over runs, of those with an answer.
std::optional<Spread> p_over_answers(const ReportedSet& on, Question question) {
  std::vector<double> p;
  for (const AnswersOfRun& of : on.answers) {
    if (const std::optional<double> one = (of.judged.*question).shown_p_adjusted()) p.push_back(*one);
  }
  return largest(p);
}

std::string extent_of(const ReportedFinding& f) {
  const int64_t n = f.n_cells();
  if (f.n_empty == n) return "empty";
  if (f.n_full == n) return "full";
  if (f.n_empty + f.n_full == 0) return "proper part";
  std::string text = fmt::format("proper part in {} of {}", n - f.n_empty - f.n_full, n);
  if (f.n_empty > 0) text += fmt::format(", empty in {}", f.n_empty);
  if (f.n_full > 0) text += fmt::format(", full in {}", f.n_full);
  return text;
}

/// The positions from which runs received the variable, each once.
std::string received_from(const ReportedSet& on) {
  std::vector<std::string> positions;
  for (const AnswersOfRun& of : on.answers) {
    const std::string& position = of.judged.received_from;
    if (of.judged.made_here.answer != VerdictWord::kReceived) continue;
    if (std::ranges::find(positions, position) == positions.end()) positions.push_back(position);
  }
  return fmt::format("{}", fmt::join(positions, ", "));
}

/// What negative controls of the same model say, by name if there are several: "random_init: not
/// present; shuffled_component: also present".
/// @param of_control  what one says; empty if nothing.
std::string over_controls(const ReportedFinding& f, const ReportedSet& on, const std::vector<ReportedFinding>& all,
                          const std::function<std::string(const ReportedFinding&, const ReportedSet&)>& of_control) {
  std::vector<std::string> words;
  for (const size_t i : f.in_controls) {
    const ReportedSet* there = all[i].on(on.data);
    const std::string word = there == nullptr ? std::string() : of_control(all[i], *there);
    if (!word.empty()) words.push_back((f.in_controls.size() > 1 ? all[i].control + ": " : std::string()) + word);
  }
  return fmt::format("{}", fmt::join(words, "; "));
}

/// The rules of judging of each run behind a finding, each once: "0.05, maxT".
std::string rules_of(const ReportedSet& on, const std::vector<ReportedRun>& runs) {
  std::vector<std::string> rules;
  for (const AnswersOfRun& of : on.answers) {
    const JudgeOptions& judge = runs[of.run].judge;
    const std::string text = fmt::format("{}, {}", judge.smallest_effect, to_string(judge.correction));
    if (std::ranges::find(rules, text) == rules.end()) rules.push_back(text);
  }
  return fmt::format("{}", fmt::join(rules, "; "));
}

bool any_of(const std::vector<ReportedFinding>& all, const std::function<bool(const ReportedFinding&)>& holds) {
  return std::ranges::any_of(all, holds);
}
bool any_set(const std::vector<ReportedFinding>& all, const std::function<bool(const ReportedSet&)>& holds) {
  return any_of(all, [&](const ReportedFinding& f) { return std::ranges::any_of(f.sets, holds); });
}

/// Who sees a column. Programs see all.
enum class Audience { kAll, kPrograms };
using enum Audience;

/// The columns of a table, each with what it holds.
class Columns {
 public:
  using Finding = const ReportedFinding&;
  using Set = const ReportedSet&;

  void text(std::string heading, Audience who, std::function<std::string(Finding, Set)> of) {
    add({std::move(heading), kText, who == kAll},
        [of = std::move(of)](Finding f, Set on) { return TableField{of(f, on)}; });
  }
  void number(std::string heading, TableColumn::Kind kind, Audience who,
              std::function<std::optional<Spread>(Finding, Set)> of) {
    add({std::move(heading), kind, who == kAll}, [of = std::move(of)](Finding f, Set on) {
      return TableField{{}, of(f, on)};
    });
  }
  /// A figure of a question: the largest over runs, or with `least` the smallest.
  void figure_of(std::string heading, Question question, std::optional<double> JudgedQuestion::*figure,
                 bool least = false) {
    number(std::move(heading), kNumber, kPrograms,
           [=](Finding, Set on) { return over_answers(on, question, figure, least); });
  }
  /// p of a question: the largest over runs.
  void p_of(std::string heading, Question question) {
    number(std::move(heading), kP, kPrograms, [=](Finding, Set on) { return p_over_answers(on, question); });
  }

  PaperTable table(const std::vector<ReportedFinding>& all) const {
    PaperTable table{.columns = heads_};
    for (const ReportedFinding& f : all) {
      for (const ReportedSet& on : f.sets) {
        std::vector<TableField>& line = table.lines.emplace_back();
        for (const auto& field : fields_) line.push_back(field(f, on));
      }
    }
    return table;
  }

 private:
  void add(TableColumn head, std::function<TableField(Finding, Set)> field) {
    heads_.push_back(std::move(head));
    fields_.push_back(std::move(field));
  }

  std::vector<TableColumn> heads_;
  std::vector<std::function<TableField(Finding, Set)>> fields_;
};

using Finding = Columns::Finding;
using Set = Columns::Set;

/// What a line is about. Columns in which all lines are alike are left out.
void add_names(Columns& columns, const std::vector<ReportedFinding>& all, bool is_for_programs) {
  if (any_of(all, [&](Finding f) { return f.series != all.front().series; })) {
    columns.text("run", kAll, [](Finding f, Set) { return f.series; });
  }
  if (any_of(all, [](Finding f) { return f.step.has_value(); })) {
    columns.text("step", kAll, [](Finding f, Set) { return f.step ? std::to_string(*f.step) : std::string(); });
  }
  if (any_of(all, [](Finding f) { return !f.control.empty(); })) {
    columns.text("negative control", kAll, [](Finding f, Set) { return f.control; });
  }
  columns.text("variable", kAll, [=](Finding f, Set) { return is_for_programs ? f.variable : f.title; });
  if (is_for_programs && any_of(all, [](Finding f) { return f.title != f.variable; })) {
    columns.text("title", kPrograms, [](Finding f, Set) { return f.title; });
  }
  columns.text("component", kAll, [](Finding f, Set) { return f.component(); });
  if (any_of(all, [&](Finding f) { return f.position != all.front().position; })) {
    columns.text("position", kAll, [](Finding f, Set) { return to_string(f.position); });
  }
  if (any_of(all, [](Finding f) { return !f.options.empty(); })) {
    columns.text("setting", kAll, [](Finding f, Set) { return f.options; });
  }
}

/// The mask, and what nearest neighbours read from its updates.
void add_mask(Columns& columns, Audience raw_accuracy) {
  columns.text("mask", kPrograms, [](Finding f, Set) { return extent_of(f); });
  columns.number("share of weights", kFigure, kPrograms, [](Finding f, Set) { return f.share; });
  columns.number("kNN", kFigure, raw_accuracy, [](Finding f, Set) { return f.knn; });
  columns.number("kNN component", kFigure, kPrograms, [](Finding f, Set) { return f.full; });
  columns.number("majority", kNumber, kPrograms, [](Finding f, Set) { return Spread{.mean = f.majority}; });
}

/// Question 1.
void add_presence(Columns& columns, Answer answer) {
  constexpr Question kPresent = &JudgedFinding::present;
  const auto of_nulls = [](Set on) { return on.presence ? on.presence->nulls : std::nullopt; };
  columns.number("other types", kFigure, kAll,
                 [](Finding, Set on) { return on.presence ? std::optional(on.presence->mask) : std::nullopt; });
  columns.number("null mean", kNumber, kAll, [=](Finding, Set on) {
    const std::optional<Spread> nulls = of_nulls(on);
    return nulls ? number(nulls->mean) : std::nullopt;
  });
  columns.number("null sd", kNumber, kPrograms, [=](Finding, Set on) {
    const std::optional<Spread> nulls = of_nulls(on);
    return nulls && nulls->sd ? number(*nulls->sd) : std::nullopt;
  });
  columns.p_of("p present", kPresent);
  columns.figure_of("present beyond nulls lower", kPresent, &JudgedQuestion::lower, true);
  columns.figure_of("present beyond nulls upper", kPresent, &JudgedQuestion::upper);
  columns.text("present", kAll, [=](Finding f, Set on) { return answer(f, on, kPresent); });
  columns.text("made here", kAll, [](Finding f, Set on) { return answer_counts(f, on, &JudgedFinding::made_here); });
  columns.text("received from", kPrograms, [](Finding, Set on) { return received_from(on); });
}

/// A figure of ablations, if anything was ablated.
/// @param if_empty  whether findings whose masks are all empty have it.
template <typename Figure>
auto of_ablation(Figure figure, bool if_empty = true) {
  return [=](Finding f, Set on) -> std::optional<Spread> {
    if (!on.ablation || (f.is_empty() && !if_empty)) return std::nullopt;
    return figure(*on.ablation);
  };
}

/// Question 2.
void add_deletion(Columns& columns, Answer answer, Audience complement) {
  constexpr Question kNeeded = &JudgedFinding::weights_needed;
  using Ablation = const ReportedAblation&;
  columns.number("untouched", kFigure, kAll, of_ablation([](Ablation a) { return a.untouched; }));
  columns.number("deleted", kFigure, kAll, of_ablation([](Ablation a) { return a.ablated; }, false));
  columns.number("random deleted", kFigure, kAll, of_ablation([](Ablation a) { return a.random; }));
  columns.number("harm", kNumber, kPrograms, [](Finding f, Set on) {
    const bool is_ablated = on.ablation && !f.is_empty();
    return is_ablated ? over_answers(on, kNeeded, &JudgedQuestion::statistic) : std::nullopt;
  });
  columns.p_of("p needed", kNeeded);
  columns.figure_of("harm beyond random lower", kNeeded, &JudgedQuestion::lower, true);
  columns.figure_of("harm beyond random upper", kNeeded, &JudgedQuestion::upper);
  columns.text("needed", kAll,
               [=](Finding f, Set on) { return f.is_empty() ? std::string() : answer(f, on, kNeeded); });
  columns.number("p complement", kP, complement, of_ablation([](Ablation a) { return largest(a.complement_p); }));
}

/// Whether the weights suffice, in runs that ask.
void add_sufficiency(Columns& columns, Answer answer) {
  constexpr Question kSufficient = &JudgedFinding::sufficient;
  using Ablation = const ReportedAblation&;
  const auto accuracy = [&](std::string heading, Audience who, std::optional<Spread> ReportedAblation::*figure) {
    columns.number(std::move(heading), kFigure, who, [=](Finding f, Set on) {
      return on.asks_sufficiency() ? of_ablation([=](Ablation a) { return a.*figure; })(f, on) : std::nullopt;
    });
  };
  accuracy("only these left", kAll, &ReportedAblation::complement);
  accuracy("only random left", kPrograms, &ReportedAblation::only_random);
  accuracy("none left", kPrograms, &ReportedAblation::component);
  columns.p_of("p sufficient", kSufficient);
  columns.figure_of("sufficient beyond random lower", kSufficient, &JudgedQuestion::lower, true);
  columns.figure_of("sufficient beyond random upper", kSufficient, &JudgedQuestion::upper);
  columns.text("sufficient", kAll, [=](Finding f, Set on) {
    return on.asks_sufficiency() && !f.is_empty() ? answer(f, on, kSufficient) : std::string();
  });
}

/// Questions 3 and 4.
void add_exchange(Columns& columns, Answer answer) {
  const auto add = [&](const char* statistic, const char* p, const char* heading, Question question) {
    columns.figure_of(statistic, question, &JudgedQuestion::statistic);
    columns.p_of(p, question);
    columns.text(heading, kAll,
                 [=](Finding f, Set on) { return on.is_asked(question) ? answer(f, on, question) : std::string(); });
  };
  add("exchange effect", "p component", "through component", &JudgedFinding::through_component);
  add("carried - left", "p units", "through units", &JudgedFinding::through_units);
}

/// q and p over models, of the questions that have them.
void add_q_and_models(Columns& columns, const std::vector<ReportedFinding>& all) {
  const std::pair<const char*, Question> questions[] = {{"present", &JudgedFinding::present},
                                                        {"needed", &JudgedFinding::weights_needed},
                                                        {"component", &JudgedFinding::through_component},
                                                        {"units", &JudgedFinding::through_units}};
  for (const auto& [name, of_question] : questions) {
    const Question question = of_question;
    if (any_set(all, [=](Set on) { return over_answers(on, question, &JudgedQuestion::q).has_value(); })) {
      columns.number(fmt::format("q {}", name), kP, kPrograms,
                     [=](Finding, Set on) { return over_answers(on, question, &JudgedQuestion::q); });
    }
    const auto replication = [=](Set on) {
      const OverModels* over = on.over(question);
      return over != nullptr ? over->replication : std::nullopt;
    };
    if (!any_set(all, [=](Set on) { return replication(on).has_value(); })) continue;
    columns.number(fmt::format("p over models {}", name), kP, kPrograms, [=](Finding, Set on) {
      const std::optional<Replication> found = replication(on);
      return found ? number(found->p.p()) : std::nullopt;
    });
    for (const auto& [end, bound] : {std::pair("lower", &Interval::lower), std::pair("upper", &Interval::upper)}) {
      double Interval::*which = bound;
      columns.number(fmt::format("{} beyond nulls over models {}", name, end), kNumber, kPrograms,
                     [=](Finding, Set on) {
                       const std::optional<Replication> found = replication(on);
                       return found && found->interval ? number((*found->interval).*which) : std::nullopt;
                     });
    }
  }
}

}  // namespace

PaperTable table_of(const std::vector<ReportedFinding>& all, const std::vector<ReportedRun>& runs,
                    bool is_for_programs) {
  const Answer answer = is_for_programs ? &answers_text : &answer_counts;
  // Protocol paper and records of earlier versions have these in place of answers.
  const Audience in_place_of_answers = any_set(all, [](Set on) { return !on.presence; }) ? kAll : kPrograms;
  Columns columns;
  add_names(columns, all, is_for_programs);
  add_mask(columns, in_place_of_answers);
  const bool has_sets = any_set(all, [&](Set on) { return on.data != all.front().sets.front().data; });
  columns.text("data set", has_sets ? kAll : kPrograms, [](Finding, Set on) { return on.data; });
  add_presence(columns, answer);
  add_deletion(columns, answer, in_place_of_answers);
  if (any_set(all, [](Set on) { return on.asks_sufficiency(); })) add_sufficiency(columns, answer);
  if (any_set(all, [](Set on) { return on.is_asked(&JudgedFinding::through_component); })) {
    add_exchange(columns, answer);
  }
  if (any_of(all, [](Finding f) { return !f.in_controls.empty(); })) {
    columns.text("other types in control", kPrograms, [&](Finding f, Set on) {
      return over_controls(f, on, all,
                           [](Finding, Set there) { return there.presence ? text_of(there.presence->mask) : ""; });
    });
    columns.text("present in control", kAll,
                 [&](Finding f, Set on) { return over_controls(f, on, all, answer_of_control); });
  }
  add_q_and_models(columns, all);
  if (std::ranges::any_of(runs, [](const ReportedRun& run) { return run.judge != JudgeOptions(); })) {
    columns.text("smallest effect, correction", kPrograms, [&](Finding, Set on) { return rules_of(on, runs); });
  }
  columns.text("repetitions", kPrograms, [](Finding f, Set) { return std::to_string(f.n_cells()); });
  return columns.table(all);
}

}  // namespace cprobe
