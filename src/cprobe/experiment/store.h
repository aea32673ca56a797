#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cprobe/circuit/fit.h"
#include "cprobe/experiment/result_row.h"

struct sqlite3;

namespace cprobe {

/// How far a cell has come.
enum class CellStatus { kPlanned, kDone, kFailed };

/// The record of a run: `run.sqlite` in its folder (docs/file_formats.md). One transaction per finished cell
/// (write-ahead log), so a killed run holds every cell that was finished and nothing of the others.
class Store {
 public:
  /// Opens or creates `folder`/run.sqlite. @throws Error (kFailed) if that is impossible, (kInput) if the file is no
  /// store of ours; it is then left as it is.
  static Store open(const std::filesystem::path& folder);

  /// Opens the store of an earlier run to read it; nothing in the folder changes, and a run may be going on there.
  /// @throws Error (kInput) if there is no store, or it is not of this version.
  static Store open_existing(const std::filesystem::path& folder);

  struct Entry {
    std::string id;
    std::string method;
    std::string label;  ///< "var_0 L0.attn seed 0", for people.
    CellStatus status = CellStatus::kPlanned;
    std::string error;  ///< Of a failed cell.
    double seconds = 0;
  };
  /// All cells in the order of the plan.
  std::vector<Entry> cells() const;

  /// A cell to come.
  struct PlannedCell {
    std::string id;
    std::string method;  ///< `method_name`, or a competing method's name.
    std::string label;
  };
  /// Adds cells that are not there yet, in order.
  void plan(const std::vector<PlannedCell>& cells);

  /// Removes all cells of a method, with what they found.
  /// @return the circuit files of these cells, which it leaves, relative to the run folder.
  std::vector<std::string> forget(const std::string& method);

  /// Notes about the run: the spec's text, model, program version, threads, BLAS.
  void set_note(const std::string& key, const std::string& value);
  std::vector<std::pair<std::string, std::string>> notes() const;

  /// What a finished cell found.
  struct Finished {
    std::string variable;
    std::string site;  ///< "L0.attn" or, of methods that look at states, "L0.mid".
    uint64_t seed = 0;
    double seconds = 0;
    std::vector<Metric> metrics;
    ResultRow row = {};                   ///< Circuit probing: its line of results.csv.
    std::vector<EpochRecord> curve = {};  ///< Likewise, of mask training.
    std::string circuit_file = {};        ///< Likewise, in the run folder.
  };
  /// All of it in one transaction.
  void record(const std::string& id, const Finished& finished);
  void record_failure(const std::string& id, const std::string& error);

  struct Field {
    std::string name;
    std::string text;
    bool is_text = false;  ///< Not a number.
  };
  /// The fields of results.csv of every finished cell of circuit probing, in order.
  using Fields = std::vector<Field>;
  std::vector<Fields> results() const;

  /// A line of metrics.csv.
  struct MetricRow {
    std::string method;
    std::string site;
    std::string variable;
    Metric metric;
    int64_t seed = 0;
    std::string cell;
  };
  /// Those of all finished cells, in order.
  std::vector<MetricRow> metrics() const;

  /// Rebuilds results.csv (circuit probing, one row per finished cell, wide; not written before there is one),
  /// metrics.csv (long) and curves.csv from the store.
  void export_tables() const;

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  std::filesystem::path folder_;
  std::unique_ptr<sqlite3, Close> database_;
};

}  // namespace cprobe
