#include "cprobe/probe/ablate_everywhere.h"

namespace cprobe {

Findings::OnEvaluationSet ablate_on(const Model& model, const Circuit& circuit, const std::string& label,
                                    const Dataset& data, const Dataset& train, const AblationOptions& options,
                                    Seed seed, Streams& streams, const OnProgress& on_progress,
                                    const AblationContext* context) {
  at::NoGradGuard no_gradients;
  const ComponentRef component = circuit.component();
  const Site site = Site::before(component);
  const size_t n_nulls = context == nullptr ? 0 : context->nulls.size();
  const bool has_donors = take_donors(options.fills);
  Progress progress{.what = "ablations",
                    .total = most_ablations(options, circuit.matrices.size(), n_nulls),
                    .note = "the untouched model on " + label};
  tell(on_progress, progress);
  const Stream& before = streams.at(data, site);
  const AblationBench bench(model, component, data, before, streams.untouched(data), has_donors ? &train : nullptr,
                            has_donors ? &streams.at(train, site) : nullptr);
  Findings::OnEvaluationSet result{.label = label, .untouched = bench.untouched(), .n_rows = bench.n_rows()};
  if (options.effect) result.untouched_log_probability = bench.untouched_log_probability();
  progress.note = "ablating on " + label;
  const bool are_uniform = options.random_sets == RandomSets::kUniform;
  const Seed of_label = seed.derive(label);
  result.ablations = ablate(
      bench, circuit, options, {are_uniform ? seed_of_random_sets(circuit, options.sets_seed) : of_label, of_label},
      [&](const Progress& run) {
        progress.done = run.done;
        tell(on_progress, progress);
      },
      context);
  return result;
}

std::vector<Findings::OnEvaluationSet> ablate_everywhere(const Model& model, const Circuit& circuit,
                                                         const RunData& data, const AblationOptions& options, Seed seed,
                                                         Streams& streams, const OnProgress& on_progress,
                                                         const NullHypothesis* null,
                                                         std::span<const Circuit> null_circuits) {
  std::vector<Findings::OnEvaluationSet> results;
  for (const auto& [label, dataset] : data.evaluation_sets) {
    const auto of_all = [&](Progress here) {
      here.done += std::ssize(results) * here.total;
      here.total *= std::ssize(data.evaluation_sets);
      tell(on_progress, here);
    };
    std::optional<AblationContext> context;
    if (null != nullptr) {
      context.emplace(AblationContext{null->types, null->types.of_rows[place_of(data, dataset)], null_circuits});
    }
    results.push_back(ablate_on(model, circuit, label, dataset, data.train, options, seed, streams, of_all,
                                context ? &*context : nullptr));
  }
  return results;
}

}  // namespace cprobe
