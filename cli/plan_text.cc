#include "cli/plan_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/progress_bar.h"
#include "cprobe/core/memory.h"
#include "cprobe/core/text_table.h"
#include "cprobe/evaluate/statistics.h"

namespace cprobe {
namespace {

/// The cells with their expected times. At most 20 lines: a long table lacks its middle.
std::string plan_table(const RunPlan& plan) {
  constexpr size_t kShown = 20;
  std::vector<std::vector<std::string>> lines = {
      {"cell", "streams", "mask training", "decoding", "ablations", "exchanges", "in all", "if empty"}};
  for (size_t i = 0; i < plan.cells.size(); ++i) {
    if (plan.cells.size() > kShown && i == kShown - 2) {
      lines.push_back({fmt::format("... {} more", plan.cells.size() - kShown + 1), "", "", "", "", "", "", ""});
      i = plan.cells.size() - 1;
    }
    const auto& [label, time, is_over] = plan.cells[i];
    if (is_over) {
      lines.push_back({label, "-", "-", "-", "-", "-", "is there", ""});
      continue;
    }
    lines.push_back({label, format_duration(time.streams), format_duration(time.fit()), format_duration(time.decoding),
                     fmt::format("{} ({})", format_duration(time.ablations()), time.n_ablations),
                     format_duration(time.exchanges), format_duration(time.total()), format_duration(time.least())});
  }
  return text_table(lines);
}

/// The names of variables; of more than three, how many more there are.
std::string shortened(const std::vector<std::string>& names) {
  constexpr size_t kShown = 3;
  if (names.size() <= kShown) return fmt::format("{}", fmt::join(names, ", "));
  return fmt::format("{} and {} more", fmt::join(names.begin(), names.begin() + kShown - 1, ", "),
                     names.size() - kShown + 1);
}

/// What is in the way of answers: "present, made here (x, y; on Test): too few types: ...".
/// Questions about the same variables, then variables with the same questions, share a line.
std::string problems_text(const std::vector<PlannedQuestion>& questions, const Titles& titles) {
  struct Problem {
    std::string text, data;
    std::vector<std::string> questions, variables;
  };
  std::vector<Problem> of_variables, all;
  const auto add_to = [](std::vector<Problem>& list, const Problem& one, auto same, auto joined) {
    const auto found = std::ranges::find_if(list, [&](const Problem& other) {
      return other.text == one.text && other.data == one.data && other.*same == one.*same;
    });
    if (found == list.end()) {
      list.push_back(one);
    } else {
      ((*found).*joined).insert(((*found).*joined).end(), (one.*joined).begin(), (one.*joined).end());
    }
  };
  for (const PlannedQuestion& q : questions) {
    if (q.problem.empty()) continue;
    add_to(of_variables, {q.problem, q.data, {q.question}, titles_in(titles, q.variables)}, &Problem::variables,
           &Problem::questions);
  }
  for (const Problem& one : of_variables) add_to(all, one, &Problem::questions, &Problem::variables);
  std::string text;
  for (const Problem& one : all) {
    text += fmt::format("{} ({}; on {}): {}.\n", fmt::join(one.questions, ", "), shortened(one.variables), one.data,
                        one.text);
  }
  return text;
}

/// What the run could tell: a line for each question, data set and kind of variable, then what is
/// in the way of an answer. Empty in protocol paper.
std::string power_text(const std::vector<PlannedQuestion>& questions, const Titles& titles) {
  if (questions.empty()) return {};
  std::vector<std::vector<std::string>> lines = {
      {"question", "data", "variables", "types", "nulls", "findings", "least p", "least effect"}};
  bool is_any_possible = false;
  std::vector<std::string> variables;
  for (const PlannedQuestion& q : questions) {
    variables.insert(variables.end(), q.variables.begin(), q.variables.end());
    lines.push_back({q.question, q.data, shortened(titles_in(titles, q.variables)), std::to_string(q.n_types),
                     std::to_string(q.n_nulls), std::to_string(q.n_findings), p_number(q.least_p),
                     q.least_effect ? fmt::format("{:.3f}", *q.least_effect) : "-"});
    is_any_possible |= q.least_effect.has_value();
  }
  std::string text = fmt::format(
      "\nWhat these rows and types could tell: the least adjusted p, and the least effect beyond nulls that is "
      "answered yes in four of five runs.\n{}{}"
      "Assumed standard deviations: {} between types (0.5 is the largest of a share), {} between null variables, {} "
      "between random sets (through units: {}).\n",
      text_table(lines), columns_note(titles, variables), kAssumedTypeSd, kAssumedNullSd, kAssumedRandomSd,
      kAssumedUnitsSd);
  if (!is_any_possible) text += "No question of this spec can be answered yes:\n";
  return text + problems_text(questions, titles);
}

nlohmann::ordered_json power_json(const std::vector<PlannedQuestion>& questions) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const PlannedQuestion& q : questions) {
    const nlohmann::ordered_json effect = q.least_effect ? nlohmann::ordered_json(*q.least_effect) : nullptr;
    const nlohmann::ordered_json problem =
        q.problem.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(q.problem);
    list.push_back({{"question", q.question},
                    {"data", q.data},
                    {"variables", q.variables},
                    {"n_types", q.n_types},
                    {"n_nulls", q.n_nulls},
                    {"n_findings", q.n_findings},
                    {"least_p", q.least_p},
                    {"least_effect", effect},
                    {"type_sd", kAssumedTypeSd},
                    {"null_sd", q.null_sd},
                    {"problem", problem}});
  }
  return list;
}

/// What would shorten a run that is exchanges for the most part; empty for other runs.
std::string exchanges_note(const RunPlan& plan) {
  double exchanges = 0, all = 0;
  for (const auto& [label, time, is_over] : plan.cells) {
    if (is_over) continue;
    exchanges += time.exchanges;
    all += time.total();
  }
  if (all < 60 || exchanges < all / 2) return {};
  return fmt::format(
      "Exchanges are {:.0f} % of it, and fewer rows (evaluate.exchange_rows) shorten them in proportion; 0 leaves them "
      "and the questions 'through ...' out.\n",
      100 * exchanges / all);
}

/// What the time rests on; empty if nothing of it could fall away.
std::string parts_note(const RunPlan& plan) {
  if (plan.seconds_at_least >= plan.seconds) return {};
  return fmt::format(
      "That is if every mask is a part of its component. A mask that keeps nothing trains faster and has no random "
      "sets: if all keep nothing, about {}.\n",
      format_duration(plan.seconds_at_least));
}

}  // namespace

void print_plan_json(const RunPlan& plan) {
  nlohmann::ordered_json cells = nlohmann::ordered_json::array();
  for (const auto& [label, time, is_over] : plan.cells) {
    cells.push_back({{"cell", label},
                     {"is_over", is_over},
                     {"seconds", time.total()},
                     {"seconds_if_empty", time.least()},
                     {"streams_seconds", time.streams},
                     {"fit_seconds", time.fit()},
                     {"ablations_seconds", time.ablations()},
                     {"n_ablations", time.n_ablations},
                     {"decoding_seconds", time.decoding},
                     {"exchanges_seconds", time.exchanges}});
  }
  const nlohmann::ordered_json object = {{"cells", cells},
                                         {"seconds", plan.seconds},
                                         {"seconds_at_least", plan.seconds_at_least},
                                         {"jobs", plan.parallelism.n_jobs},
                                         {"threads", plan.parallelism.n_threads},
                                         {"peak_memory", plan.peak_memory},
                                         {"weights_memory", plan.weights_memory},
                                         {"streams_memory", plan.streams_memory},
                                         {"streams_on_disk", plan.streams_on_disk},
                                         {"power", power_json(plan.questions)}};
  fmt::print("{}\n", object.dump());
}

void print_plan(const RunPlan& plan) {
  const int64_t n_over = std::ranges::count(plan.cells, true, &RunPlan::Forecast::is_over);
  fmt::print(
      "{}\n{} cells to compute{}: about {}, {} at once with {} threads each, from an epoch and a forward pass measured "
      "now.\n",
      plan_table(plan), std::ssize(plan.cells) - n_over, n_over == 0 ? "" : fmt::format(", {} are there", n_over),
      format_duration(plan.seconds), plan.parallelism.n_jobs, plan.parallelism.n_threads);
  fmt::print("{}{}Peak memory: about {}, of which the model's weights {} and residual streams {}{}.\n",
             parts_note(plan), exchanges_note(plan), format_bytes(plan.peak_memory), format_bytes(plan.weights_memory),
             format_bytes(plan.streams_memory),
             plan.streams_on_disk ? " (in scratch files, as they exceed --memory)" : "");
  fmt::print("{}", power_text(plan.questions, plan.titles));
}

}  // namespace cprobe
