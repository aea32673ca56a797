#include <algorithm>
#include <set>

#include "cprobe/core/error.h"
#include "cprobe/probe/null_circuits.h"
#include "cprobe/probe/probe_cell.h"
#include "cprobe/run/run_cells.h"
#include "cprobe/run/runner.h"

namespace cprobe {
namespace {

struct ChosenMethod {
  const MethodEntry* entry;
  std::unique_ptr<BaselineMethod> method;
  bool is_named = false;  ///< Whether the command line or the spec names the method.
};

const MethodEntry& known_method(std::span<const MethodEntry> known, const std::string& name, const std::string& where) {
  const auto found = std::ranges::find(known, name, &MethodEntry::name);
  if (found != known.end()) return *found;
  std::vector<std::string> names;
  for (const MethodEntry& entry : known) names.emplace_back(entry.name);
  throw input_error("{}there is no method '{}'; did you mean '{}'? Known: {}", where, name, nearest(name, names),
                    fmt::join(names, ", "));
}

/// The methods asked for, each with its options from the spec, in the order of `known`.
std::vector<ChosenMethod> choose_methods(const Spec& spec, const std::vector<std::string>& names,
                                         std::span<const MethodEntry> known) {
  const auto options_of = [&](std::string_view name) { return spec.baselines ? spec.baselines->given(name) : nullptr; };
  std::vector<const MethodEntry*> wanted;
  wanted.reserve(names.size());
  for (const std::string& name : names) wanted.push_back(&known_method(known, name, ""));
  if (spec.baselines) {
    for (const auto& [name, options] : spec.baselines->entries()) {
      const MethodEntry& entry = known_method(known, name, options.where() + ": ");
      if (names.empty()) wanted.push_back(&entry);
    }
  }
  const bool all = names.empty() && !spec.baselines;
  std::vector<ChosenMethod> chosen;
  for (const MethodEntry& entry : known) {
    if (!all && std::ranges::find(wanted, &entry) == wanted.end()) continue;
    chosen.push_back({&entry, entry.make(options_of(entry.name)), !all});
  }
  return chosen;
}

/// One cell of a comparison method.
struct Job {
  Cell cell;
  const ChosenMethod* method = nullptr;
  Site site;

  bool per_site() const { return method->entry->per_site; }
  /// Whether the method puts a figure beside null variables.
  bool with_nulls() const { return !method->entry->tested.empty(); }
  std::string site_text() const { return per_site() ? state_name(cell.component) : "model"; }
  /// The site for the cell's identity. Methods that look at no site add the component, as a
  /// negative control may shuffle the weights of the component.
  std::string place() const { return per_site() ? site_text() : "model " + to_string(cell.component); }
};

/// The cells of the grid, without the dimensions that only mask training has.
std::vector<Cell> cells_of(const Spec& spec, const ModelConfig& config) {
  GridSpec grid = spec.grid;
  grid.learning_rates.resize(1);
  grid.batch_sizes.resize(1);
  grid.mask_options.resize(1);
  grid.fit_numbers.resize(1);
  return expand(grid, config);
}

/// The cells of all methods, by site in the order of the model, so that each residual stream is
/// advanced from one site to the next.
std::vector<Job> jobs_of(const Spec& spec, const std::vector<ChosenMethod>& methods, const ModelConfig& config) {
  const std::vector<Cell> cells = cells_of(spec, config);
  std::vector<Job> jobs;
  for (const Cell& cell : cells) {
    for (const ChosenMethod& method : methods) {
      Job job{cell, &method, Site::after(cell.component)};
      if (!job.per_site()) {
        job.site = Site::start();
        const bool is_first = cell.component == cells.front().component && cell.position == cells.front().position;
        if (!is_first) continue;
      }
      jobs.push_back(job);
    }
  }
  std::ranges::stable_sort(jobs, {}, &Job::site);
  return jobs;
}

/// Removes jobs for which the data do not suffice, or which the device cannot compute.
/// @return  a line for each method and variable that is left out.
/// @throws Error (kInput) if all variables of a named method are left out.
std::vector<std::string> leave_out(std::vector<Job>& jobs, const RunData& data, at::Device device) {
  std::map<std::pair<const ChosenMethod*, std::string>, std::string> problems;
  std::set<const ChosenMethod*> usable;
  for (const Job& job : jobs) {
    try {
      if (!device.is_cpu() && !job.method->entry->on_gpu) throw input_error("runs on the CPU only; use --device cpu");
      for (const Dataset* set : {&data.train, &data.test}) job.method->method->check(job.cell.variable, *set);
      usable.insert(job.method);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kInput) throw;
      problems.emplace(std::pair(job.method, job.cell.variable), error.what());
    }
  }
  std::vector<std::string> lines;
  for (const auto& [what, problem] : problems) {
    const auto& [method, variable] = what;
    const std::string line = fmt::format("{} {}: {}", method->entry->name, variable, problem);
    if (method->is_named && !usable.contains(method)) throw input_error("{}", line);
    lines.push_back(line);
  }
  std::erase_if(jobs, [&](const Job& job) { return problems.contains({job.method, job.cell.variable}); });
  return lines;
}

std::string label_of(const Spec& spec, const Job& job) {
  std::string label =
      fmt::format("{} {} {} seed {}", job.method->entry->name, job.cell.variable, job.site_text(), job.cell.seed);
  if (spec.grid.positions.size() > 1) label += fmt::format(" {}", phrase_of(job.cell.position));
  return label;
}

/// Makes the null variables, and the types held out, of all variables that a method puts beside
/// null variables. None in protocol paper, and if the spec wants none.
void make_nulls(const Spec& spec, const std::vector<Job>& jobs, RunData& data) {
  if (spec.probe.protocol == Protocol::kPaper || spec.probe.null_variables == 0) return;
  for (const Job& job : jobs) {
    const std::string& variable = job.cell.variable;
    if (!job.with_nulls() || data.nulls.contains(variable)) continue;
    data.nulls.emplace(variable, null_hypothesis(data, variable, spec.data.types_of(variable),
                                                 spec.probe.null_variables, spec.probe.held_out_types));
  }
}

/// @param null  of the job's variable; may be null.
ProbedSet probed_set(const Dataset& set, const Job& job, const RunData& data, const NullHypothesis* null,
                     Streams& streams) {
  const auto labels = set.variables.find(job.cell.variable);
  return {.data = set,
          .stream = streams.at(set, job.site),
          .nodes = set.nodes_at(job.cell.position),
          .labels = labels == set.variables.end() ? at::Tensor() : labels->second,
          .types = null == nullptr ? at::Tensor() : null->types.of_rows[place_of(data, set)]};
}

std::vector<Metric> compute(const Spec& spec, const Job& job, const RunData& data, Streams& run_streams,
                            const OnProgress& on_progress) {
  const Model model = controlled_model(spec.model.control, job.cell.component, job.cell.seed, data.model);
  Streams own_streams(model, run_streams.new_rows());
  Streams& streams = spec.model.control == ModelControl::kNone ? run_streams : own_streams;
  const auto nulls = data.nulls.find(job.cell.variable);
  const NullHypothesis* null = nulls == data.nulls.end() || !job.with_nulls() ? nullptr : &nulls->second;
  ProbedSite probed{.model = model,
                    .site = job.site,
                    .position = job.cell.position,
                    .variable = job.cell.variable,
                    .train = probed_set(data.train, job, data, null, streams),
                    .test = probed_set(data.test, job, data, null, streams),
                    .null = null,
                    .seed = Seed(job.cell.seed).derive("baseline"),
                    .paper_protocol = spec.probe.protocol == Protocol::kPaper};
  for (const auto& [label, set] : data.evaluation_sets)
    probed.evaluation_sets.emplace_back(label, probed_set(set, job, data, null, streams));
  return job.method->method->run(probed, on_progress);
}

}  // namespace

RunSummary run_baselines(const Spec& spec, const std::vector<std::string>& names, const RunOptions& options,
                         std::span<const MethodEntry> known) {
  return report_to_rank_zero(options, [&] {
    RunSummary summary{.out = run_folder(spec, options.out)};
    const std::vector<ChosenMethod> methods = choose_methods(spec, names, known);
    RunData data = load_run_data(spec, options.device);
    std::vector<Job> jobs = jobs_of(spec, methods, data.model.config);
    for (const Job& job : jobs) check_labels(job.cell, data);
    summary.left_out = leave_out(jobs, data, options.device);
    make_nulls(spec, jobs, data);
    const CellSet set{
        .what = "methods",
        .plan =
            [&](int n_threads) {
              std::vector<PlannedCell> plan;
              for (const Job& job : jobs) {
                const std::string what = fmt::format("{}|{}", job.method->entry->name, job.method->method->settings());
                plan.push_back(
                    {baseline_id(spec, job.cell, what, job.place(), data.fingerprints, n_threads, job.with_nulls()),
                     std::string(job.method->entry->name), label_of(spec, job)});
              }
              return plan;
            },
        .schedule =
            [&](const std::vector<size_t>& unfinished, const Estimate*) {
              // Times of comparison methods are unknown; 1 for every cell makes them equal.
              std::vector<ScheduledCell> cells;
              for (const size_t i : unfinished) cells.push_back({i, jobs[i].site.index, 1});
              return cells;
            },
        .compute =
            [&](size_t i, const std::string&, const RunData& on_device, Streams& streams,
                const OnProgress& on_progress) {
              const Job& job = jobs[i];
              return FinishedCell{.variable = job.cell.variable,
                                  .site = job.site_text(),
                                  .position = job.cell.position,
                                  .seed = job.cell.seed,
                                  .metrics = compute(spec, job, on_device, streams, on_progress)};
            }};
    return run_cells(spec, cells_of(spec, data.model.config), data, set, options, std::move(summary));
  });
}

}  // namespace cprobe
