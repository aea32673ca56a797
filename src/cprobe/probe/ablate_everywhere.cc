#include "cprobe/probe/ablate_everywhere.h"

namespace cprobe {

Findings::OnEvaluationSet ablate_on(const Model& model, const Circuit& circuit, const std::string& label,
                                    const Dataset& data, const Dataset& train, const AblationOptions& options,
                                    Seed seed, Streams& streams, const OnProgress& on_progress) {
  at::NoGradGuard no_gradients;
  const ComponentRef component = circuit.component();
  const Site site = Site::before(component);
  const bool has_donors = take_donors(options.fills);
  Progress progress{.what = "ablations",
                    .total = most_ablations(options, circuit.matrices.size()),
                    .note = "the untouched model on " + label};
  tell(on_progress, progress);
  const Stream& before = streams.at(data, site);
  const AblationBench bench(model, component, data, before, streams.untouched(data), has_donors ? &train : nullptr,
                            has_donors ? &streams.at(train, site) : nullptr);
  Findings::OnEvaluationSet result{.label = label, .untouched = bench.untouched(), .n_rows = bench.n_rows()};
  if (options.effect) result.untouched_log_probability = bench.untouched_log_probability();
  progress.note = "ablating on " + label;
  result.ablations = ablate(bench, circuit, options, seed.derive(label), [&](const Progress& run) {
    progress.done = run.done;
    tell(on_progress, progress);
  });
  return result;
}

std::vector<Findings::OnEvaluationSet> ablate_everywhere(const Model& model, const Circuit& circuit,
                                                         const RunData& data, const AblationOptions& options, Seed seed,
                                                         Streams& streams, const OnProgress& on_progress) {
  std::vector<Findings::OnEvaluationSet> results;
  for (const auto& [label, dataset] : data.evaluation_sets) {
    const auto of_all = [&](Progress here) {
      here.done += std::ssize(results) * here.total;
      here.total *= std::ssize(data.evaluation_sets);
      tell(on_progress, here);
    };
    results.push_back(ablate_on(model, circuit, label, dataset, data.train, options, seed, streams, of_all));
  }
  return results;
}

}  // namespace cprobe
