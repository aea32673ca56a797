#include "cprobe/experiment/published_baselines.h"

#include <algorithm>

#include "cprobe/core/error.h"
#include "cprobe/core/text_table.h"
#include "cprobe/experiment/baseline_runner.h"
#include "cprobe/experiment/reproduce_parts.h"

namespace cprobe {
namespace {

constexpr const char* kSettings = R"(
linear_probe: {n_outputs: 113}
mlp_probe: {n_outputs: 113}
counterfactual_embedding: {probe: {n_outputs: 113}}
counterfactual_embedding_mlp: {probe: {n_outputs: 113}}
)";

}  // namespace

std::vector<Store::MetricRow> run_published_baselines(const Spec& circuits, const std::vector<std::string>& methods,
                                                      const ReproduceOptions& options) {
  Spec spec = circuits;
  spec.protocol = Protocol::kPaper;
  spec.out = circuits.out.parent_path() / "baselines";
  spec.baselines = Document::parse_yaml(kSettings, "the paper's settings");
  const RunSummary summary = run_baselines(
      spec,
      {.methods = methods, .overwrite = options.overwrite, .quiet = options.quiet, .n_threads = options.n_threads});
  if (!summary.failures.empty()) throw failure("{}: {}", spec.out.string(), summary.failures.front());
  return Store::open_existing(spec.out).metrics();
}

std::string baselines_table(const std::vector<Store::MetricRow>& rows, std::span<const PublishedBaseline> published) {
  std::vector<std::vector<std::string>> lines = {{"method", "variable", "site", "figure", "ours", "(paper)"}};
  for (const PublishedBaseline& p : published) {
    std::vector<double> values;
    for (const Store::MetricRow& row : rows) {
      const bool fits = row.method == p.method && row.variable == p.variable && row.site == p.site &&
                        row.metric.metric == p.metric && row.metric.control == p.control;
      if (fits) values.push_back(row.metric.value);
    }
    lines.push_back({std::string(p.method), std::string(p.meaning), std::string(p.site),
                     p.control.empty() ? std::string(p.metric) : fmt::format("{}, {}", p.metric, p.control),
                     figure_over(values), fmt::format("({})", p.value)});
  }
  return text_table(lines);
}

}  // namespace cprobe
