#include "cprobe/circuit/circuit_sets.h"

#include "cprobe/core/error.h"
#include "cprobe/core/name_of.h"

namespace cprobe {
namespace {

at::Tensor combined(SetOperation operation, const at::Tensor& a, const at::Tensor& b) {
  switch (operation) {
    case SetOperation::kUnion:
      return a | b;
    case SetOperation::kIntersection:
      return a & b;
    case SetOperation::kDifference:
      return a & ~b;
  }
  throw failure("unknown set operation");
}

}  // namespace

std::string_view to_string(SetOperation operation) {
  return name_of(operation, {"union", "intersection", "difference"});
}

void require_comparable(const CircuitFile& a, const CircuitFile& b) {
  if (a.components != b.components) {
    throw input_error("{} is a circuit of {}, {} of {}; only circuits of the same components have units in common",
                      a.source, to_string(a.components), b.source, to_string(b.components));
  }
  if (a.unit != b.unit) {
    throw input_error("{} is a circuit in unit {}, {} in unit {}; compare circuits of the same unit", a.source,
                      to_string(a.unit), b.source, to_string(b.unit));
  }
  for (const auto& [one, other] : {std::pair(&a, &b), std::pair(&b, &a)}) {
    for (const auto& [tensor, member] : one->members) {
      const auto found = other->members.find(tensor);
      if (found == other->members.end()) {
        throw input_error("{}: no tensor '{}', which {} has; were they found in models of the same kind?",
                          other->source, tensor, one->source);
      }
      if (found->second.sizes() == member.sizes()) continue;
      throw input_error("{}: tensor '{}' is [{}], but [{}] in {}; were they found in models of the same sizes?",
                        other->source, tensor, fmt::join(found->second.sizes(), ", "), fmt::join(member.sizes(), ", "),
                        one->source);
    }
  }
}

CircuitFile combine(SetOperation operation, std::span<const CircuitFile> circuits) {
  CircuitFile result = circuits.front();
  std::string sources = result.source;
  for (const CircuitFile& circuit : circuits.subspan(1)) {
    require_comparable(result, circuit);
    for (auto& [tensor, member] : result.members) {
      member = combined(operation, member, circuit.members.at(tensor));
    }
    std::erase_if(result.provenance, [&](const auto& entry) {
      const auto found = circuit.provenance.find(entry.first);
      return found == circuit.provenance.end() || found->second != entry.second;
    });
    if (!result.transposed) result.transposed = circuit.transposed;
    sources += ", " + circuit.source;
  }
  result.scores.clear();
  result.provenance["method"] = to_string(operation);
  result.provenance["made_of"] = sources;
  return result;
}

}  // namespace cprobe
