#include "cprobe/report/circuit_details.h"

#include <tuple>

#include "cprobe/core/error.h"
#include "cprobe/core/interrupt.h"
#include "cprobe/model/config.h"

namespace cprobe {
namespace {

/// What follows the layer's number in a tensor's name: "attn.c_attn" for
/// "transformer.h.0.attn.c_attn.weight".
std::string short_name(std::string tensor) {
  constexpr std::string_view kWeight = ".weight";
  if (tensor.ends_with(kWeight)) tensor.resize(tensor.size() - kWeight.size());
  for (size_t dot = tensor.find('.'); dot != std::string::npos; dot = tensor.find('.', dot + 1)) {
    const size_t next = tensor.find_first_not_of("0123456789", dot + 1);
    if (next != std::string::npos && next > dot + 1 && tensor[next] == '.') return tensor.substr(next + 1);
  }
  return tensor;
}

/// The config of the model that a run probed; none, with a note, if the file is gone or unreadable.
std::optional<ModelConfig> config_of(ReportData& data, const ReportedRun& run) {
  const std::filesystem::path folder = run.calls.empty() ? std::string() : run.calls.back().model;
  if (!folder.empty() && std::filesystem::exists(folder / "config.json")) {
    try {
      return read_model_config(folder / "config.json");
    } catch (const Error& error) {
      data.notes.push_back(fmt::format("{}: no units per head: {}", run.name, error.what()));
      return std::nullopt;
    }
  }
  data.notes.push_back(fmt::format("{}: no units per head, because its model's config.json is not in {} any more.",
                                   run.name, folder.empty() ? "a folder on record" : folder.string()));
  return std::nullopt;
}

void add_matrices(ReportedCell& cell, const CircuitFile& file) {
  for (const auto& [tensor, member] : file.members) {
    cell.matrices.push_back({short_name(tensor), member.sum().item<int64_t>(), member.numel()});
  }
}

std::string fingerprint_of(const CircuitFile& file) {
  const auto found = file.provenance.find("model_fingerprint");
  return found == file.provenance.end() ? std::string() : found->second;
}

/// Cells with circuits that can be compared: of one component, in one unit and of one model. A
/// negative control makes another model for each seed.
using Group = std::vector<std::pair<size_t, CircuitFile>>;
using Groups = std::map<std::tuple<std::vector<ComponentRef>, MaskUnit, std::string>, Group>;

void add_overlaps(ReportData& data, const std::string& run, const Groups& groups) {
  size_t n_left = 0;
  for (const auto& [key, group] : groups) {
    for (size_t a = 0; a < group.size(); ++a) {
      for (size_t b = a + 1; b < group.size(); ++b) {
        if (data.overlaps.size() >= kMostOverlaps) {
          n_left += group.size() - b;
          break;
        }
        stop_if_interrupted();
        data.overlaps.push_back({group[a].first, group[b].first, overlap(group[a].second, group[b].second).all});
      }
    }
  }
  if (n_left == 0) return;
  data.notes.push_back(
      fmt::format("{}: overlaps of {} more pairs of circuits are left out; cprobe compare prints them.", run, n_left));
}

}  // namespace

void add_circuit_details(ReportData& data, size_t first, const std::map<std::string, std::string>& files) {
  if (first == data.cells.size() || files.empty()) return;
  const size_t index = data.cells[first].run;
  const std::string run = data.runs[index].name;
  std::optional<ModelConfig> config = config_of(data, data.runs[index]);
  Groups groups;
  size_t n_missing = 0, n_unfit = 0;
  std::string problem, misfit;
  for (size_t i = first; i < data.cells.size(); ++i) {
    stop_if_interrupted();
    const auto found = files.find(data.cells[i].id);
    if (found == files.end()) continue;
    const std::filesystem::path path = data.runs[index].folder / found->second;
    try {
      CircuitFile file = read_circuit_file(path);
      add_matrices(data.cells[i], file);
      const std::string fingerprint = fingerprint_of(file);
      if (!fingerprint.empty()) data.runs[index].model_fingerprint = fingerprint;
      if (config && has_head_units(file)) {
        try {
          data.cells[i].heads = head_units(circuit_of(file, *config), *config);
        } catch (const Error& error) {
          ++n_unfit;
          if (misfit.empty()) misfit = error.what();
        }
      }
      if (file.extent() != Extent::kEmpty) {
        groups[{file.components, file.unit, fingerprint}].emplace_back(i, std::move(file));
      }
    } catch (const Error& error) {
      ++n_missing;
      if (problem.empty()) problem = error.what();
    }
  }
  if (n_unfit > 0) data.notes.push_back(fmt::format("{}: no units per head of {} circuits: {}", run, n_unfit, misfit));
  if (n_missing > 0) {
    data.notes.push_back(
        fmt::format("{}: {} of {} circuit files could not be read: {}", run, n_missing, files.size(), problem));
  }
  add_overlaps(data, run, groups);
}

}  // namespace cprobe
