#include "cprobe/reproduce/exp2_table.h"

#include <algorithm>
#include <array>
#include <functional>

#include "cprobe/core/error.h"
#include "cprobe/core/text_table.h"
#include "cprobe/evaluate/inference.h"
#include "cprobe/evaluate/statistics.h"
#include "cprobe/reproduce/answers_table.h"
#include "cprobe/reproduce/cell_figures.h"

namespace cprobe {
namespace {

constexpr size_t kTasks = 2;
using OfTasks = std::array<std::optional<double>, kTasks>;
constexpr OfTasks kNotPublished = {};

struct Variable {
  std::string_view column;
  std::string_view kind;
  std::array<std::string_view, kTasks> meaning;
};
constexpr Variable kShared = {"var_0", "shared", {"a mod 29", "a mod 29"}};
constexpr Variable kFree = {"var_1", "free", {"b mod 31", "b mod 23"}};
constexpr Variable kAuxiliary = {"aux_0", "auxiliary", {"R mod 23", "R mod 31"}};

/// What Lepori et al. 2024 report for a variable and block of tasks 1 and 2 (one seed, one draw of
/// exemplars, no random controls).
struct PublishedPair {
  const Variable& variable;
  std::string_view block;
  OfTasks knn;              ///< Test accuracy of decoding from the circuit.
  OfTasks full_knn;         ///< Test accuracy of decoding from the whole component.
  OfTasks own;              ///< Accuracy on the circuit's own task, with the circuit ablated.
  OfTasks other;            ///< Accuracy on the other task, with the circuit ablated.
  OfTasks own_part = {};    ///< As `own`, with only the circuit's part in c_attn ablated.
  OfTasks other_part = {};  ///< As `other`, with only the circuit's part in c_attn ablated.
};
constexpr std::array<PublishedPair, 6> kPublishedPairs = {{
    {kShared, "attn", {1., 1.}, {.525, .525}, {.013, .018}, {.018, .013}, {.037, .036}, {.037, .036}},
    {kFree, "attn", {1., 1.}, {.314, .368}, {.011, .017}, {.015, .014}, {.032, .048}, {.282, .485}},
    {kAuxiliary, "attn", {.247, .277}, kNotPublished, kNotPublished, kNotPublished, {.042, .037}, {.114, .125}},
    {kShared, "mlp", {.691, .736}, kNotPublished, {.899, .932}, kNotPublished},
    {kFree, "mlp", {.717, .755}, kNotPublished, {.856, .878}, kNotPublished},
    {kAuxiliary, "mlp", kNotPublished, kNotPublished, kNotPublished, kNotPublished},
}};

constexpr const char* kPart = "c_attn";

constexpr double kLost = .10;    ///< A task is lost if its accuracy is at most this.
constexpr double kSpared = .15;  ///< The other task is spared if its accuracy is this much higher.

/// Accuracies with the c_attn part of one circuit ablated.
struct PartEffect {
  uint64_t seed = 0;
  bool is_empty = false;  ///< Whether no unit of c_attn is in the circuit, so none is ablated.
  double own = 0;         ///< Accuracy on the circuit's own task.
  double other = 0;       ///< Accuracy on the other task.
  /// Accuracies with as many random units of c_attn ablated; none unless the part is a proper part.
  std::optional<double> own_random;
  std::optional<double> other_random;
  /// Of each random set: the same sets in the same order on both tasks.
  std::vector<double> own_draws;
  std::vector<double> other_draws;
};

/// The effects for one variable in the attention block, one for each model.
/// @throws Error (kFailed) if the variable was not probed there on both tasks.
std::vector<PartEffect> part_effects(const std::vector<Experiment2Run>& runs, size_t task, const Variable& variable) {
  std::vector<PartEffect> effects;
  for (const Experiment2Run& run : runs) {
    if (run.task != task) continue;
    const std::vector<ProbedCell> probed = cells_of(run.cells, variable.column, "attn");
    const auto part = [&](const char* set, AblationTarget target) -> const AblationResult* {
      const Findings::OnEvaluationSet* on = probed.empty() ? nullptr : probed.front().findings.on(set);
      return on == nullptr ? nullptr : on->find(target, Fill::kZero, kPart);
    };
    const auto random = [&](const char* set) {
      const AblationResult* found = part(set, AblationTarget::kRandom);
      return found == nullptr ? std::nullopt : std::optional(found->accuracy.mean);
    };
    const auto draws = [&](const char* set) {
      const AblationResult* found = part(set, AblationTarget::kRandom);
      return found == nullptr ? std::vector<double>() : found->draws;
    };
    const AblationResult* own = part(kOwnTask, AblationTarget::kCircuit);
    const AblationResult* other = part(kOtherTask, AblationTarget::kCircuit);
    if (own == nullptr || other == nullptr) {
      throw failure("seed {}: {} was not probed in the attention block", run.seed, variable.column);
    }
    effects.push_back({.seed = run.seed,
                       .is_empty = own->extent == Extent::kEmpty,
                       .own = own->accuracy.mean,
                       .other = other->accuracy.mean,
                       .own_random = random(kOwnTask),
                       .other_random = random(kOtherTask),
                       .own_draws = draws(kOwnTask),
                       .other_draws = draws(kOtherTask)});
  }
  return effects;
}

std::string circuits_table(const std::vector<Experiment2Run>& runs) {
  std::vector<std::vector<std::string>> lines = {{"variable", "task", "", "block", "circuit", "kNN", "(paper)",
                                                  "kNN full", "(paper)", "weights", "own task", "(paper)", "random",
                                                  "other task", "(paper)", "random"}};
  for (const PublishedPair& p : kPublishedPairs) {
    for (size_t task = 0; task < kTasks; ++task) {
      std::vector<ProbedCell> cells;
      for (const Experiment2Run& run : runs) {
        if (run.task != task) continue;
        for (ProbedCell& cell : cells_of(run.cells, p.variable.column, p.block)) cells.push_back(std::move(cell));
      }
      const auto ablated = [&](const char* data) { return figure_over(cells, ablated_on(data)); };
      const auto random = [&](const char* data) { return figure_over(cells, random_on(data)); };
      lines.push_back({std::string(p.variable.kind), std::to_string(task + 1), std::string(p.variable.meaning[task]),
                       std::string(p.block), circuits_in_words(cells), figure_over(cells, knn_of),
                       published_figure(p.knn[task]), figure_over(cells, full_knn_of),
                       published_figure(p.full_knn[task]), figure_over(cells, share_of), ablated(kOwnTask),
                       published_figure(p.own[task]), random(kOwnTask), ablated(kOtherTask),
                       published_figure(p.other[task]), random(kOtherTask)});
    }
  }
  return text_table(lines);
}

/// The table of the accuracies with c_attn parts ablated. Empty parts are left out.
std::string parts_table(const std::vector<Experiment2Run>& runs) {
  std::vector<std::vector<std::string>> lines = {{"variable", "task", "", "own task", "(paper)", "random", "other task",
                                                  "(paper)", "random", "other - own", "(paper)"}};
  for (const PublishedPair& p : kPublishedPairs) {
    if (p.block != "attn") continue;
    for (size_t task = 0; task < kTasks; ++task) {
      std::vector<double> own, other, difference, own_random, other_random;
      for (const PartEffect& effect : part_effects(runs, task, p.variable)) {
        if (effect.is_empty) continue;
        own.push_back(effect.own);
        other.push_back(effect.other);
        difference.push_back(effect.other - effect.own);
        if (effect.own_random) own_random.push_back(*effect.own_random);
        if (effect.other_random) other_random.push_back(*effect.other_random);
      }
      lines.push_back({std::string(p.variable.kind), std::to_string(task + 1), std::string(p.variable.meaning[task]),
                       figure_over(own), published_figure(p.own_part[task]), figure_over(own_random),
                       figure_over(other), published_figure(p.other_part[task]), figure_over(other_random),
                       figure_over(difference),
                       published_figure(p.other_part[task].value() - p.own_part[task].value())});
    }
  }
  return text_table(lines);
}

/// The answers on each circuit's own task.
std::string own_answers(const std::vector<Experiment2Run>& runs) {
  std::vector<std::vector<JudgedFinding>> judged;
  for (const Experiment2Run& run : runs) judged.push_back(judged_findings(run.cells));
  std::vector<AnswersLine> lines;
  for (const PublishedPair& p : kPublishedPairs) {
    for (size_t task = 0; task < kTasks; ++task) {
      AnswersLine& line = lines.emplace_back();
      line.names = {std::string(p.variable.kind), std::to_string(task + 1), std::string(p.variable.meaning[task]),
                    std::string(p.block)};
      for (size_t i = 0; i < runs.size(); ++i) {
        if (runs[i].task != task) continue;
        line.findings.push_back(&finding_of(judged[i], p.variable.column, p.block, kOwnTask));
      }
    }
  }
  return answers_table({"variable", "task", "", "block"}, lines);
}

/// The contrast other - own with a part ablated, beside that of the same random sets on both tasks.
struct Contrast {
  std::vector<std::string> names;
  BesideNulls beside;
};

/// The contrasts of one model, with random sets.
std::vector<Contrast> contrasts_of(const std::vector<Experiment2Run>& runs, uint64_t seed) {
  std::vector<Contrast> contrasts;
  for (const PublishedPair& p : kPublishedPairs) {
    if (p.block != "attn") continue;
    for (size_t task = 0; task < kTasks; ++task) {
      for (const PartEffect& effect : part_effects(runs, task, p.variable)) {
        const size_t n_draws = std::min(effect.own_draws.size(), effect.other_draws.size());
        if (effect.seed != seed || n_draws == 0) continue;
        Contrast& contrast = contrasts.emplace_back();
        contrast.names = {std::string(p.variable.kind), std::to_string(task + 1),
                          std::string(p.variable.meaning[task])};
        contrast.beside.value = effect.other - effect.own;
        for (size_t i = 0; i < n_draws; ++i) {
          contrast.beside.nulls.push_back(effect.other_draws[i] - effect.own_draws[i]);
        }
      }
    }
  }
  return contrasts;
}

/// The table of contrasts with p, adjusted over the contrasts of a model; empty without random
/// sets.
std::string contrasts_table(const std::vector<Experiment2Run>& runs) {
  std::vector<uint64_t> seeds;
  for (const Experiment2Run& run : runs) {
    if (std::ranges::find(seeds, run.seed) == seeds.end()) seeds.push_back(run.seed);
  }
  std::vector<std::vector<std::string>> lines = {
      {"seed", "variable", "task", "", "other - own", "random sets", "p, adjusted"}};
  for (const uint64_t seed : seeds) {
    const std::vector<Contrast> contrasts = contrasts_of(runs, seed);
    std::vector<BesideNulls> family;
    for (const Contrast& contrast : contrasts) family.push_back(contrast.beside);
    const std::vector<CountedP> adjusted = max_t(family, JudgeOptions().smallest_effect);
    for (size_t i = 0; i < contrasts.size(); ++i) {
      const Spread nulls = spread(family[i].nulls);
      std::vector<std::string>& line = lines.emplace_back(contrasts[i].names);
      line.insert(line.begin(), std::to_string(seed));
      for (const std::string& field :
           {figure_text(family[i].value, {}), figure_text(nulls.mean, nulls.sd), p_number(adjusted[i].p())}) {
        line.push_back(field);
      }
    }
  }
  if (lines.size() == 1) return {};
  return fmt::format("The same contrast beside that of random sets, which are the same on both tasks:\n{}\n",
                     text_table(lines));
}

/// Counts the models in which `holds` is true, and the part is not empty, for both tasks: "2 of 3
/// models (seeds 0, 2)".
std::string models_in_which(const std::vector<Experiment2Run>& runs, const Variable& variable,
                            const std::function<bool(const PartEffect&)>& holds) {
  std::map<uint64_t, bool> all;
  for (size_t task = 0; task < kTasks; ++task) {
    for (const PartEffect& effect : part_effects(runs, task, variable)) {
      const auto entry = all.emplace(effect.seed, true).first;
      entry->second = entry->second && !effect.is_empty && holds(effect);
    }
  }
  std::vector<uint64_t> seeds;
  for (const auto& [seed, holds_in_both] : all) {
    if (holds_in_both) seeds.push_back(seed);
  }
  const std::string count = fmt::format("{} of {} model{}", seeds.size(), all.size(), all.size() == 1 ? "" : "s");
  return seeds.empty() || all.size() == 1 ? count : fmt::format("{} (seeds {})", count, fmt::join(seeds, ", "));
}

/// The accuracy of the untouched models on each task.
std::string untouched_text(const std::vector<Experiment2Run>& runs) {
  std::vector<std::string> texts;
  for (size_t task = 0; task < kTasks; ++task) {
    std::vector<double> accuracies;
    for (const Experiment2Run& run : runs) {
      if (run.task == task) accuracies.push_back(figures(run.cells, untouched_on(kOwnTask))[0]);
    }
    texts.push_back(fmt::format("{} on task {}", figure_over(accuracies), task + 1));
  }
  return fmt::format("{}", fmt::join(texts, ", "));
}

}  // namespace

std::string experiment2_table(const std::vector<Experiment2Run>& runs) {
  const std::string own = models_in_which(runs, kFree, [](const PartEffect& effect) {
    return effect.own <= kLost && effect.other >= effect.own + kSpared;
  });
  const std::string shared = models_in_which(
      runs, kShared, [](const PartEffect& effect) { return effect.own <= kLost && effect.other <= kLost; });
  return fmt::format(
      "Test accuracy of the untouched model: {}.\n\n"
      "Circuits, and the test accuracy that ablating them leaves:\n{}\n"
      "Ablating the circuit's part of {} alone:\n{}\n"
      "{}"
      "Free variables live in weights of their own task (own task at most {:.2f}, the other at least {:.2f} more, both "
      "ways): {}.\n"
      "The shared variable lives in weights of both tasks (both at most {:.2f}, both ways): {}.\n\n"
      "Answers on the own task:\n{}",
      untouched_text(runs), circuits_table(runs), kPart, parts_table(runs), contrasts_table(runs), kLost, kSpared, own,
      kLost, shared, own_answers(runs));
}

}  // namespace cprobe
