#include "cprobe/run/search_power.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "cprobe/circuit/circuit.h"
#include "cprobe/circuit/head_units.h"
#include "cprobe/core/error.h"
#include "cprobe/core/threads.h"
#include "cprobe/io/atomic_file.h"
#include "cprobe/record/judged.h"
#include "cprobe/run/implant_folder.h"
#include "cprobe/run/runner.h"

namespace cprobe {
namespace {

void check_options(const Spec& spec, const SearchPowerOptions& options) {
  if (options.strengths.empty()) throw input_error("--strengths: expected at least one");
  std::set<double> seen;
  for (const double strength : options.strengths) {
    if (!(strength > 0) || !std::isfinite(strength)) {
      throw input_error("--strengths: {} is no strength; expected positive numbers", strength);
    }
    if (!seen.insert(strength).second) throw input_error("--strengths: {} stands there twice", strength);
  }
  if (options.n_seeds < 1)
    throw input_error("--seeds {}: expected at least 1 implant of each strength", options.n_seeds);
  if (options.n_units < 1) throw input_error("--units {}: expected at least 1", options.n_units);
  if (options.out.empty()) throw input_error("power: needs --out FOLDER, in which implants and their runs are kept");
  if (spec.probe.protocol == Protocol::kPaper || spec.probe.null_variables == 0) {
    throw input_error(
        "power: whether a circuit is found is judged beside null variables, and this spec asks for none; use protocol "
        "default with evaluate.null_variables of 19 or more");
  }
}

std::string file_text(const std::filesystem::path& path) {
  return std::filesystem::exists(path) ? read_file(path) : std::string();
}

/// Whether a folder holds this implant, whole or without its weights.
bool holds_implant(const std::filesystem::path& folder, const Truth& truth, const Spec& spec, const ModelConfig& wide) {
  if (file_text(folder / "spec.yaml") != spec.text || !std::filesystem::exists(folder / kTruthFile)) return false;
  const Truth there = load_truth(folder / kTruthFile, wide);
  return there.seed == truth.seed && std::ranges::all_of(truth.knobs, [&](const auto& knob) {
           const auto found = there.knobs.find(knob.first);
           return found != there.knobs.end() && found->second == knob.second;
         });
}

/// Whether all cells of a run are finished.
bool is_finished(const std::filesystem::path& run) {
  if (!holds_run(run)) return false;
  const std::vector<CellEntry> cells = open_to_read(run).cells();
  return !cells.empty() && std::ranges::all_of(cells, [](const CellEntry& c) { return c.status == CellStatus::kDone; });
}

/// Recall and precision of a circuit in the input matrices of its component.
void score_units(const Circuit& circuit, const PlantedVariable& variable, const ModelConfig& config,
                 ImplantSearch& search) {
  const std::vector<at::Tensor> planted = needed_units(variable, config);
  const std::vector<at::Tensor> found =
      over_outputs(config, circuit.matrices, circuit.unit, circuit.members, HeadPart::kAll);
  int64_t n_planted = 0, n_kept = 0, n_both = 0;
  for (size_t m = 0; m + 1 < planted.size(); ++m) {
    const at::Tensor& members = found[m];
    const at::Tensor kept = members.dim() == 2 ? members.any(0) : members;  // Of weights: columns with any.
    n_planted += planted[m].sum().item<int64_t>();
    n_kept += kept.sum().item<int64_t>();
    n_both += kept.logical_and(planted[m]).sum().item<int64_t>();
  }
  search.recall = static_cast<double>(n_both) / static_cast<double>(std::max<int64_t>(1, n_planted));
  search.precision = n_kept == 0 ? 0 : static_cast<double>(n_both) / static_cast<double>(n_kept);
}

/// Reads what the search of an implant found.
void read_search(const std::filesystem::path& folder, const ModelConfig& config, const JudgeOptions& judge,
                 ImplantSearch& search) {
  const Store store = open_to_read(folder / "run");
  const std::vector<ProbedCell> cells = store.probed();
  const std::vector<JudgedFinding> findings = judged_findings(cells, judge);
  if (cells.empty() || findings.empty()) {
    throw failure("{}: holds no finding about the implant", (folder / "run").string());
  }
  const JudgedQuestion& present = findings.front().present;
  search.present = present.answer;
  search.statistic = present.statistic.value_or(0);
  search.null_mean = present.null_mean.value_or(0);
  search.p = present.p.value_or(1);
  const Truth truth = load_truth(folder / kTruthFile, config);
  search.accuracy = knob_number(truth, "accuracy");
  const Circuit circuit = load_circuit(folder / "run" / store.circuit_files().at(cells.front().id), config);
  score_units(circuit, truth.variable(kImplantVariable), config, search);
}

std::string of_implants(int64_t n_found, int64_t n) {
  return fmt::format("{} of {} implants", n_found, n);
}

}  // namespace

void summarise(SearchPower& power) {
  power.strengths.clear();
  power.found_from.reset();
  for (const ImplantSearch& search : power.searches) {
    auto entry = std::ranges::find(power.strengths, search.strength, &StrengthPower::strength);
    if (entry == power.strengths.end()) {
      entry = power.strengths.insert(power.strengths.end(), {.strength = search.strength});
    }
    ++entry->n_implants;
    entry->n_found += search.present == VerdictWord::kYes ? 1 : 0;
    entry->statistic += search.statistic;
    entry->null_mean += search.null_mean;
    entry->p += search.p;
    entry->recall += search.recall;
    entry->precision += search.precision;
    entry->accuracy += search.accuracy;
  }
  std::ranges::sort(power.strengths, {}, &StrengthPower::strength);
  for (StrengthPower& entry : power.strengths) {
    const auto n = static_cast<double>(entry.n_implants);
    for (double* mean :
         {&entry.statistic, &entry.null_mean, &entry.p, &entry.recall, &entry.precision, &entry.accuracy}) {
      *mean /= n;
    }
  }
  for (auto entry = power.strengths.rbegin(); entry != power.strengths.rend(); ++entry) {
    if (static_cast<double>(entry->n_found) < kFoundShare * static_cast<double>(entry->n_implants)) break;
    power.found_from = entry->strength;
  }
  if (power.strengths.empty()) return;
  const std::string what = fmt::format("a circuit of {} units in {}", power.n_units, to_string(power.component));
  const StrengthPower& weakest = power.strengths.front();
  const StrengthPower& strongest = power.strengths.back();
  if (!power.found_from) {
    power.sentence = fmt::format(
        "This search would not have found {}: of strength {:g}, the largest tried, it found {}. A \"no\" of this spec "
        "says little here.",
        what, strongest.strength, of_implants(strongest.n_found, strongest.n_implants));
  } else if (*power.found_from == weakest.strength) {
    power.sentence =
        fmt::format("This search would have found {} of strength {:g}, the least tried, or more: at {:g} it found {}.",
                    what, weakest.strength, weakest.strength, of_implants(weakest.n_found, weakest.n_implants));
  } else {
    const auto from = std::ranges::find(power.strengths, *power.found_from, &StrengthPower::strength);
    const StrengthPower& below = *(from - 1);
    power.sentence =
        fmt::format("This search would have found {} from strength {:g} on: at {:g} it found {}, and at {:g} only {}.",
                    what, from->strength, from->strength, of_implants(from->n_found, from->n_implants), below.strength,
                    of_implants(below.n_found, below.n_implants));
  }
}

SearchPower search_power(const Spec& spec, const SearchPowerOptions& options,
                         const std::function<void(const ImplantSearch&)>& on_search) {
  check_options(spec, options);
  const ComponentRef component = options.component ? *options.component : first_mlp(spec);
  const ImplantHost host = implant_host(spec, options.into);
  require_implantable(host.data.model.config, component);
  ModelConfig wide = host.data.model.config;
  wide.d_mlp += options.n_units;
  SearchPower power{.component = component, .n_units = options.n_units, .accuracy_before = host.accuracy};
  std::vector<double> strengths = options.strengths;
  std::ranges::sort(strengths);
  size_t types = 0;
  for (int64_t number = 0; number < options.n_seeds; ++number) {
    tell(options.callbacks.on_progress, {.what = "implants", .done = number, .total = options.n_seeds});
    const ImplantOptions of_implant{.component = component,
                                    .position = spec.grid.positions.front(),
                                    .n_units = options.n_units,
                                    .n_classes = options.n_classes};
    const Implant implant = design_implant(host, of_implant, Seed(static_cast<uint64_t>(number)), types);
    types = implant.types;
    power.function_of = host.types[implant.types].text;
    for (const double strength : strengths) {
      ImplantSearch search{
          .strength = strength,
          .implant = number,
          .folder = options.out / fmt::format("{}_strength_{:g}_implant_{}", to_string(component), strength, number)};
      Spec own = spec_of(host, implant, search.folder);
      own.data.measure_behaviour = false;  // Question 1 only.
      search.was_there = holds_implant(search.folder, truth_of(host, implant, strength), own, wide) &&
                         is_finished(search.folder / "run");
      if (!search.was_there) {
        write_implant(host, implant, strength, search.folder, false);
        const RunOptions run_options{.n_jobs = 1,
                                     .n_threads = options.n_threads > 0 ? options.n_threads : available_threads(),
                                     .callbacks = options.callbacks};
        const RunSummary summary = run(own, run_options);
        if (!summary.failures.empty()) throw failure("{}: {}", own.out.string(), summary.failures.front());
      }
      if (!options.keep_models) std::filesystem::remove(search.folder / "model.safetensors");
      read_search(search.folder, wide, own.probe.judge, search);
      if (on_search) on_search(search);
      power.searches.push_back(std::move(search));
    }
  }
  std::ranges::stable_sort(power.searches, {}, &ImplantSearch::strength);
  summarise(power);
  return power;
}

}  // namespace cprobe
