#include "cprobe/run/runner.h"

#include <algorithm>
#include <cctype>
#include <numeric>
#include <set>

#include "cprobe/core/error.h"
#include "cprobe/core/threads.h"
#include "cprobe/probe/data_check.h"
#include "cprobe/probe/null_circuits.h"
#include "cprobe/probe/probe_cell.h"
#include "cprobe/record/findings_codec.h"
#include "cprobe/run/device_data.h"
#include "cprobe/run/parallelism.h"
#include "cprobe/run/run_cells.h"
#include "cprobe/run/run_lock.h"

namespace cprobe {
namespace {

std::string circuit_file(const Cell& cell, const std::string& id) {
  std::string variable = cell.variable;
  for (char& c : variable) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_' && c != '-') c = '_';
  }
  return fmt::format("circuits/{}.{}.{}.safetensors", variable, to_string(cell.component), id);
}

/// A label such as "var_0 L0.attn seed 0", with every other grid dimension that has several values.
std::string label_of(const Spec& spec, const Cell& cell) {
  std::string label = fmt::format("{} {} seed {}", cell.variable, to_string(cell.component), cell.seed);
  if (spec.grid.positions.size() > 1) label += fmt::format(" {}", phrase_of(cell.position));
  if (spec.grid.learning_rates.size() > 1) label += fmt::format(" learning rate {}", cell.learning_rate);
  if (spec.grid.batch_sizes.size() > 1) label += fmt::format(" batch size {}", cell.batch_size);
  if (spec.grid.mask_options.size() > 1)
    label += fmt::format(" {} {}", mask_option(spec.probe.mask_method).key, cell.mask_option);
  for (const auto& [name, text] : cell.fit_numbers.texts()) label += fmt::format(" {} {}", name, text);
  return label;
}

/// Refuses cells that cannot be computed. @throws Error (kInput).
void check_cells(const std::vector<Cell>& cells, const RunData& data) {
  for (const Cell& cell : cells) {
    check_labels(cell, data);
    require_decodable(data.train.labelled(cell.variable, cell.position).labels,
                      fmt::format("{}: variable '{}'", data.train.source, cell.variable));
    const int64_t n_rows = data.train.trie.n_rows();
    if (n_rows < cell.batch_size) {
      throw input_error("{}: batch_size is {}, but there are only {} rows to train on", data.train.source,
                        cell.batch_size, n_rows);
    }
  }
}

/// Data and cells of a run, loaded and checked.
struct Prepared {
  RunData data;
  std::vector<Cell> cells;
};

/// Refuses cells whose batches are larger than what held-out types leave. @throws Error (kInput).
void check_rows_to_train_on(const Prepared& prepared) {
  for (const Cell& cell : prepared.cells) {
    const at::Tensor rows = rows_to_train_on(prepared.data, prepared.data.nulls.at(cell.variable));
    if (!rows.defined() || rows.size(0) >= cell.batch_size) continue;
    throw input_error("{}: batch_size is {}, but evaluate.held_out_types leaves only {} rows of '{}' to train on",
                      prepared.data.train.source, cell.batch_size, rows.size(0), cell.variable);
  }
}

/// Takes a quarter of the rows to train on as a batch where the spec gives none and the default is
/// more than there are.
void let_batch_follow_data(const Spec& spec, int64_t n_rows, std::vector<Cell>& cells, const OnMessage& on_message) {
  const bool is_default = std::ranges::all_of(cells, [](const Cell& cell) { return cell.batch_size == kBatchSize; });
  if (!spec.grid.batch_follows_data || !is_default || n_rows >= kBatchSize) return;
  const int64_t quarter = std::max<int64_t>(2, n_rows / 4);
  for (Cell& cell : cells) cell.batch_size = quarter;
  tell(on_message,
       {Message::Kind::kNote,
        fmt::format("batches of {} rows, a quarter of the {} to train on (fit.batch_size)", quarter, n_rows)});
}

int64_t least_rows_to_train_on(const RunData& data) {
  int64_t n_rows = data.train.trie.n_rows();
  for (const auto& [variable, null] : data.nulls) {
    const at::Tensor rows = rows_to_train_on(data, null);
    if (rows.defined()) n_rows = std::min(n_rows, rows.size(0));
  }
  return n_rows;
}

/// Says what the numbers of classes stand for where a file has names for them.
void tell_class_names(const Spec& spec, const Dataset& data, const OnMessage& on_message) {
  constexpr size_t kMost = 12;
  for (const std::string& variable : spec.grid.variables) {
    const auto found = data.class_names.find(variable);
    if (found == data.class_names.end()) continue;
    std::vector<std::string> names = found->second;
    const size_t n = names.size();
    if (n > kMost) names.resize(kMost);
    tell(on_message, {Message::Kind::kNote, fmt::format("{} classes of {}: {}{}", n, variable, fmt::join(names, ", "),
                                                        n > kMost ? ", ..." : "")});
  }
}

Prepared prepare(const Spec& spec, const RunOptions& options) {
  Prepared prepared{.data = load_run_data(spec, options.device)};
  const OnMessage& on_message = options.callbacks.on_message;
  for (const std::string& note : prepared.data.notes) tell(on_message, {Message::Kind::kNote, note});
  for (const std::string& warning : prepared.data.warnings) tell(on_message, {Message::Kind::kWarning, warning});
  tell_class_names(spec, prepared.data.train, on_message);
  if (on_message) tell(on_message, {Message::Kind::kNote, probed_text(spec, prepared.data)});
  prepared.cells = expand(spec.grid, prepared.data.model.config);
  let_batch_follow_data(spec, least_rows_to_train_on(prepared.data), prepared.cells, on_message);
  check_cells(prepared.cells, prepared.data);
  if (spec.probe.ablation.effect) {
    for (const auto& [label, set] : prepared.data.evaluation_sets) require_single_tokens(set, "evaluate.effects");
  }
  if (spec.probe.protocol == Protocol::kPaper) return prepared;
  for (const std::string& variable : spec.grid.variables) {
    prepared.data.nulls.emplace(variable, null_hypothesis(prepared.data, variable, spec.data.types_of(variable),
                                                          spec.probe.null_variables, spec.probe.held_out_types));
  }
  let_batch_follow_data(spec, least_rows_to_train_on(prepared.data), prepared.cells, on_message);
  check_rows_to_train_on(prepared);
  return prepared;
}

/// The cells with their identities, in the order of the grid.
std::vector<PlannedCell> plan_of(const Spec& spec, const Prepared& prepared, int n_threads) {
  std::vector<PlannedCell> plan;
  for (const Cell& cell : prepared.cells) {
    plan.push_back({cell_id(spec, cell, prepared.data.fingerprints, n_threads), method_name(spec.probe.mask_method),
                    label_of(spec, cell)});
  }
  return plan;
}

/// Sorts cells, given by their numbers in the grid, by component. In this order each residual
/// stream is advanced from one component to the next.
std::vector<size_t> in_order(const std::vector<Cell>& cells, std::vector<size_t> numbers) {
  std::ranges::stable_sort(numbers, {}, [&](size_t i) { return cells[i].component; });
  return numbers;
}

/// Weighs the progress of a cell's parts by the time that each part is expected to take.
CellProgress weighted(const CellTime& time, const OnProgress& on_progress) {
  const double total = time.total() > 0 ? time.total() : 1;
  const double fitted = time.fit() / total;
  return {
      .mask_training = part_of(on_progress, 0, fitted * time.own_share),
      .null_circuits = part_of(on_progress, fitted * time.own_share, fitted),
      .ablations = part_of(on_progress, 1 - (time.ablations() + time.exchanges) / total, 1 - time.exchanges / total),
      .exchanges = part_of(on_progress, 1 - time.exchanges / total, 1)};
}

/// The identities of cells that a run in a folder would leave as they are.
std::set<std::string> cells_over(const std::filesystem::path& folder, const Again& again) {
  if (again.all || folder.empty() || !holds_run(folder) || RunLock::is_held_elsewhere(folder)) return {};
  return cells_over(Store::open_existing(folder), again.failed);
}

/// What a run folder knows of the cells with `null_variables: 0`, by number of the cell. Empty if
/// this process cannot read the folder.
std::map<size_t, FoundCircuit> screened_cells(const std::filesystem::path& folder, const Spec& spec,
                                              const Prepared& prepared, int n_threads) {
  std::map<size_t, FoundCircuit> screened;
  if (spec.probe.null_variables == 0 || folder.empty() || !holds_run(folder)) return screened;
  Spec screening = spec;
  screening.probe.null_variables = 0;
  const Store store = Store::open_existing(folder);
  const std::set<std::string> finished = store.finished();
  for (size_t i = 0; i < prepared.cells.size(); ++i) {
    const std::string id = cell_id(screening, prepared.cells[i], prepared.data.fingerprints, n_threads);
    const std::string own = cell_id(spec, prepared.cells[i], prepared.data.fingerprints, n_threads);
    if (finished.contains(own) || !finished.contains(id)) continue;
    const std::optional<FinishedCell> cell = store.finished_cell(id);
    if (!cell) continue;
    Circuit circuit = load_circuit(folder / cell->circuit_file, prepared.data.model.config);
    screened.emplace(i, FoundCircuit{.findings = decode({cell->row, cell->metrics}).findings,
                                     .circuit = std::move(circuit),
                                     .curve = cell->curve});
  }
  return screened;
}

}  // namespace

void check_run(const Spec& spec, const RunOptions& options) {
  prepare(spec, options);
  check_names(run_folder(spec, options.out));
}

RunPlan plan_run(const Spec& spec, const RunOptions& options) {
  const ThreadsKept threads_kept;
  const Prepared prepared = prepare(spec, options);
  const std::filesystem::path folder = std::filesystem::temp_directory_path();
  const OnProgress& on_progress = options.callbacks.on_progress;
  std::optional<Estimate> estimate;
  const std::filesystem::path run = options.out.empty() ? spec.out : options.out;
  const auto recorded = run.empty() ? std::optional<Parallelism>() : recorded_parallelism(run, options.device);
  RunPlan plan;
  DeviceData on_devices(prepared.data, options.device);
  plan.parallelism = settle_parallelism(options.n_jobs, options.n_threads, recorded, [&] {
    if (!options.device.is_cpu()) return gpu_parallelism(options.device, false);
    MeasuredParallelism measured =
        measure_parallelism(spec, prepared.cells, prepared.data, true, options.memory, folder, on_progress);
    estimate.emplace(std::move(measured.estimate));
    plan.peak_memory = measured.peak_memory;
    return measured.parallelism;
  });
  const int64_t memory = options.memory / plan.parallelism.n_jobs;
  if (!estimate) {
    set_threads(plan.parallelism.n_threads);
    const RunData& data = on_devices.of_worker(0, plan.parallelism.n_jobs);
    const NewRows rows = stream_rows(data, options.device, memory, folder);
    estimate.emplace(spec, prepared.cells, data, rows, on_progress);
    estimate->measure_costs(prepared.cells, rows);
  }
  std::vector<size_t> all(prepared.cells.size());
  std::iota(all.begin(), all.end(), 0);
  plan.cells.resize(all.size());
  const std::vector<PlannedCell> planned = plan_of(spec, prepared, plan.parallelism.n_threads);
  const std::set<std::string> over = cells_over(run, options.again);
  double sum = 0, longest = 0, least_sum = 0, least_longest = 0;
  const Cell* before = nullptr;
  for (const size_t i : in_order(prepared.cells, all)) {
    const Cell& cell = prepared.cells[i];
    const CellTime time = estimate->of(cell, before);
    plan.cells[i] = {planned[i].label, time, over.contains(planned[i].id)};
    if (plan.cells[i].is_over) continue;
    sum += time.total();
    longest = std::max(longest, time.total());
    least_sum += time.least();
    least_longest = std::max(least_longest, time.least());
    before = &cell;
  }
  plan.questions = planned_questions(spec, prepared.data, prepared.cells);
  plan.titles = variable_titles(spec, prepared.data.titles);
  plan.seconds = std::max(sum / plan.parallelism.n_jobs, longest);
  plan.seconds_at_least = std::max(least_sum / plan.parallelism.n_jobs, least_longest);
  plan.weights_memory = estimate->weights_memory();
  plan.streams_memory = plan.parallelism.n_jobs * streams_memory(prepared.data);
  plan.streams_on_disk = streams_memory(prepared.data) > memory;
  if (plan.peak_memory == 0) {
    plan.peak_memory = estimate->peak_memory() + (plan.parallelism.n_jobs - 1) * estimate->cell_memory();
  }
  return plan;
}

RunSummary run(const Spec& spec, const RunOptions& options) {
  return report_to_rank_zero(options, [&] {
    const std::filesystem::path folder = run_folder(spec, options.out);
    const Prepared prepared = prepare(spec, options);
    // Times by cell. On ranks that only compute, they stay unmeasured.
    std::vector<CellTime> times;
    for (const Cell& cell : prepared.cells) times.push_back(unmeasured(spec, prepared.data, cell));
    std::map<size_t, FoundCircuit> screened;
    const CellSet set{
        .what = "circuits",
        .is_estimated = true,
        .plan =
            [&](int n_threads) {
              if (!options.again.all) screened = screened_cells(folder, spec, prepared, n_threads);
              return plan_of(spec, prepared, n_threads);
            },
        .schedule =
            [&](const std::vector<size_t>& unfinished, const Estimate* estimate) {
              std::vector<ScheduledCell> cells;
              const Cell* before = nullptr;
              for (const size_t i : in_order(prepared.cells, unfinished)) {
                const Cell& cell = prepared.cells[i];
                if (estimate != nullptr) times[i] = estimate->of(cell, before);
                cells.push_back({i, Site::before(cell.component).index, times[i].total()});
                before = &cell;
              }
              return cells;
            },
        .compute =
            [&](size_t i, const std::string& id, const RunData& data, Streams& streams, const OnProgress& on_progress) {
              const Cell& cell = prepared.cells[i];
              const auto found = screened.find(i);
              FoundCircuit result = probe_cell(spec, cell, id, data, streams, weighted(times[i], on_progress),
                                               found == screened.end() ? nullptr : &found->second);
              EncodedFindings encoded =
                  encode({id, settings_of(spec, cell), std::move(result.findings)}, spec.probe.ablation);
              return FinishedCell{.variable = cell.variable,
                                  .site = to_string(cell.component),
                                  .position = cell.position,
                                  .seed = cell.seed,
                                  .metrics = std::move(encoded.metrics),
                                  .row = std::move(encoded.row),
                                  .curve = std::move(result.curve),
                                  .circuit_file = circuit_file(cell, id),
                                  .circuit = circuit_bytes(result.circuit)};
            }};
    return run_cells(spec, prepared.cells, prepared.data, set, options, {.out = folder});
  });
}

}  // namespace cprobe
