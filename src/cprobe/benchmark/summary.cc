#include "cprobe/benchmark/summary.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <set>

#include "cprobe/core/number_text.h"
#include "cprobe/core/text_table.h"
#include "cprobe/io/csv.h"

namespace cprobe {
namespace {

using Rows = std::vector<const BenchmarkRow*>;

/// Values of a figure, by model: one for each cell, variable or model that counts.
using ByModel = std::map<std::string, std::vector<double>>;

enum class FigureKind { kMean, kRate, kDistance };

bool is_yes(const JudgedQuestion& question) {
  return question.answer == VerdictWord::kYes;
}

/// Collects a value of each row for which there is one.
template <typename Value>
ByModel collect(const Rows& rows, const Value& value) {
  ByModel values;
  for (const BenchmarkRow* row : rows) {
    if (const std::optional<double> number = value(*row)) values[row->model].push_back(*number);
  }
  return values;
}

/// One value for each model: whether any of its values is above 0.
ByModel any_of_model(const ByModel& values) {
  ByModel any;
  for (const auto& [model, of_model] : values) {
    any[model] = {std::ranges::any_of(of_model, [](double x) { return x > 0; }) ? 1. : 0.};
  }
  return any;
}

std::optional<double> when(bool counts, bool value) {
  return counts ? std::optional(value ? 1. : 0.) : std::nullopt;
}

/// The place of the component that computes, among those of its model by headline: 1 is the first.
/// Components with equal headlines share their places.
ByModel places(const Rows& rows) {
  std::map<std::pair<std::string, std::string>, Rows> of_variables;
  for (const BenchmarkRow* row : rows) {
    if (!row->is_nothing() && row->headline) of_variables[{row->model, row->variable}].push_back(row);
  }
  ByModel values;
  for (const auto& [key, cells] : of_variables) {
    const auto is_true = std::ranges::find_if(cells, [](const BenchmarkRow* row) { return row->is_true; });
    if (cells.size() < 2 || is_true == cells.end()) continue;
    double place = .5;
    for (const BenchmarkRow* other : cells) {
      place += *other->headline > *(*is_true)->headline ? 1 : *other->headline == *(*is_true)->headline ? .5 : 0;
    }
    values[key.first].push_back(place);
  }
  return values;
}

ByModel mapped(ByModel values, const std::function<double(double)>& map) {
  for (auto& [model, of_model] : values) std::ranges::transform(of_model, of_model.begin(), map);
  return values;
}

/// p of question 1, before it is adjusted, where nothing is there.
ByModel p_of_nothing(const Rows& rows) {
  return collect(rows, [](const BenchmarkRow& row) { return row.is_nothing() ? row.answers.present.p : std::nullopt; });
}

/// Steps in which p of question 1 can rise where nothing is there: one more than the most null
/// variables, 1 without any.
int64_t steps_of_p(const Rows& rows) {
  int64_t n_null = 0;
  for (const BenchmarkRow* row : rows) n_null = std::max(n_null, row->is_nothing() ? row->answers.present.n_null : 0);
  return n_null + 1;
}

/// Kolmogorov and Smirnov's distance of p from uniform on 1 / steps, ..., 1.
double distance_from_uniform(const std::vector<double>& p, int64_t steps) {
  double distance = 0;
  for (int64_t k = 1; k < steps; ++k) {
    const double x = static_cast<double>(k) / static_cast<double>(steps);
    const auto below = std::ranges::count_if(p, [x](double one) { return one <= x + 1e-9; });
    distance = std::max(distance, std::abs(static_cast<double>(below) / static_cast<double>(p.size()) - x));
  }
  return distance;
}

struct Figure {
  SummaryFigureInWords words;
  FigureKind kind;
  std::function<ByModel(const Rows&)> values;
};

template <typename Value>
Figure mean_of(std::string_view name, std::string_view what, Value value) {
  return {{name, what}, FigureKind::kMean, [value](const Rows& rows) { return collect(rows, value); }};
}
template <typename Value>
Figure rate_of(std::string_view name, std::string_view what, Value value) {
  return {{name, what}, FigureKind::kRate, [value](const Rows& rows) { return collect(rows, value); }};
}
/// A share of the p where nothing is there.
Figure rejections_at(std::string_view name, std::string_view what, double level) {
  return {{name, what}, FigureKind::kRate, [level](const Rows& rows) {
            return mapped(p_of_nothing(rows), [level](double p) { return p <= level + 1e-9 ? 1. : 0.; });
          }};
}
template <typename Value>
Figure rate_of_models(std::string_view name, std::string_view what, Value value) {
  return {{name, what}, FigureKind::kRate, [value](const Rows& rows) { return any_of_model(collect(rows, value)); }};
}

const std::vector<Figure>& figures() {
  using Row = BenchmarkRow;
  const auto yes_on_nothing = [](const Row& r) {
    return when(r.is_nothing() && r.answers.present.is_asked(), is_yes(r.answers.present));
  };
  const auto made_on_received = [](const Row& r) {
    return when(r.is_received && r.answers.made_here.is_asked(), is_yes(r.answers.made_here));
  };
  const auto through_on_nothing = [](const Row& r) {
    return when(r.is_nothing() && r.answers.through_component.is_asked(), is_yes(r.answers.through_component));
  };
  const auto on_used = [](const Row& r) { return r.is_true && r.status == PlantedStatus::kUsed; };
  const auto on_idle = [](const Row& r) { return r.is_true && r.status == PlantedStatus::kIdle; };
  static const std::vector<Figure> all = {
      mean_of("auroc", "units: area under the ROC curve", [](const Row& r) { return r.units.auroc; }),
      mean_of("average_precision", "units: average precision", [](const Row& r) { return r.units.average_precision; }),
      mean_of("precision_at_size", "units: precision of as many as there are true units",
              [](const Row& r) { return r.units.precision_at_size; }),
      mean_of("precision", "units: precision of the circuit", [](const Row& r) { return r.units.precision; }),
      mean_of("recall", "units: recall of the circuit", [](const Row& r) { return r.units.recall; }),
      mean_of("jaccard", "units: Jaccard index of the circuit", [](const Row& r) { return r.units.jaccard; }),
      {{"top_1", "place: the component with the best headline is the one that computes"},
       FigureKind::kMean,
       [](const Rows& rows) { return mapped(places(rows), [](double place) { return place <= 1 ? 1. : 0.; }); }},
      {{"reciprocal_rank", "place: mean of 1 / place of the component that computes"},
       FigureKind::kMean,
       [](const Rows& rows) { return mapped(places(rows), [](double place) { return 1 / place; }); }},
      rate_of("present_on_nothing", "false positives: absent and copied variables called present", yes_on_nothing),
      rate_of_models("present_on_nothing_by_model", "the same: models with any", yes_on_nothing),
      rate_of("made_here_on_received", "false positives: received variables called made here", made_on_received),
      rate_of_models("made_here_on_received_by_model", "the same: models with any", made_on_received),
      rate_of("through_component_on_nothing", "false positives: absent and copied variables that reach the behaviour",
              through_on_nothing),
      rate_of_models("through_component_on_nothing_by_model", "the same: models with any", through_on_nothing),
      rate_of(
          "present_on_used", "sensitivity: used variables called present where they are computed",
          [=](const Row& r) { return when(on_used(r) && r.answers.present.is_asked(), is_yes(r.answers.present)); }),
      rate_of("made_here_on_used", "sensitivity: used variables called made here",
              [=](const Row& r) {
                return when(on_used(r) && r.answers.made_here.is_asked(), is_yes(r.answers.made_here));
              }),
      rate_of("through_component_on_used", "sensitivity: used variables that reach the behaviour",
              [=](const Row& r) {
                return when(on_used(r) && r.answers.through_component.is_asked(), is_yes(r.answers.through_component));
              }),
      rate_of("chosen_by_v_on_used", "sensitivity: units said to be chosen by the used variable",
              [=](const Row& r) { return when(on_used(r) && r.chosen_by_v, r.chosen_by_v.value_or(false)); }),
      rate_of("weights_needed_on_used", "sensitivity: weights of used variables called needed",
              [=](const Row& r) {
                return when(on_used(r) && r.answers.weights_needed.is_asked(), is_yes(r.answers.weights_needed));
              }),
      rate_of("weights_needed_on_idle", "false positives: weights of idle variables called needed",
              [=](const Row& r) {
                return when(on_idle(r) && r.answers.weights_needed.is_asked(), is_yes(r.answers.weights_needed));
              }),
      rate_of("through_component_on_idle", "false positives: idle variables that reach the behaviour",
              [=](const Row& r) {
                return when(on_idle(r) && r.answers.through_component.is_asked(), is_yes(r.answers.through_component));
              }),
      rejections_at("p_at_most_.05", "calibration: p of question 1 <= .05 on absent and copied variables", .05),
      rejections_at("p_at_most_.01", "calibration: the same <= .01; never, with fewer than 99 null variables", .01),
      {{"mean_p", "calibration: mean p of the same; .525 if uniform on 1/20, ..., 1"}, FigureKind::kMean, p_of_nothing},
      {{"p_distance", "calibration: Kolmogorov and Smirnov's distance of the same from uniform"},
       FigureKind::kDistance,
       p_of_nothing},
      mean_of("seconds", "time of a cell, s",
              [](const Row& r) { return r.seconds > 0 ? std::optional(r.seconds) : std::nullopt; }),
  };
  return all;
}

Bounds bootstrap(const ByModel& values) {
  constexpr int64_t kSamples = 1000;
  std::vector<double> sums, counts;
  for (const auto& [model, of_model] : values) {
    double sum = 0;
    for (const double value : of_model) sum += value;
    sums.push_back(sum);
    counts.push_back(static_cast<double>(of_model.size()));
  }
  const auto n = static_cast<int64_t>(sums.size());
  const at::Tensor draws = at::randint(n, {kSamples, n}, Seed(0).derive("bootstrap").generator(), at::kLong);
  const at::Tensor of_sums = at::tensor(sums, at::kDouble), of_counts = at::tensor(counts, at::kDouble);
  const at::Tensor means = of_sums.index({draws}).sum(1) / of_counts.index({draws}).sum(1);
  const at::Tensor sorted = std::get<0>(means.sort());
  return {sorted[kSamples * 25 / 1000].item<double>(), sorted[kSamples * 975 / 1000 - 1].item<double>()};
}

std::optional<SummaryFigure> summarised(const Figure& figure, const Rows& rows) {
  const ByModel values = figure.values(rows);
  SummaryFigure summary{.figure = std::string(figure.words.name), .n_models = std::ssize(values)};
  std::vector<double> all;
  for (const auto& [model, of_model] : values) all.insert(all.end(), of_model.begin(), of_model.end());
  summary.n = std::ssize(all);
  if (all.empty()) return std::nullopt;
  const double sum = std::accumulate(all.begin(), all.end(), 0.);
  summary.value = sum / static_cast<double>(summary.n);
  switch (figure.kind) {
    case FigureKind::kMean:
      summary.interval = bootstrap(values);
      break;
    case FigureKind::kRate:
      summary.interval = clopper_pearson(std::llround(sum), summary.n);
      break;
    case FigureKind::kDistance: {
      summary.value = distance_from_uniform(all, steps_of_p(rows));
      const double half = band_of_distribution(summary.n);
      summary.interval = {std::max(0., summary.value - half), std::min(1., summary.value + half)};
      break;
    }
  }
  return summary;
}

}  // namespace

std::span<const SummaryFigureInWords> summary_figures() {
  static const std::vector<SummaryFigureInWords> words = [] {
    std::vector<SummaryFigureInWords> all;
    for (const Figure& figure : figures()) all.push_back(figure.words);
    return all;
  }();
  return words;
}

double band_of_distribution(int64_t n) {
  return std::sqrt(std::log(2 / .05) / (2 * static_cast<double>(n)));
}

std::vector<SummaryFigure> figures_of(const std::vector<const BenchmarkRow*>& rows) {
  std::vector<SummaryFigure> all;
  for (const Figure& figure : figures()) {
    if (std::optional<SummaryFigure> one = summarised(figure, rows)) all.push_back(*std::move(one));
  }
  return all;
}

std::vector<SummaryFigure> summary_of(const std::vector<BenchmarkRow>& rows) {
  std::vector<std::string> methods, knobs = {"all"};
  const auto add = [](std::vector<std::string>& names, const std::string& name) {
    if (std::ranges::count(names, name) == 0) names.push_back(name);
  };
  for (const BenchmarkRow& row : rows) {
    add(methods, row.method);
    add(knobs, row.knob);
  }
  std::vector<SummaryFigure> summary;
  for (const std::string& method : methods) {
    for (const std::string& knob : knobs) {
      Rows selected;
      for (const BenchmarkRow& row : rows) {
        if (row.method == method && (knob == "all" || row.knob == knob)) selected.push_back(&row);
      }
      for (SummaryFigure& figure : figures_of(selected)) {
        figure.method = method;
        figure.knob = knob;
        summary.push_back(std::move(figure));
      }
    }
  }
  return summary;
}

std::string summary_csv(const std::vector<SummaryFigure>& summary) {
  std::vector<std::vector<std::string>> records;
  records.reserve(summary.size());
  for (const SummaryFigure& figure : summary) {
    records.push_back({figure.method, figure.knob, figure.figure, number_text(figure.value),
                       number_text(figure.interval.lower), number_text(figure.interval.upper),
                       std::to_string(figure.n)});
  }
  return csv_text({"method", "knob", "figure", "value", "lower", "upper", "n"}, records);
}

std::string summary_table(const std::vector<SummaryFigure>& summary) {
  const std::array shown = {std::pair("auroc", "AUROC"),
                            std::pair("precision", "precision"),
                            std::pair("recall", "recall"),
                            std::pair("top_1", "top 1"),
                            std::pair("present_on_nothing", "present, absent"),
                            std::pair("made_here_on_received", "made here, received"),
                            std::pair("present_on_used", "present, used"),
                            std::pair("made_here_on_used", "made here, used"),
                            std::pair("chosen_by_v_on_used", "chosen by V, used")};
  std::vector<std::vector<std::string>> lines = {{"method"}};
  for (const auto& [name, heading] : shown) lines.front().emplace_back(heading);
  for (const SummaryFigure& figure : summary) {
    if (figure.knob != "all") continue;
    if (lines.back().front() != figure.method) {
      lines.emplace_back(lines.front().size(), "-");
      lines.back().front() = figure.method;
    }
    for (size_t i = 0; i < shown.size(); ++i) {
      if (figure.figure == shown[i].first) lines.back()[i + 1] = fmt::format("{:.2f}", figure.value);
    }
  }
  return text_table(lines);
}

}  // namespace cprobe
