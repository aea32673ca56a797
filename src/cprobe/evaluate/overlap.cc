#include "cprobe/evaluate/overlap.h"

#include "cprobe/circuit/circuit_sets.h"
#include "cprobe/evaluate/count_distribution.h"

namespace cprobe {
namespace {

SharedCounts& operator+=(SharedCounts& sum, const SharedCounts& more) {
  sum.n += more.n;
  sum.n_a += more.n_a;
  sum.n_b += more.n_b;
  sum.both += more.both;
  return sum;
}

SharedCounts times(const SharedCounts& counts, int64_t factor) {
  return {counts.n * factor, counts.n_a * factor, counts.n_b * factor, counts.both * factor};
}

std::string note_of(const SharedCounts& units) {
  const auto words = [&](int64_t size) {
    const Extent extent = extent_of(size, units.n);
    return extent == Extent::kPart ? std::string() : std::string(to_string(extent));
  };
  const std::string a = words(units.n_a), b = words(units.n_b);
  if (a == b) return a.empty() ? "" : "both " + a;
  if (b.empty()) return "first " + a;
  return (a.empty() ? "" : "first " + a + ", ") + "second " + b;
}

/// Number of weights of one unit, by tensor name; empty if unknown.
std::map<std::string, int64_t> unit_weights(const CircuitFile& circuit, const ModelConfig* config) {
  std::map<std::string, int64_t> weights;
  if (config != nullptr) {
    for (const MatrixInfo& matrix : circuit_of(circuit, *config).matrices)
      weights[matrix.source] = weights_per_unit(matrix, circuit.unit);
  } else if (circuit.unit == MaskUnit::kWeight) {
    for (const auto& [tensor, member] : circuit.members) weights[tensor] = 1;
  }
  return weights;
}

void add_chance(Overlap& overlap, const CountDistribution& distribution) {
  overlap.note = note_of(overlap.units);
  if (distribution.probability.size() == 1) return;
  overlap.p_more = distribution.at_least(overlap.units.both);
  overlap.p_fewer = distribution.at_most(overlap.units.both);
}

}  // namespace

std::optional<double> SharedCounts::iou() const {
  if (either() == 0) return std::nullopt;
  return static_cast<double>(both) / static_cast<double>(either());
}

CircuitOverlap overlap(const CircuitFile& a, const CircuitFile& b, const ModelConfig* config) {
  require_comparable(a, b);
  const std::map<std::string, int64_t> weights = unit_weights(a, config);
  CircuitOverlap result{.all = {.matrix = "all"}};
  if (!weights.empty()) result.all.weights = SharedCounts();
  CountDistribution in_all{.first = 0, .probability = {1.0}};
  for (const auto& [tensor, of_a] : a.members) {
    const at::Tensor& of_b = b.members.at(tensor);
    const SharedCounts units = {of_a.numel(), of_a.sum().item<int64_t>(), of_b.sum().item<int64_t>(),
                                (of_a & of_b).sum().item<int64_t>()};
    Overlap here{.matrix = tensor, .units = units};
    if (units.n > 0)
      here.expected = static_cast<double>(units.n_a) * static_cast<double>(units.n_b) / static_cast<double>(units.n);
    const CountDistribution by_chance = hypergeometric(units.n, units.n_a, units.n_b);
    add_chance(here, by_chance);
    in_all = sum_of(in_all, by_chance);
    result.all.units += units;
    result.all.expected += here.expected;
    if (!weights.empty()) {
      here.weights = times(units, weights.at(tensor));
      *result.all.weights += *here.weights;
    }
    result.matrices.push_back(std::move(here));
  }
  add_chance(result.all, in_all);
  return result;
}

}  // namespace cprobe
