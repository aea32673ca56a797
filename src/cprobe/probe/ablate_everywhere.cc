#include "cprobe/probe/ablate_everywhere.h"

namespace cprobe {

std::vector<Findings::OnBehaviour> ablate_everywhere(const Model& model, const Circuit& circuit, const RunData& data,
                                                     const AblationOptions& options, Seed seed, Streams& streams,
                                                     const OnProgress& on_progress) {
  at::NoGradGuard no_gradients;
  const Site site = Site::before(circuit.component);
  const bool has_donors = take_donors(options.fills);
  const int64_t n_each = most_ablations(options, circuit.matrices.size());
  const int64_t n_all = std::ssize(data.behaviour) * n_each;
  std::vector<Findings::OnBehaviour> results;
  for (const auto& [label, dataset] : data.behaviour) {
    const int64_t n_before = std::ssize(results) * n_each;
    tell(on_progress, {"ablations", n_before, n_all, "the untouched model on " + label});
    const Stream& before = streams.at(dataset, site);
    const AblationBench bench(model, circuit.component, dataset, before, streams.untouched(dataset),
                              has_donors ? &data.train : nullptr, has_donors ? &streams.at(data.train, site) : nullptr);
    Findings::OnBehaviour result{.label = label, .vanilla = bench.vanilla(), .n_rows = bench.n_rows()};
    if (options.effect) result.vanilla_log_probability = bench.vanilla_log_probability();
    result.ablations = ablate(bench, circuit, options, seed.derive(label), [&](const Progress& here) {
      tell(on_progress, {"ablations", n_before + here.done, n_all, "ablating on " + result.label});
    });
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace cprobe
