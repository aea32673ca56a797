#include "cprobe/report/table_columns.h"

#include <algorithm>
#include <functional>
#include <iterator>

#include "cprobe/report/control_runs.h"
#include "cprobe/report/phrases.h"

namespace cprobe {
namespace {

using enum TableColumn::Kind;

/// The words for an answer: answers_text or answer_counts.
using Answer = std::string (*)(const ReportedFinding&, const ReportedSet&, Question);

TableField number_field(double number) {
  return {.figure = Spread{.mean = number, .n = 1}};
}

std::optional<Spread> largest(const std::vector<double>& values) {
  if (values.empty()) return std::nullopt;
  return Spread{.mean = *std::ranges::max_element(values), .n = 1};
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
  return found ? std::optional(Spread{.mean = *found, .n = 1}) : std::nullopt;
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

/// The columns of the question whether the weights suffice, and their fields.
std::vector<TableColumn> sufficiency_columns() {
  return {{"only these left", kFigure},
          {"only random left", kFigure},
          {"none left", kFigure},
          {"p sufficient", kP},
          {"sufficient beyond random lower", kNumber},
          {"sufficient beyond random upper", kNumber},
          {"sufficient"}};
}
std::vector<TableField> sufficiency_fields(const ReportedFinding& f, const ReportedSet& on, Answer answer) {
  constexpr Question kSufficient = &JudgedFinding::sufficient;
  if (!on.asks_sufficiency() || !on.ablation) return std::vector<TableField>(sufficiency_columns().size());
  const ReportedAblation& a = *on.ablation;
  return {{{}, a.complement},
          {{}, a.only_random},
          {{}, a.component},
          {{}, p_over_answers(on, kSufficient)},
          {{}, over_answers(on, kSufficient, &JudgedQuestion::lower, true)},
          {{}, over_answers(on, kSufficient, &JudgedQuestion::upper)},
          {f.is_empty() ? std::string() : answer(f, on, kSufficient)}};
}

/// What negative controls of the same model say: "also present", or "random_init: not present" of
/// several; and their accuracy on other types.
std::vector<TableField> control_fields(const ReportedFinding& f, const ReportedSet& on,
                                       const std::vector<ReportedFinding>& all) {
  std::vector<std::string> answers, accuracies;
  for (const size_t i : f.in_controls) {
    const ReportedSet* there = all[i].on(on.data);
    if (there == nullptr) continue;
    const std::string name = f.in_controls.size() > 1 ? all[i].control + ": " : std::string();
    answers.push_back(name + answer_of_control(all[i], *there));
    if (there->presence) accuracies.push_back(name + text_of(there->presence->mask));
  }
  return {{fmt::format("{}", fmt::join(accuracies, "; "))}, {fmt::format("{}", fmt::join(answers, "; "))}};
}

/// The columns of questions that are asked by exchange, and their fields.
std::vector<TableColumn> exchange_columns() {
  return {{"exchange effect", kNumber}, {"p component", kP}, {"through component"},
          {"carried - left", kNumber},  {"p units", kP},     {"through units"}};
}
std::vector<TableField> exchange_fields(const ReportedFinding& f, const ReportedSet& on, Answer answer) {
  std::vector<TableField> fields;
  for (const Question question : {&JudgedFinding::through_component, &JudgedFinding::through_units}) {
    fields.push_back({{}, over_answers(on, question, &JudgedQuestion::statistic)});
    fields.push_back({{}, p_over_answers(on, question)});
    fields.push_back({on.is_asked(question) ? answer(f, on, question) : std::string()});
  }
  return fields;
}

/// The fields of a finding on one data set that a table has beside those of the finding.
std::vector<TableField> fields_of(const ReportedFinding& f, const ReportedSet& on, Answer answer) {
  constexpr Question kPresent = &JudgedFinding::present, kNeeded = &JudgedFinding::weights_needed;
  const ReportedPresence* presence = on.presence ? &*on.presence : nullptr;
  const ReportedAblation* a = on.ablation ? &*on.ablation : nullptr;
  const Spread* nulls = presence != nullptr && presence->nulls ? &*presence->nulls : nullptr;
  // If all masks are empty, nothing is ablated.
  const bool is_ablated = a != nullptr && !f.is_empty();
  std::vector<TableField> fields = {{on.data}};
  fields.push_back({{}, presence != nullptr ? std::optional(presence->mask) : std::nullopt});
  fields.push_back(nulls != nullptr ? number_field(nulls->mean) : TableField());
  fields.push_back(nulls != nullptr && nulls->sd ? number_field(*nulls->sd) : TableField());
  fields.push_back({{}, p_over_answers(on, kPresent)});
  fields.push_back({{}, over_answers(on, kPresent, &JudgedQuestion::lower, true)});
  fields.push_back({{}, over_answers(on, kPresent, &JudgedQuestion::upper)});
  fields.push_back({answer(f, on, kPresent)});
  fields.push_back({answer_counts(f, on, &JudgedFinding::made_here)});
  fields.push_back({received_from(on)});
  fields.push_back({{}, a != nullptr ? std::optional(a->untouched) : std::nullopt});
  fields.push_back({{}, is_ablated ? std::optional(a->ablated) : std::nullopt});
  fields.push_back({{}, a != nullptr ? a->random : std::nullopt});
  fields.push_back({{}, is_ablated ? over_answers(on, kNeeded, &JudgedQuestion::statistic) : std::nullopt});
  fields.push_back({{}, p_over_answers(on, kNeeded)});
  fields.push_back({{}, over_answers(on, kNeeded, &JudgedQuestion::lower, true)});
  fields.push_back({{}, over_answers(on, kNeeded, &JudgedQuestion::upper)});
  fields.push_back({f.is_empty() ? std::string() : answer(f, on, kNeeded)});
  fields.push_back({{}, a != nullptr ? largest(a->complement_p) : std::nullopt});
  return fields;
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

/// A column that only some reports have.
struct ExtraColumn {
  TableColumn column;
  std::function<TableField(const ReportedSet&)> field;
};

/// q and p over models of the questions that have them, and rules of judging.
std::vector<ExtraColumn> extra_columns(const std::vector<ReportedFinding>& all, const std::vector<ReportedRun>& runs) {
  const std::pair<const char*, Question> questions[] = {{"present", &JudgedFinding::present},
                                                        {"needed", &JudgedFinding::weights_needed},
                                                        {"component", &JudgedFinding::through_component},
                                                        {"units", &JudgedFinding::through_units}};
  const auto any = [&](auto&& holds) {
    return std::ranges::any_of(all, [&](const ReportedFinding& f) { return std::ranges::any_of(f.sets, holds); });
  };
  std::vector<ExtraColumn> columns;
  for (const auto& [name, of_question] : questions) {
    const Question question = of_question;
    const auto q = [question](const ReportedSet& on) { return over_answers(on, question, &JudgedQuestion::q); };
    if (any([&](const ReportedSet& on) { return q(on).has_value(); })) {
      columns.push_back({{fmt::format("q {}", name), kP}, [q](const ReportedSet& on) {
                           return TableField{{}, q(on)};
                         }});
    }
    const auto replication = [question](const ReportedSet& on) -> const Replication* {
      const OverModels* over = on.over(question);
      return over != nullptr && over->replication ? &*over->replication : nullptr;
    };
    if (!any([&](const ReportedSet& on) { return replication(on) != nullptr; })) continue;
    columns.push_back({{fmt::format("p over models {}", name), kP}, [replication](const ReportedSet& on) {
                         const Replication* found = replication(on);
                         return found == nullptr ? TableField() : number_field(found->p.p());
                       }});
    for (const auto& [end, bound] : {std::pair("lower", &Interval::lower), std::pair("upper", &Interval::upper)}) {
      double Interval::*which = bound;
      columns.push_back(
          {{fmt::format("{} beyond nulls over models {}", name, end), kNumber}, [=](const ReportedSet& on) {
             const Replication* found = replication(on);
             const bool has_interval = found != nullptr && found->interval;
             return has_interval ? number_field((*found->interval).*which) : TableField();
           }});
    }
  }
  if (std::ranges::any_of(runs, [](const ReportedRun& run) { return run.judge != JudgeOptions(); })) {
    columns.push_back(
        {{"smallest effect, correction"}, [&](const ReportedSet& on) { return TableField{rules_of(on, runs)}; }});
  }
  return columns;
}

}  // namespace

PaperTable table_of(const std::vector<ReportedFinding>& all, const std::vector<ReportedRun>& runs,
                    bool is_for_programs) {
  const auto any = [&](auto&& holds) { return std::ranges::any_of(all, holds); };
  const bool with_series = any([&](const ReportedFinding& f) { return f.series != all.front().series; });
  const bool with_step = any([](const ReportedFinding& f) { return f.step.has_value(); });
  const bool with_positions = any([&](const ReportedFinding& f) { return f.position != all.front().position; });
  const bool with_options = any([](const ReportedFinding& f) { return !f.options.empty(); });
  const bool with_controls = any([](const ReportedFinding& f) { return !f.control.empty(); });
  const std::vector<ExtraColumn> extra = extra_columns(all, runs);
  const bool with_exchange = any([](const ReportedFinding& f) {
    return std::ranges::any_of(f.sets,
                               [](const ReportedSet& on) { return on.is_asked(&JudgedFinding::through_component); });
  });
  const bool with_sufficiency = any([](const ReportedFinding& f) {
    return std::ranges::any_of(f.sets, [](const ReportedSet& on) { return on.asks_sufficiency(); });
  });
  const bool with_matched = any([](const ReportedFinding& f) { return !f.in_controls.empty(); });
  const bool with_titles = is_for_programs && any([](const ReportedFinding& f) { return f.title != f.variable; });
  const Answer answer = is_for_programs ? &answers_text : &answer_counts;
  PaperTable table;
  if (with_series) table.columns.push_back({"run"});
  if (with_step) table.columns.push_back({"step"});
  if (with_controls) table.columns.push_back({"negative control"});
  table.columns.push_back({"variable"});
  if (with_titles) table.columns.push_back({"title"});
  table.columns.push_back({"component"});
  if (with_positions) table.columns.push_back({"position"});
  if (with_options) table.columns.push_back({"setting"});
  table.columns.insert(table.columns.end(), {{"mask"},
                                             {"share of weights", kFigure},
                                             {"kNN", kFigure},
                                             {"kNN component", kFigure},
                                             {"majority", kNumber},
                                             {"data set"},
                                             {"other types", kFigure},
                                             {"null mean", kNumber},
                                             {"null sd", kNumber},
                                             {"p present", kP},
                                             {"present beyond nulls lower", kNumber},
                                             {"present beyond nulls upper", kNumber},
                                             {"present"},
                                             {"made here"},
                                             {"received from"},
                                             {"untouched", kFigure},
                                             {"deleted", kFigure},
                                             {"random deleted", kFigure},
                                             {"harm", kNumber},
                                             {"p needed", kP},
                                             {"harm beyond random lower", kNumber},
                                             {"harm beyond random upper", kNumber},
                                             {"needed"},
                                             {"p complement", kP}});
  if (with_sufficiency) std::ranges::copy(sufficiency_columns(), std::back_inserter(table.columns));
  if (with_exchange) std::ranges::copy(exchange_columns(), std::back_inserter(table.columns));
  if (with_matched) {
    table.columns.insert(table.columns.end(), {{"other types in control"}, {"present in control"}});
  }
  for (const ExtraColumn& one : extra) table.columns.push_back(one.column);
  table.columns.push_back({"repetitions"});
  for (const ReportedFinding& f : all) {
    for (const ReportedSet& on : f.sets) {
      std::vector<TableField> line;
      if (with_series) line.push_back({f.series});
      if (with_step) line.push_back({f.step ? std::to_string(*f.step) : std::string()});
      if (with_controls) line.push_back({f.control});
      line.push_back({is_for_programs ? f.variable : f.title});
      if (with_titles) line.push_back({f.title});
      line.push_back({f.component()});
      if (with_positions) line.push_back({to_string(f.position)});
      if (with_options) line.push_back({f.options});
      line.push_back({extent_of(f)});
      for (const Spread& figure : {f.share, f.knn, f.full, Spread{.mean = f.majority}}) line.push_back({{}, figure});
      std::ranges::move(fields_of(f, on, answer), std::back_inserter(line));
      if (with_sufficiency) std::ranges::move(sufficiency_fields(f, on, answer), std::back_inserter(line));
      if (with_exchange) std::ranges::move(exchange_fields(f, on, answer), std::back_inserter(line));
      if (with_matched) std::ranges::move(control_fields(f, on, all), std::back_inserter(line));
      for (const ExtraColumn& one : extra) line.push_back(one.field(on));
      line.push_back({std::to_string(f.n_cells())});
      table.lines.push_back(std::move(line));
    }
  }
  return table;
}

}  // namespace cprobe
