#include "cprobe/reproduce/answers_table.h"

#include <algorithm>
#include <iterator>

#include "cprobe/core/text_table.h"
#include "cprobe/evaluate/statistics.h"
#include "cprobe/record/result_tables.h"

namespace cprobe {
namespace {

/// "yes, no" over models.
std::string words_over(const std::vector<const JudgedQuestion*>& questions) {
  std::vector<std::string> words;
  for (const JudgedQuestion* question : questions) words.emplace_back(to_string(question->answer));
  std::ranges::sort(words);
  std::vector<std::string> counted;
  for (auto begin = words.begin(); begin != words.end();) {
    const auto end = std::find_if(begin, words.end(), [&](const std::string& word) { return word != *begin; });
    counted.push_back(words.size() == 1 ? *begin : fmt::format("{} {}", end - begin, *begin));
    begin = end;
  }
  return fmt::format("{}", fmt::join(counted, ", "));
}

/// Means over models of a figure that all have; kNoFigure otherwise.
std::string mean_over(const std::vector<const JudgedQuestion*>& questions,
                      std::optional<double> JudgedQuestion::*figure) {
  std::vector<double> values;
  for (const JudgedQuestion* question : questions) {
    if (question->*figure) values.push_back(*(question->*figure));
  }
  return values.empty() ? kNoFigure : figure_text(spread(values).mean, {});
}

/// The largest p over models; kNoFigure if none has one.
std::string worst_p(const std::vector<const JudgedQuestion*>& questions) {
  std::optional<double> worst;
  for (const JudgedQuestion* question : questions) {
    if (question->p_adjusted) worst = std::max(worst.value_or(0), *question->p_adjusted);
  }
  return worst ? p_number(*worst) : kNoFigure;
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

}  // namespace

std::string answers_table(const std::vector<std::vector<JudgedFinding>>& models, const JudgeOptions& rules,
                          const std::function<std::string_view(std::string_view variable)>& meaning_of) {
  const size_t n_models = models.size();
  std::vector<FindingOfModels> findings;
  for (size_t i = 0; i < models.front().size(); ++i) {
    FindingOfModels& finding = findings.emplace_back();
    for (const std::vector<JudgedFinding>& model : models) finding.push_back(&model[i]);
  }
  const auto over_models = [&](Question question) {
    return n_models > 1 ? replications(findings, question, rules)
                        : std::vector<std::optional<Replication>>(findings.size());
  };
  const std::vector<std::optional<Replication>> present_over = over_models(&JudgedFinding::present);
  const std::vector<std::optional<Replication>> needed_over = over_models(&JudgedFinding::weights_needed);
  std::vector<std::vector<std::string>> lines;
  const auto add = [&](const std::vector<std::string>& fields) {
    lines.back().insert(lines.back().end(), fields.begin(), fields.end());
  };
  lines.push_back({"variable", "block", "other types", "null circuits", "worst p", "present"});
  add(over_models_heading(n_models));
  add({"made here", "input best at", "harm", "random sets", "needed"});
  add(over_models_heading(n_models));
  for (size_t i = 0; i < findings.size(); ++i) {
    const JudgedFinding& first = *findings[i].front();
    const auto of = [&](Question question) {
      std::vector<const JudgedQuestion*> all;
      for (const JudgedFinding* finding : findings[i]) all.push_back(&(finding->*question));
      return all;
    };
    const auto present = of(&JudgedFinding::present), needed = of(&JudgedFinding::weights_needed);
    lines.push_back({std::string(meaning_of(first.variable)), std::string(to_string(first.component.block)),
                     mean_over(present, &JudgedQuestion::statistic), mean_over(present, &JudgedQuestion::null_mean),
                     worst_p(present), words_over(present)});
    add(over_models_fields(present_over[i], n_models));
    add({words_over(of(&JudgedFinding::made_here)), first.received_from.empty() ? kNoFigure : first.received_from,
         mean_over(needed, &JudgedQuestion::statistic), mean_over(needed, &JudgedQuestion::null_mean),
         words_over(needed)});
    add(over_models_fields(needed_over[i], n_models));
  }
  return text_table(lines) + (n_models == 1 ? "One model: the answers are about this model.\n" : "");
}

}  // namespace cprobe
