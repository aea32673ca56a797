#include "cprobe/reproduce/answers_table.h"

#include <algorithm>

#include "cprobe/core/error.h"
#include "cprobe/core/text_table.h"
#include "cprobe/evaluate/statistics.h"
#include "cprobe/record/result_tables.h"

namespace cprobe {
namespace {

/// "yes"; over models "2 yes, 1 no".
std::string words_over(const AnswersLine& line, Question asked) {
  std::vector<std::string> words;
  for (const JudgedFinding* finding : line.findings) words.emplace_back(answer_word(*finding, asked));
  std::ranges::sort(words);
  std::vector<std::string> counted;
  for (auto begin = words.begin(); begin != words.end();) {
    const auto end = std::find_if(begin, words.end(), [&](const std::string& word) { return word != *begin; });
    counted.push_back(words.size() == 1 ? *begin : fmt::format("{} {}", end - begin, *begin));
    begin = end;
  }
  return fmt::format("{}", fmt::join(counted, "; "));
}

/// The mean of the figures that there are; kNoFigure if there are none.
template <typename Figure>
std::string mean_over(const AnswersLine& line, const Figure& figure) {
  std::vector<double> values;
  for (const JudgedFinding* finding : line.findings) {
    if (const std::optional<double> value = figure(*finding)) values.push_back(*value);
  }
  return values.empty() ? kNoFigure : figure_text(spread(values).mean, {});
}

std::string mean_over(const AnswersLine& line, Question asked, std::optional<double> JudgedQuestion::*figure) {
  return mean_over(line, [&](const JudgedFinding& finding) { return (finding.*asked).*figure; });
}

std::string mean_over(const AnswersLine& line, std::optional<double> JudgedFinding::*figure) {
  return mean_over(line, [&](const JudgedFinding& finding) { return finding.*figure; });
}

/// The largest p over models; kNoFigure if none has one.
std::string worst_p(const AnswersLine& line, Question asked) {
  std::optional<double> worst;
  for (const JudgedFinding* finding : line.findings) {
    if (const auto p = (finding->*asked).shown_p_adjusted()) worst = std::max(worst.value_or(0), *p);
  }
  return worst ? p_number(*worst) : kNoFigure;
}

/// Where the input tells most, as far as the models agree.
std::string best_input(const AnswersLine& line) {
  const std::string& first = line.findings.front()->received_from;
  const bool is_one =
      std::ranges::all_of(line.findings, [&](const JudgedFinding* finding) { return finding->received_from == first; });
  return !is_one ? "differs" : first.empty() ? kNoFigure : first;
}

bool was_exchanged(const AnswersLine& line) {
  return std::ranges::any_of(line.findings, [](const JudgedFinding* finding) {
    return finding->through_component.answer != VerdictWord::kNotTested;
  });
}

/// What a line says of a question over models: nothing for one model; else the p and, for three
/// models and more, the interval beyond nulls.
std::vector<std::string> over_models_fields(const std::optional<Replication>& replication, size_t n_models) {
  if (n_models == 1) return {};
  std::vector<std::string> fields = {replication ? p_number(replication->p.p()) : kNoFigure};
  if (n_models == 2) return fields;
  const bool has_interval = replication && replication->interval;
  fields.push_back(has_interval
                       ? fmt::format("{:.3f} to {:.3f}", replication->interval->lower, replication->interval->upper)
                       : kNoFigure);
  return fields;
}

std::vector<std::string> over_models_heading(size_t n_models) {
  if (n_models == 1) return {};
  const auto n = static_cast<int64_t>(n_models);
  std::vector<std::string> heading = {fmt::format("p({} of {} models)", most_of(n), n)};
  if (n_models > 2) heading.emplace_back("beyond nulls, over models");
  return heading;
}

std::vector<std::string> extended(std::vector<std::string> names, const std::vector<std::string>& fields) {
  names.insert(names.end(), fields.begin(), fields.end());
  return names;
}

}  // namespace

std::string answers_table(const std::vector<std::string>& headings, const std::vector<AnswersLine>& lines,
                          const JudgeOptions& rules) {
  constexpr auto kStatistic = &JudgedQuestion::statistic;
  constexpr auto kNullMean = &JudgedQuestion::null_mean;
  constexpr auto kPresent = &JudgedFinding::present;
  constexpr auto kNeeded = &JudgedFinding::weights_needed;
  const size_t n_models = lines.front().findings.size();
  std::vector<FindingOfModels> findings;
  findings.reserve(lines.size());
  for (const AnswersLine& line : lines) findings.push_back(line.findings);
  const auto over_models = [&](Question question) {
    return n_models > 1 ? replications(findings, question, rules)
                        : std::vector<std::optional<Replication>>(findings.size());
  };
  const std::vector<std::optional<Replication>> present_over = over_models(kPresent);
  const std::vector<std::optional<Replication>> needed_over = over_models(kNeeded);
  const std::vector<std::string> over_heading = over_models_heading(n_models);
  std::vector<std::string> heading = extended(headings, {"other types", "null circuits", "worst p", "present"});
  heading = extended(extended(heading, over_heading), {"made here", "input best at", "harm", "random sets", "needed"});
  std::vector<std::vector<std::string>> questions = {extended(heading, over_heading)};
  std::vector<std::vector<std::string>> exchanges = {
      extended(headings, {"exchange", "null variables", "keep", "with halves", "through component", "carried", "left",
                          "random sets", "through units"})};
  for (size_t i = 0; i < lines.size(); ++i) {
    const AnswersLine& line = lines[i];
    const std::vector<std::string> present =
        extended(line.names, {mean_over(line, kPresent, kStatistic), mean_over(line, kPresent, kNullMean),
                              worst_p(line, kPresent), words_over(line, kPresent)});
    const std::vector<std::string> needed =
        extended(extended(present, over_models_fields(present_over[i], n_models)),
                 {words_over(line, &JudgedFinding::made_here), best_input(line), mean_over(line, kNeeded, kStatistic),
                  mean_over(line, kNeeded, kNullMean), words_over(line, kNeeded)});
    questions.push_back(extended(needed, over_models_fields(needed_over[i], n_models)));
    if (!was_exchanged(line)) continue;
    constexpr auto kComponent = &JudgedFinding::through_component;
    constexpr auto kUnits = &JudgedFinding::through_units;
    exchanges.push_back(extended(
        line.names,
        {mean_over(line, kComponent, kStatistic), mean_over(line, kComponent, kNullMean),
         mean_over(line, &JudgedFinding::keep), mean_over(line, &JudgedFinding::keep_halves),
         words_over(line, kComponent), mean_over(line, &JudgedFinding::carried), mean_over(line, &JudgedFinding::left),
         mean_over(line, kUnits, kNullMean), words_over(line, kUnits)}));
  }
  std::string text = text_table(questions);
  if (n_models == 1) text += "One model: the answers are about this model.\n";
  return exchanges.size() == 1 ? text : fmt::format("{}\n{}", text, text_table(exchanges));
}

const JudgedFinding& finding_of(const std::vector<JudgedFinding>& findings, std::string_view variable,
                                std::string_view block, std::string_view data) {
  const auto found = std::ranges::find_if(findings, [&](const JudgedFinding& finding) {
    return finding.variable == variable && to_string(finding.component.block) == block && finding.data == data;
  });
  if (found != findings.end()) return *found;
  throw failure("{} was not probed in the {} block on {}", variable, block, data);
}

}  // namespace cprobe
