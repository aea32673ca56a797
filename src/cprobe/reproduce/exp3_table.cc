#include "cprobe/reproduce/exp3_table.h"

#include <algorithm>
#include <array>

#include "cprobe/core/error.h"
#include "cprobe/core/number_text.h"
#include "cprobe/core/text_table.h"
#include "cprobe/evaluate/statistics.h"
#include "cprobe/io/csv.h"
#include "cprobe/record/judged.h"
#include "cprobe/reproduce/cell_figures.h"

namespace cprobe {
namespace {

/// Accuracy from which on a variable counts as decoded, and the task as learned.
constexpr double kReached = .9;

struct ProbedVariable {
  std::string_view variable;
  std::string_view meaning;
  std::string_view block;
};
constexpr std::array<ProbedVariable, 4> kProbes = {
    {{"var_0", "a^2", "attn"}, {"var_0", "a^2", "mlp"}, {"aux_0", "b^2", "attn"}, {"aux_0", "b^2", "mlp"}}};

/// What Lepori et al. 2024 report for a checkpoint (one seed).
struct PublishedCheckpoint {
  int64_t step;
  double accuracy;   ///< Test accuracy of the task.
  double attention;  ///< Test accuracy of decoding a^2 from the circuit in the attention block.
  double mlp;        ///< Test accuracy of decoding a^2 from the circuit in the MLP.
};
constexpr std::array<PublishedCheckpoint, 9> kPublishedCheckpoints = {{{100, .017, .314, .064},
                                                                       {1'000, .050, .486, .131},
                                                                       {5'000, .139, .684, .232},
                                                                       {8'000, .244, .796, .302},
                                                                       {9'000, .294, .919, .393},
                                                                       {12'500, .446, .980, .376},
                                                                       {15'000, .743, .984, .460},
                                                                       {17'500, .967, 1., .503},
                                                                       {20'000, 1., 1., .584}}};

/// The cell of a probe. @throws Error (kFailed) if there is none.
ProbedCell cell_of(const EmergenceCheckpoint& checkpoint, const ProbedVariable& probe) {
  const std::vector<ProbedCell> cells = cells_of(checkpoint.cells, probe.variable, probe.block);
  if (!cells.empty()) return cells.front();
  throw failure("step {}: {} was not probed in the {} block", checkpoint.step, probe.variable, probe.block);
}

double test_accuracy_at(const Emergence& run, int64_t step) {
  const auto found = std::ranges::find(run.test_accuracy, step, &std::pair<int64_t, double>::first);
  if (found == run.test_accuracy.end()) throw failure("seed {}: step {} is not on the curve", run.seed, step);
  return found->second;
}

/// The first checkpoint at which the circuit of a probe decodes its variable; none if there is no
/// such checkpoint.
std::optional<int64_t> step_decoded(const Emergence& run, const ProbedVariable& probe) {
  for (const EmergenceCheckpoint& checkpoint : run.checkpoints) {
    if (knn_of(cell_of(checkpoint, probe)) >= kReached) return checkpoint.step;
  }
  return std::nullopt;
}

std::optional<int64_t> step_generalised(const Emergence& run) {
  for (const auto& [step, accuracy] : run.test_accuracy) {
    if (accuracy >= kReached) return step;
  }
  return std::nullopt;
}

/// A sentence such as "Seed 0: kNN of a^2 from its attention circuit reaches 0.9 at step 9000, test
/// accuracy at step 16100: 7100 steps later."
std::string emergence_in_words(const Emergence& run) {
  const std::optional<int64_t> decoded = step_decoded(run, kProbes[0]), generalised = step_generalised(run);
  const int64_t last = run.test_accuracy.back().first;
  const auto when = [&](const std::optional<int64_t>& step) {
    return step ? fmt::format("at step {}", *step) : fmt::format("not by step {}", last);
  };
  std::string distance = "no distance can be given";
  if (decoded && generalised) {
    const int64_t steps = *generalised - *decoded;
    distance = steps < 0 ? fmt::format("{} steps before its circuit", -steps) : fmt::format("{} steps later", steps);
  } else if (decoded) {
    distance = fmt::format("more than {} steps later", last - *decoded);
  }
  return fmt::format("Seed {}: kNN of a^2 from its attention circuit reaches {:.1f} {}, test accuracy {}: {}.\n",
                     run.seed, kReached, when(decoded), when(generalised), distance);
}

/// Whether the variable of a probe is present at a checkpoint.
struct PresenceAt {
  VerdictWord answer = VerdictWord::kNotTested;
  std::optional<double> statistic, null_mean, p;  ///< p is adjusted over all checkpoints of the run.
};

/// The question of each checkpoint and probe of a run, as one family: a variable that is there at
/// no step is found at some step with a chance of at most .05.
std::vector<std::array<PresenceAt, kProbes.size()>> presence_of(const Emergence& run) {
  std::vector<std::array<PresenceAt, kProbes.size()>> all(run.checkpoints.size());
  std::vector<BesideNulls> family;
  std::vector<std::pair<PresenceAt*, Interval>> tested;
  for (size_t c = 0; c < run.checkpoints.size(); ++c) {
    for (size_t i = 0; i < kProbes.size(); ++i) {
      const ProbedCell cell = cell_of(run.checkpoints[c], kProbes[i]);
      if (cell.findings.presence.empty()) continue;
      const TestedFigure& present = cell.findings.presence.front().present;
      if (present.interval.n_types == 0) continue;
      all[c][i].statistic = present.value;
      if (present.nulls.empty()) continue;
      all[c][i].null_mean = spread(present.nulls).mean;
      family.push_back({present.value, present.nulls});
      tested.emplace_back(&all[c][i], present.interval);
    }
  }
  const double smallest_effect = JudgeOptions().smallest_effect;
  const std::vector<CountedP> adjusted = max_t(family, smallest_effect);
  for (size_t i = 0; i < tested.size(); ++i) {
    auto& [presence, interval] = tested[i];
    presence->answer = verdict_on({adjusted[i], interval}, smallest_effect);
    presence->p = adjusted[i].p();
  }
  return all;
}

/// "yes 0.981 (0.016)": the answer, the accuracy on other types, and that of null circuits.
std::string presence_text(const PresenceAt& presence) {
  if (!presence.statistic) return "-";
  const std::string nulls = presence.null_mean ? fmt::format(" ({:.3f})", *presence.null_mean) : "";
  return fmt::format("{} {:.3f}{}", to_string(presence.answer), *presence.statistic, nulls);
}

/// A sentence such as "a^2 in attn: present from step 900 on."
std::string since_when(const Emergence& run, const std::vector<std::array<PresenceAt, kProbes.size()>>& presence,
                       size_t probe) {
  const auto is_yes = [&](size_t c) { return presence[c][probe].answer == VerdictWord::kYes; };
  size_t since = run.checkpoints.size(), n_yes = 0;
  while (since > 0 && is_yes(since - 1)) --since;
  for (size_t c = 0; c < run.checkpoints.size(); ++c) n_yes += is_yes(c) ? 1 : 0;
  std::string when = "present at no step";
  if (since < run.checkpoints.size()) {
    const bool is_throughout = n_yes == run.checkpoints.size() - since;
    when = fmt::format("present from step {} on{}", run.checkpoints[since].step,
                       is_throughout ? "" : fmt::format(", and at {} earlier ones", n_yes + since - presence.size()));
  } else if (n_yes > 0) {
    when = fmt::format("present at {} of {} checkpoints, not at the last", n_yes, run.checkpoints.size());
  }
  return fmt::format("{} in {}: {}.\n", kProbes[probe].meaning, kProbes[probe].block, when);
}

/// The table and sentences on whether the variables are present; empty without null variables.
std::string presence_table(const Emergence& run) {
  const auto presence = presence_of(run);
  const bool is_tested = std::ranges::any_of(presence, [](const auto& checkpoint) {
    return std::ranges::any_of(checkpoint, [](const PresenceAt& of) { return of.p.has_value(); });
  });
  if (!is_tested) return {};
  std::vector<std::vector<std::string>> lines = {{"step"}};
  for (const ProbedVariable& probe : kProbes) lines[0].push_back(fmt::format("{} {}", probe.meaning, probe.block));
  for (size_t c = 0; c < presence.size(); ++c) {
    std::vector<std::string>& line = lines.emplace_back();
    line.push_back(std::to_string(run.checkpoints[c].step));
    for (const PresenceAt& of : presence[c]) line.push_back(presence_text(of));
  }
  std::string text = fmt::format(
      "\nSeed {}: is the variable present? Accuracy on other types, in brackets that of null circuits; p adjusted over "
      "all checkpoints.\n{}",
      run.seed, text_table(lines));
  for (size_t i = 0; i < kProbes.size(); ++i) text += since_when(run, presence, i);
  return text;
}

/// What all runs found at one step.
struct OverRuns {
  std::vector<double> accuracy;                               ///< Test accuracy of each model.
  std::array<std::vector<ProbedCell>, kProbes.size()> cells;  ///< Cells of each probe.
};

std::map<int64_t, OverRuns> by_step(const std::vector<Emergence>& runs) {
  std::map<int64_t, OverRuns> steps;
  for (const Emergence& run : runs) {
    for (const EmergenceCheckpoint& checkpoint : run.checkpoints) {
      OverRuns& over = steps[checkpoint.step];
      over.accuracy.push_back(test_accuracy_at(run, checkpoint.step));
      for (size_t i = 0; i < kProbes.size(); ++i) over.cells[i].push_back(cell_of(checkpoint, kProbes[i]));
    }
  }
  return steps;
}

constexpr std::array<std::string_view, 2> kDasSites = {"mid", "post"};

/// The interchange accuracy of DAS at a site ("mid" or "post"); none if DAS was not run.
std::optional<double> das_of(const EmergenceCheckpoint& checkpoint, std::string_view site) {
  for (const RecordedMetric& row : checkpoint.figures) {
    const bool fits = row.site == fmt::format("L0.{}", site) && row.metric.metric == "interchange_accuracy";
    if (fits && row.metric.control.empty()) return row.metric.value;
  }
  return std::nullopt;
}

/// The table of DAS; empty if DAS was not run.
std::string das_table(const std::vector<Emergence>& runs) {
  std::map<int64_t, std::array<std::vector<double>, kDasSites.size()>> steps;
  for (const Emergence& run : runs) {
    for (const EmergenceCheckpoint& checkpoint : run.checkpoints) {
      for (size_t i = 0; i < kDasSites.size(); ++i) {
        if (const auto accuracy = das_of(checkpoint, kDasSites[i])) steps[checkpoint.step][i].push_back(*accuracy);
      }
    }
  }
  if (steps.empty()) return {};
  std::vector<std::vector<std::string>> lines = {{"step", "DAS of a^2, mid", "post"}};
  for (const auto& [step, of_site] : steps) {
    lines.push_back({std::to_string(step), figure_over(of_site[0]), figure_over(of_site[1])});
  }
  return fmt::format("\n{}(Paper: from .03 to .98 at mid.)\n", text_table(lines));
}

/// Leaves out cells with an empty circuit, whose ablation changes nothing.
std::vector<ProbedCell> not_empty(std::vector<ProbedCell> cells) {
  std::erase_if(cells, [](const ProbedCell& cell) { return cell.findings.extent() == Extent::kEmpty; });
  return cells;
}

}  // namespace

std::string emergence_csv(const std::vector<Emergence>& runs) {
  std::vector<std::string> heading = {"seed", "step", "test_accuracy"};
  for (const ProbedVariable& probe : kProbes) {
    for (const char* figure :
         {"knn", "knn_full", "weights", "ablated", "other_types", "null_circuits", "present_p", "present"}) {
      heading.push_back(fmt::format("{}_{}_{}", probe.variable, probe.block, figure));
    }
  }
  const bool has_das = !das_table(runs).empty();
  for (const std::string_view site : kDasSites) {
    if (has_das) heading.push_back(fmt::format("var_0_{}_das", site));
  }
  std::string text = csv_record(heading);
  for (const Emergence& run : runs) {
    const auto presence = presence_of(run);
    for (size_t c = 0; c < run.checkpoints.size(); ++c) {
      const EmergenceCheckpoint& checkpoint = run.checkpoints[c];
      std::vector<std::string> record = {std::to_string(run.seed), std::to_string(checkpoint.step),
                                         fmt::format("{}", test_accuracy_at(run, checkpoint.step))};
      for (size_t i = 0; i < kProbes.size(); ++i) {
        const ProbedCell cell = cell_of(checkpoint, kProbes[i]);
        const bool is_empty = cell.findings.extent() == Extent::kEmpty;
        record.push_back(number_text(knn_of(cell)));
        record.push_back(number_text(full_knn_of(cell)));
        record.push_back(fmt::format("{}", share_of(cell)));
        record.push_back(is_empty ? std::string() : number_text(ablated_on("Test")(cell).value()));
        const PresenceAt& present = presence[c][i];
        for (const std::optional<double>& figure : {present.statistic, present.null_mean, present.p}) {
          record.push_back(figure ? number_text(*figure) : std::string());
        }
        record.emplace_back(to_string(present.answer));
      }
      for (const std::string_view site : kDasSites) {
        const std::optional<double> accuracy = das_of(checkpoint, site);
        if (has_das) record.push_back(accuracy ? fmt::format("{}", *accuracy) : "");
      }
      text += csv_record(record);
    }
  }
  return text;
}

std::string experiment3_table(const std::vector<Emergence>& runs) {
  std::vector<std::vector<std::string>> lines = {{"step", "test accuracy", "(paper)"}};
  for (const ProbedVariable& probe : kProbes) {
    const std::string name = fmt::format("{} {}", probe.meaning, probe.block);
    lines[0].push_back(name + " kNN");
    if (probe.meaning == kProbes[0].meaning) lines[0].emplace_back("(paper)");
    lines[0].emplace_back("kNN full");
    lines[0].emplace_back("ablated");
  }
  for (const auto& [step, over] : by_step(runs)) {
    const auto* published = std::ranges::find(kPublishedCheckpoints, step, &PublishedCheckpoint::step);
    const bool is_published = published != kPublishedCheckpoints.end();
    const auto in_brackets = [&](double PublishedCheckpoint::*figure) {
      return published_figure(is_published ? std::optional(published->*figure) : std::nullopt);
    };
    std::vector<std::string> line = {std::to_string(step), figure_over(over.accuracy),
                                     in_brackets(&PublishedCheckpoint::accuracy)};
    for (size_t i = 0; i < kProbes.size(); ++i) {
      line.push_back(figure_over(over.cells[i], knn_of));
      if (kProbes[i].meaning == kProbes[0].meaning) {
        line.push_back(
            in_brackets(kProbes[i].block == "attn" ? &PublishedCheckpoint::attention : &PublishedCheckpoint::mlp));
      }
      line.push_back(figure_over(over.cells[i], full_knn_of));
      line.push_back(figure_over(not_empty(over.cells[i]), ablated_on("Test")));
    }
    lines.push_back(line);
  }
  std::string text = text_table(lines) + "\n";
  for (const Emergence& run : runs) text += emergence_in_words(run);
  text += "(Paper: step 9000, and about 16000. kNN of b^2 from its attention circuit: .50 to .55 throughout.)\n";
  for (const Emergence& run : runs) text += presence_table(run);
  text += das_table(runs);
  return text;
}

}  // namespace cprobe
