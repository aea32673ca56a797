#include "cprobe/probe/ablate_everywhere.h"

#include <algorithm>

namespace cprobe {

std::vector<Findings::OnBehaviour> ablate_everywhere(const Model& model, const Circuit& circuit, const RunData& data,
                                                     const AblationOptions& options, Seed seed, Streams& streams,
                                                     const CellProgress& progress) {
  at::NoGradGuard no_gradients;
  const auto tell = [&](Piece piece, const std::string& note) {
    if (progress) progress(piece, note);
  };
  const ComponentRef component = circuit.component();
  const Site site = Site::before(component);
  const bool has_donors = take_donors(options.fills);
  std::vector<Findings::OnBehaviour> results;
  for (const auto& [label, dataset] : data.behaviour) {
    tell(Piece::kOther, "the untouched model on " + label);
    const Stream& before = streams.at(dataset, site);
    const AblationBench bench(model, component, dataset, before, streams.untouched(dataset),
                              has_donors ? &data.train : nullptr, has_donors ? &streams.at(data.train, site) : nullptr);
    Findings::OnBehaviour result{.label = label, .vanilla = bench.vanilla(), .n_rows = bench.n_rows()};
    if (options.effect) result.vanilla_log_probability = bench.vanilla_log_probability();
    result.ablations = ablate(bench, circuit, options, seed.derive(label),
                              [&] { tell(Piece::kAblation, "ablating on " + result.label); });
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace cprobe
