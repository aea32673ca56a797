#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cprobe/experiment/probe_cell.h"

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
    std::string label;  ///< "var_0 L0.attn seed 0", for people.
    CellStatus status = CellStatus::kPlanned;
    std::string error;  ///< Of a failed cell.
    double seconds = 0;
  };
  /// All cells in the order of the plan.
  std::vector<Entry> cells() const;

  /// Adds cells that are not there yet. @param plan pairs of identity and label, in order.
  void plan(const std::vector<std::pair<std::string, std::string>>& plan);

  /// Notes about the run: the spec's text, model, program version, threads, BLAS.
  void set_note(const std::string& key, const std::string& value);
  std::vector<std::pair<std::string, std::string>> notes() const;

  /// A finished cell, all of it in one transaction.
  void record(const std::string& id, const Spec& spec, const Cell& cell, const CellResult& result,
              const std::string& circuit_file, double seconds);
  void record_failure(const std::string& id, const std::string& error);

  struct Field {
    std::string name;
    std::string text;
    bool is_text = false;  ///< Not a number.
  };
  /// The fields of results.csv of every finished cell, in order.
  using Fields = std::vector<Field>;
  std::vector<Fields> results() const;

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
