#include <sqlite3.h>

#include <cmath>
#include <unordered_map>

#include "cprobe/core/error.h"
#include "cprobe/core/number_text.h"
#include "cprobe/io/atomic_file.h"
#include "cprobe/io/csv.h"
#include "cprobe/record/findings_codec.h"
#include "cprobe/record/metric_columns.h"
#include "cprobe/record/store.h"
#include "cprobe/record/stored_rows.h"

/// Reads the finished cells of a store, and exports its tables.
namespace cprobe {
namespace {

/// Joins rows under one header, as pandas does: every column that any row has, in the order of
/// first appearance.
std::string wide_table(const std::vector<RecordedRow>& rows) {
  std::vector<std::string> columns;
  std::unordered_map<std::string, size_t> place;
  for (const auto& [cell, row] : rows) {
    for (const ResultField& field : row) {
      if (place.emplace(field.name, columns.size()).second) columns.push_back(field.name);
    }
  }
  std::string table = csv_record(columns);
  for (const auto& [cell, row] : rows) {
    std::vector<std::string> record(columns.size());
    for (const ResultField& field : row) record[place.at(field.name)] = field.text;
    table += csv_record(record);
  }
  return table;
}

/// The settings of finished cells, by identity: of circuit probing those in the cell's row, of
/// comparison methods those in the spec of the call that computed the cell. Specs that this version
/// cannot read are left out.
std::map<std::string, CellSettings> settings_of_cells(sqlite3* database, const std::vector<RecordedRow>& rows) {
  std::map<std::string, CellSettings> settings;
  for (const auto& [cell, row] : rows) settings.emplace(cell, decode({row, {}}).settings);
  std::map<std::string, std::optional<CellSettings>> of_specs;
  Statement calls(database,
                  "SELECT planned.id, spec FROM planned JOIN invocations ON invocations.id = planned.invocation WHERE "
                  "status = 'done'");
  while (calls.step()) {
    const std::string cell = calls.text(0), text = calls.text(1);
    if (settings.contains(cell) || text.empty()) continue;
    const auto [of_spec, is_new] = of_specs.try_emplace(text);
    if (is_new) {
      try {
        of_spec->second = settings_of(parse_spec(Document::parse_yaml(text, "the spec on record")), {});
      } catch (const Error&) {
        // A key that an earlier version knew, say. The settings stay unknown.
      }
    }
    if (of_spec->second) settings.emplace(cell, *of_spec->second);
  }
  return settings;
}

/// The numbers of mask training (FitNumbers) of which some cell has a value of its own: columns
/// that tables of a grid have at their end.
std::vector<std::string> varied_numbers(const std::map<std::string, CellSettings>& settings) {
  std::vector<std::string> names;
  for (const char* name : kFitNumbers) {
    const auto has = [&](const auto& entry) { return !text_of_number(entry.second.cell.fit_numbers, name).empty(); };
    if (std::ranges::any_of(settings, has)) names.emplace_back(name);
  }
  return names;
}

/// Their texts in a cell.
std::vector<std::string> texts_of(const std::vector<std::string>& names,
                                  const std::map<std::string, CellSettings>& settings, const std::string& cell) {
  std::vector<std::string> texts;
  texts.reserve(names.size());
  const auto found = settings.find(cell);
  for (const std::string& name : names) {
    texts.push_back(found == settings.end() ? "" : text_of_number(found->second.cell.fit_numbers, name));
  }
  return texts;
}

/// path.csv: the circuits found at several L0 weights; empty if all cells have one L0 weight.
std::string path_table(const std::vector<RecordedMetric>& rows) {
  std::string lines;
  for (const RecordedMetric& row : rows) {
    const std::optional<Findings::PathStep> step = decode_path_step(row.metric);
    if (!step) continue;
    if (lines.empty()) {
      lines = csv_record({"variable", "site", "seed", "position", "l0_weight", "weights", "accuracy", "standard_error",
                          "chosen", "cell"});
    }
    lines += csv_record({row.variable, row.site, std::to_string(row.seed), to_string(row.position),
                         number_text(step->l0_weight), std::to_string(step->n_weights), number_text(step->accuracy),
                         number_text(step->standard_error), step->is_chosen ? "true" : "false", row.cell});
  }
  return lines;
}

/// metrics.csv: the columns of the record, then those of metric_columns.
/// @param rows  those of a cell follow one another.
std::string long_table(const std::vector<RecordedMetric>& rows, const std::map<std::string, CellSettings>& settings) {
  std::vector<std::string> heading = {"method", "site", "variable", "metric",   "value", "n",     "sd",   "control",
                                      "p",      "note", "seed",     "position", "cell",  "lower", "upper"};
  const auto append = [](std::vector<std::string>& record, const std::vector<std::string>& fields) {
    record.insert(record.end(), fields.begin(), fields.end());
  };
  append(heading, metric_column_names());
  const std::vector<std::string> varied = varied_numbers(settings);
  append(heading, varied);
  std::string lines = csv_record(heading);
  const auto number = [](const std::optional<double>& x) { return x && !std::isnan(*x) ? number_text(*x) : ""; };
  for (auto begin = rows.begin(); begin != rows.end();) {
    const auto end =
        std::find_if(begin, rows.end(), [&](const RecordedMetric& row) { return row.cell != begin->cell; });
    const std::vector<RecordedMetric> of_cell(begin, end);
    const auto found = settings.find(begin->cell);
    const std::vector<std::vector<std::string>> columns =
        metric_columns(of_cell, found == settings.end() ? std::nullopt : std::optional(found->second));
    for (size_t i = 0; i < of_cell.size(); ++i) {
      const RecordedMetric& row = of_cell[i];
      const Metric& m = row.metric;
      std::vector<std::string> record = {
          row.method,   row.site,        row.variable,   m.metric, number(m.value),          std::to_string(m.n),
          number(m.sd), m.control,       number(m.p),    m.note,   std::to_string(row.seed), to_string(row.position),
          row.cell,     number(m.lower), number(m.upper)};
      append(record, columns[i]);
      append(record, texts_of(varied, settings, row.cell));
      lines += csv_record(record);
    }
    begin = end;
  }
  return lines;
}

}  // namespace

std::optional<FinishedCell> Store::finished_cell(const std::string& id) const {
  sqlite3* database = database_.get();
  FinishedCell cell;
  Statement fields(database,
                   "SELECT name, value, is_text FROM fields JOIN cells ON cell = id WHERE status = 'done' AND cell = ? "
                   "ORDER BY fields.ordinal",
                   id);
  while (fields.step()) decode(fields.values(0), cell.row.emplace_back());
  Statement metrics(database,
                    "SELECT metric, value, n, sd, control, p, note, draws, lower, upper FROM metrics WHERE cell = ? "
                    "ORDER BY ordinal",
                    id);
  while (metrics.step()) decode(metrics.values(0), cell.metrics.emplace_back());
  Statement curve(database,
                  "SELECT loss, objective, l0_term, temperature, n_kept FROM curves WHERE cell = ? ORDER BY epoch", id);
  while (curve.step()) decode(curve.values(0), cell.curve.emplace_back());
  Statement file(database, "SELECT path FROM artifacts WHERE cell = ? AND kind = 'circuit'", id);
  if (cell.row.empty() || !file.step()) return std::nullopt;
  cell.circuit_file = file.text(0);
  if (!std::filesystem::exists(folder_ / cell.circuit_file)) return std::nullopt;
  cell.circuit = read_file(folder_ / cell.circuit_file);
  return cell;
}

std::vector<RecordedRow> Store::result_rows() const {
  std::vector<RecordedRow> rows;
  Statement fields(database_.get(),
                   "SELECT cell, name, value, is_text FROM fields JOIN planned ON cell = id WHERE status = 'done' "
                   "ORDER BY rank, place, fields.ordinal");
  while (fields.step()) {
    const std::string cell = fields.text(0);
    if (rows.empty() || rows.back().cell != cell) rows.push_back({cell, {}});
    decode(fields.values(1), rows.back().row.emplace_back());
  }
  return rows;
}

std::vector<RecordedMetric> Store::metrics() const {
  std::vector<RecordedMetric> lines;
  Statement rows(
      database_.get(),
      "SELECT method, site, variable, seed, cell, position, metric, value, n, sd, control, p, note, draws, lower, "
      "upper FROM metrics "
      "JOIN planned ON cell = id WHERE status = 'done' ORDER BY rank, place, metrics.ordinal");
  while (rows.step()) {
    RecordedMetric& line = lines.emplace_back(RecordedMetric{.method = rows.text(0),
                                                             .site = rows.text(1),
                                                             .variable = rows.text(2),
                                                             .seed = rows.integer(3),
                                                             .cell = rows.text(4),
                                                             .position = position_of(rows.text(5))});
    decode(rows.values(6), line.metric);
  }
  return lines;
}

std::vector<ProbedCell> Store::probed() const {
  std::map<std::string, std::vector<Metric>> metrics_of;
  for (RecordedMetric& line : metrics()) metrics_of[line.cell].push_back(std::move(line.metric));
  std::vector<ProbedCell> cells;
  for (RecordedRow& row : result_rows()) cells.push_back(decode({std::move(row.row), metrics_of[row.cell]}));
  return cells;
}

std::vector<TrainingCurve> Store::curves() const {
  std::vector<TrainingCurve> curves;
  Statement rows(database_.get(),
                 "SELECT cell, loss, objective, l0_term, temperature, n_kept FROM curves JOIN planned ON cell = id "
                 "WHERE status = 'done' ORDER BY rank, place, epoch");
  while (rows.step()) {
    const std::string cell = rows.text(0);
    if (curves.empty() || curves.back().cell != cell) curves.push_back({cell, {}});
    decode(rows.values(1), curves.back().epochs.emplace_back());
  }
  return curves;
}

std::map<std::string, std::string> Store::circuit_files() const {
  std::map<std::string, std::string> files;
  Statement rows(
      database_.get(),
      "SELECT cell, path FROM artifacts JOIN planned ON cell = id WHERE status = 'done' AND kind = 'circuit'");
  while (rows.step()) files[rows.text(0)] = rows.text(1);
  return files;
}

Store::Snapshot::Snapshot(const Store& store) : database_(store.database_.get()) {
  execute(database_, "BEGIN");
}

Store::Snapshot::~Snapshot() {
  sqlite3_exec(database_, "ROLLBACK", nullptr, nullptr, nullptr);
}

void Store::export_tables() const {
  sqlite3* database = database_.get();
  const std::vector<RecordedRow> finished = result_rows();
  if (finished.empty()) {
    std::filesystem::remove(folder_ / "results.csv");  // A file there is of an earlier plan.
  } else {
    write_file(folder_ / "results.csv", wide_table(finished));
  }

  const std::vector<RecordedMetric> all = metrics();
  const std::map<std::string, CellSettings> settings = settings_of_cells(database, finished);
  write_file(folder_ / "metrics.csv", long_table(all, settings));
  const std::string paths = path_table(all);
  if (paths.empty()) {
    std::filesystem::remove(folder_ / "path.csv");  // A file there is of an earlier plan.
  } else {
    write_file(folder_ / "path.csv", paths);
  }

  std::vector<std::string> heading = {"variable",  "site",    "seed",        "epoch",  "loss",
                                      "objective", "l0_term", "temperature", "n_kept", "cell"};
  const std::vector<std::string> varied = varied_numbers(settings);
  heading.insert(heading.end(), varied.begin(), varied.end());
  std::string curves = csv_record(heading);
  Statement epochs(
      database,
      "SELECT variable, site, seed, epoch, loss, objective, l0_term, temperature, n_kept, cell FROM curves "
      "JOIN planned ON cell = id WHERE status = 'done' ORDER BY rank, place, epoch");
  while (epochs.step()) {
    std::vector<std::string> record;
    for (int column = 0; column < 10; ++column) {
      const bool is_number = column >= 4 && column <= 7;
      record.push_back(is_number ? number_text(epochs.number(column)) : epochs.text(column));
    }
    for (std::string& text : texts_of(varied, settings, record.back())) record.push_back(std::move(text));
    curves += csv_record(record);
  }
  write_file(folder_ / "curves.csv", curves);
}

}  // namespace cprobe
