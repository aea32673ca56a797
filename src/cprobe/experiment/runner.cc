#include "cprobe/experiment/runner.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <nlohmann/json.hpp>

#include "cprobe/core/error.h"
#include "cprobe/core/interrupt.h"
#include "cprobe/core/progress.h"
#include "cprobe/core/threads.h"
#include "cprobe/experiment/text_table.h"

namespace cprobe {
namespace {

std::string label_of(const Cell& cell) {
  std::string label = fmt::format("{} {} seed {}", cell.variable, to_string(cell.component), cell.seed);
  if (cell.position != -1) label += fmt::format(" position {}", cell.position);
  return label;
}

std::string circuit_file(const Cell& cell, const std::string& id) {
  std::string variable = cell.variable;
  for (char& c : variable) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_' && c != '-') c = '_';
  }
  return fmt::format("circuits/{}.{}.{}.safetensors", variable, to_string(cell.component), id);
}

/// Complains about cells that cannot be computed before anything is written.
void check_cells(const std::vector<Cell>& cells, const RunData& data) {
  const auto check_length = [&](const Dataset& set) {
    if (set.trie.max_length() > data.model.config.n_positions) {
      throw input_error("{}: has a row of {} tokens, but the model's context is {}", set.source, set.trie.max_length(),
                        data.model.config.n_positions);
    }
  };
  check_length(data.train);
  check_length(data.test);
  for (const auto& [label, set] : data.behaviour) check_length(set);
  for (const Cell& cell : cells) {
    const LabelledTokens train = data.train.labelled(cell.variable, cell.position);
    data.test.labelled(cell.variable, cell.position);
    rows_by_class(train.labels, fmt::format("{}: variable '{}'", data.train.source, cell.variable));
    if (train.n_labelled() < cell.batch_size) {
      throw input_error("{}: batch_size is {}, but there are only {} rows to train on", data.train.source,
                        cell.batch_size, train.n_labelled());
    }
  }
}

void remove_run(const std::filesystem::path& folder) {
  for (const char* name :
       {"run.sqlite", "run.sqlite-wal", "run.sqlite-shm", "results.csv", "metrics.csv", "curves.csv", "circuits"}) {
    std::error_code problem;
    std::filesystem::remove_all(folder / name, problem);
    if (problem) throw failure("{}: cannot remove the earlier run: {}", (folder / name).string(), problem.message());
  }
}

/// Refuses a folder that holds another run, or this one finished.
void check_folder(const Store& store, const std::vector<std::string>& ids, const std::filesystem::path& folder) {
  const std::vector<Store::Entry> there = store.cells();
  if (there.empty()) return;
  const bool same = std::ranges::equal(there, ids, {}, &Store::Entry::id);
  if (!same) {
    throw input_error(
        "{}: holds a run of other cells (another spec, model, data or number of threads); choose another folder or "
        "pass --overwrite",
        folder.string());
  }
  if (std::ranges::all_of(there, [](const Store::Entry& e) { return e.status == CellStatus::kDone; })) {
    throw input_error("{}: this run is finished; its tables are there. Pass --overwrite to compute it again",
                      folder.string());
  }
}

std::string field(const Store::Fields& fields, std::string_view name) {
  const auto found = std::ranges::find(fields, name, &Store::Field::name);
  return found == fields.end() ? std::string() : found->text;
}

std::string decimals(const std::string& number) {
  return number.empty() ? "-" : fmt::format("{:.3f}", std::stod(number));
}

std::string with_sd(const std::string& mean, const std::string& sd) {
  return sd.empty() || std::stod(sd) == 0 ? decimals(mean) : fmt::format("{} ± {:.3f}", decimals(mean), std::stod(sd));
}

}  // namespace

std::string results_table(const Store& store) {
  std::vector<std::vector<std::string>> lines = {{"variable", "site", "kNN circuit", "kNN full", "majority", "weights",
                                                  "vanilla", "ablated", "random", "p", "circuit"}};
  constexpr std::string_view kVanilla = " vanilla acc ";
  for (const Store::Fields& f : store.results()) {
    // The first behaviour data set; the others are in results.csv.
    std::string label;
    for (const Store::Field& column : f) {
      if (column.name.starts_with(kVanilla) && label.empty()) label = column.name.substr(kVanilla.size());
    }
    const double share = std::stod(field(f, "L0 Norm")) / std::stod(field(f, "L0 Max"));
    lines.push_back({field(f, "variable"), fmt::format("L{}.{}", field(f, "target_layer"), field(f, "operation")),
                     with_sd(field(f, "knn test acc"), field(f, "knn test sd")),
                     with_sd(field(f, "full model knn test acc"), field(f, "full model knn test sd")),
                     decimals(field(f, "test majority acc")), fmt::format("{:.1f} %", 100 * share),
                     decimals(field(f, " vanilla acc " + label)), decimals(field(f, " ablated acc " + label)),
                     with_sd(field(f, "random ablate acc mean " + label), field(f, "random ablate acc std " + label)),
                     decimals(field(f, "ablated p " + label)), field(f, "circuit")});
  }
  return text_table(lines);
}

std::string results_json(const Store& store) {
  std::string lines;
  for (const Store::Fields& fields : store.results()) {
    nlohmann::ordered_json object;
    for (const Store::Field& f : fields) {
      if (f.text.empty()) {
        object[f.name] = nullptr;
      } else if (f.is_text) {
        object[f.name] = f.text;
      } else {
        object[f.name] = nlohmann::json::parse(f.text);
      }
    }
    lines += object.dump() + "\n";
  }
  return lines;
}

RunSummary run(const Spec& spec, const RunOptions& options) {
  const std::filesystem::path folder = options.out.empty() ? spec.out : options.out;
  if (folder.empty()) throw input_error("no run folder: pass --out FOLDER or write 'out' into the spec");
  const int n_threads = options.n_threads > 0 ? options.n_threads : available_threads();
  set_threads(n_threads);
  const RunData data = load_run_data(spec);
  const std::vector<Cell> cells = expand(spec, data.model.config);
  check_cells(cells, data);
  std::vector<std::string> ids;
  std::vector<std::pair<std::string, std::string>> plan;
  for (const Cell& cell : cells) {
    ids.push_back(cell_id(spec, cell, data.fingerprints, n_threads));
    plan.emplace_back(ids.back(), label_of(cell));
  }
  if (options.overwrite) remove_run(folder);
  Store store = Store::open(folder);
  check_folder(store, ids, folder);
  store.plan(plan);
  store.set_note("threads", std::to_string(n_threads));
  store.set_note("blas", blas_name());
  store.set_note("model", spec.model.string());

  const std::vector<Store::Entry> entries = store.cells();
  RunSummary summary{.out = folder, .n_cells = static_cast<int64_t>(cells.size())};
  int64_t n_failed = 0;
  std::string first_error;
  const int64_t n_left =
      std::ranges::count_if(entries, [](const Store::Entry& e) { return e.status != CellStatus::kDone; });
  Progress progress("circuits", n_left * std::max<int64_t>(spec.fit.epochs, 1), options.quiet);
  for (size_t i = 0; i < cells.size(); ++i) {
    if (entries[i].status == CellStatus::kDone) continue;
    const auto start = std::chrono::steady_clock::now();
    try {
      const CellResult result = probe_cell(spec, cells[i], ids[i], data, [&](const EpochRecord& epoch) {
        progress.advance(1,
                         fmt::format("{} of {}: {}, loss {:.3f}", i + 1, cells.size(), entries[i].label, epoch.loss));
      });
      const std::string file = circuit_file(cells[i], ids[i]);
      save_circuit(result.findings.circuit, folder / file);
      const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      store.record(ids[i], spec, cells[i], result, file, seconds);
      ++summary.n_computed;
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::kInterrupted) {
        store.export_tables();
        throw Error(ErrorKind::kInterrupted,
                    fmt::format("stopped: {} of {} cells are finished and kept in {}; the same command continues",
                                static_cast<int64_t>(cells.size()) - n_left + summary.n_computed, cells.size(),
                                folder.string()));
      }
      store.record_failure(ids[i], error.what());
      if (n_failed++ == 0) first_error = fmt::format("{}: {}", entries[i].label, error.what());
    }
  }
  store.export_tables();
  summary.table = results_table(store);
  if (n_failed > 0) {
    throw failure(
        "{} of {} cells failed (the others are kept in {}; the same command tries the failed ones again). First "
        "failure: {}",
        n_failed, cells.size(), folder.string(), first_error);
  }
  return summary;
}

}  // namespace cprobe
