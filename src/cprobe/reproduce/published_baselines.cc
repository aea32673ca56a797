#include "cprobe/reproduce/published_baselines.h"

#include <algorithm>
#include <set>

#include "cprobe/core/error.h"
#include "cprobe/core/text_table.h"
#include "cprobe/reproduce/cell_figures.h"
#include "cprobe/reproduce/toy_experiment.h"
#include "cprobe/run/runner.h"

namespace cprobe {
namespace {

constexpr const char* kSettings = R"(
linear_probe: {n_outputs: 113}
mlp_probe: {n_outputs: 113}
counterfactual_embedding: {probe: {n_outputs: 113}}
)";

}  // namespace

std::vector<PublishedBaseline> published_baselines(
    const std::vector<std::pair<std::string_view, std::string_view>>& variables,
    const std::vector<PublishedRow>& rows) {
  std::vector<PublishedBaseline> figures;
  for (const auto& [method, site, metric, control, values] : rows) {
    for (size_t i = 0; i < values.size(); ++i) {
      const auto& [variable, meaning] = variables[i];
      if (!values[i].empty()) figures.push_back({method, variable, meaning, site, metric, control, values[i]});
    }
  }
  return figures;
}

std::vector<RecordedMetric> run_published_baselines(const Spec& circuits, const std::vector<std::string>& methods,
                                                    const ReproduceOptions& options) {
  Spec spec = circuits;
  spec.probe.protocol = Protocol::kPaper;
  spec.out = baselines_folder(circuits);
  spec.baselines = Document::parse_yaml(kSettings, "the paper's settings");
  const RunSummary summary = run_baselines(spec, methods, toy_run_options(options));
  if (!summary.failures.empty()) throw failure("{}: {}", spec.out.string(), summary.failures.front());
  return Store::open_existing(spec.out).metrics();
}

std::string baselines_table(const std::vector<RecordedMetric>& rows, std::span<const PublishedBaseline> published) {
  std::vector<std::vector<std::string>> lines = {{"method", "variable", "site", "figure", "ours", "(paper)", "note"}};
  std::vector<std::string> notes;  // Notes on our figures, each once.
  for (const PublishedBaseline& p : published) {
    std::vector<double> values;
    std::set<size_t> marks;
    for (const RecordedMetric& row : rows) {
      const bool fits = row.method == p.method && row.variable == p.variable && row.site == p.site &&
                        row.metric.metric == p.metric && row.metric.control == p.control;
      if (!fits) continue;
      values.push_back(row.metric.value);
      if (row.metric.note.empty()) continue;
      const auto known = std::ranges::find(notes, row.metric.note);
      marks.insert(static_cast<size_t>(known - notes.begin()) + 1);
      if (known == notes.end()) notes.push_back(row.metric.note);
    }
    lines.push_back({std::string(p.method), std::string(p.meaning), std::string(p.site),
                     p.control.empty() ? std::string(p.metric) : fmt::format("{}, {}", p.metric, p.control),
                     figure_over(values), fmt::format("({})", p.value),
                     marks.empty() ? "" : fmt::format("[{}]", fmt::join(marks, ", "))});
  }
  std::string table = text_table(lines);
  for (size_t i = 0; i < notes.size(); ++i) table += fmt::format("[{}] {}\n", i + 1, notes[i]);
  return table;
}

}  // namespace cprobe
