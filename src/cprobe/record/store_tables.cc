#include <sqlite3.h>

#include <cmath>
#include <limits>
#include <sstream>
#include <unordered_map>

#include "cprobe/io/atomic_file.h"
#include "cprobe/io/csv.h"
#include "cprobe/record/sqlite.h"
#include "cprobe/record/store.h"

/// What a store holds of finished cells, and its tables.
namespace cprobe {
namespace {

/// Numbers with a blank between them.
std::vector<double> numbers_of(const std::string& text) {
  std::vector<double> numbers;
  std::istringstream words(text);
  for (std::string word; words >> word;) numbers.push_back(std::stod(word));
  return numbers;
}

/// Rows under one header: every column that any of them has, in the order of first appearance, as pandas joins them.
std::string wide_table(const std::vector<Store::Fields>& rows) {
  std::vector<std::string> columns;
  std::unordered_map<std::string, size_t> place;
  for (const Store::Fields& fields : rows) {
    for (const Store::Field& field : fields) {
      if (place.emplace(field.name, columns.size()).second) columns.push_back(field.name);
    }
  }
  std::string table = csv_record(columns);
  for (const Store::Fields& fields : rows) {
    std::vector<std::string> record(columns.size());
    for (const Store::Field& field : fields) record[place.at(field.name)] = field.text;
    table += csv_record(record);
  }
  return table;
}

}  // namespace

std::vector<Store::Fields> Store::results() const {
  std::vector<Fields> rows;
  Statement fields(database_.get(),
                   "SELECT cell, name, value, is_text FROM fields JOIN planned ON cell = id WHERE status = 'done' "
                   "ORDER BY rank, place, fields.ordinal");
  std::string cell;
  while (fields.step()) {
    if (fields.text(0) != cell) {
      cell = fields.text(0);
      rows.emplace_back();
    }
    rows.back().push_back({fields.text(1), fields.text(2), fields.integer(3) != 0});
  }
  return rows;
}

std::vector<Store::MetricRow> Store::metrics() const {
  std::vector<MetricRow> lines;
  Statement rows(
      database_.get(),
      "SELECT method, site, variable, metric, value, n, sd, control, p, note, seed, cell, position, draws FROM metrics "
      "JOIN planned ON cell = id WHERE status = 'done' ORDER BY rank, place, metrics.ordinal");
  const auto optional_number = [&](int column) {
    return rows.is_null(column) ? std::optional<double>() : rows.number(column);
  };
  while (rows.step()) {
    // SQLite keeps NaN as NULL.
    const double value = optional_number(4).value_or(std::numeric_limits<double>::quiet_NaN());
    lines.push_back({.method = rows.text(0),
                     .site = rows.text(1),
                     .variable = rows.text(2),
                     .metric = {.metric = rows.text(3),
                                .value = value,
                                .n = rows.integer(5),
                                .sd = optional_number(6),
                                .control = rows.text(7),
                                .p = optional_number(8),
                                .draws = numbers_of(rows.text(13)),
                                .note = rows.text(9)},
                     .seed = rows.integer(10),
                     .cell = rows.text(11),
                     .position = rows.integer(12)});
  }
  return lines;
}

std::vector<Store::Curve> Store::curves() const {
  std::vector<Curve> curves;
  Statement rows(database_.get(),
                 "SELECT cell, loss, objective, l0_term, temperature, n_kept FROM curves JOIN planned ON cell = id "
                 "WHERE status = 'done' ORDER BY rank, place, epoch");
  while (rows.step()) {
    const std::string cell = rows.text(0);
    if (curves.empty() || curves.back().cell != cell) curves.push_back({cell, {}});
    curves.back().epochs.push_back({rows.number(1), rows.number(2), rows.number(3), rows.number(4), rows.integer(5)});
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
  const std::vector<Fields> finished = results();
  if (finished.empty()) {
    std::filesystem::remove(folder_ / "results.csv");  // of an earlier plan
  } else {
    write_file(folder_ / "results.csv", wide_table(finished));
  }

  std::string lines = csv_record(
      {"method", "site", "variable", "metric", "value", "n", "sd", "control", "p", "note", "seed", "position", "cell"});
  const auto number = [](const std::optional<double>& x) { return x && !std::isnan(*x) ? number_text(*x) : ""; };
  for (const MetricRow& row : metrics()) {
    const Metric& m = row.metric;
    lines +=
        csv_record({row.method, row.site, row.variable, m.metric, number(m.value), std::to_string(m.n), number(m.sd),
                    m.control, number(m.p), m.note, std::to_string(row.seed), std::to_string(row.position), row.cell});
  }
  write_file(folder_ / "metrics.csv", lines);

  std::string curves = csv_record(
      {"variable", "site", "seed", "epoch", "loss", "objective", "l0_term", "temperature", "n_kept", "cell"});
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
    curves += csv_record(record);
  }
  write_file(folder_ / "curves.csv", curves);
}

}  // namespace cprobe
