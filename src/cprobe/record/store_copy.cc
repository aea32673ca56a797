#include <sqlite3.h>

#include "cprobe/core/error.h"
#include "cprobe/core/hash.h"
#include "cprobe/io/atomic_file.h"
#include "cprobe/record/provenance.h"
#include "cprobe/record/store.h"
#include "cprobe/record/store_schema.h"

/// Copies cells from one store to another: the results of shards, and the intact part of a damaged
/// store.
namespace cprobe {
namespace {

/// Attaches another database file to a store's database, under the name `other`.
class Attached {
 public:
  Attached(sqlite3* database, const std::filesystem::path& path) : database_(database) {
    execute(database, "ATTACH DATABASE ? AS other", path.string());
  }
  Attached(const Attached&) = delete;
  Attached& operator=(const Attached&) = delete;
  ~Attached() { sqlite3_exec(database_, "DETACH DATABASE other", nullptr, nullptr, nullptr); }

 private:
  sqlite3* database_;
};

/// The number in this store of a call that the other store has. Adds the call if it is missing.
int64_t copied_invocation(sqlite3* database, int64_t other_id) {
  constexpr const char* kColumns =
      "started, ended, command, version, host, jobs, threads, device, model, spec, peak_memory";
  Statement there(database,
                  "SELECT mine.id FROM main.invocations AS mine JOIN other.invocations AS theirs ON mine.started = "
                  "theirs.started AND mine.command = theirs.command AND mine.host = theirs.host WHERE theirs.id = ?",
                  other_id);
  if (there.step()) return there.integer(0);
  execute(database,
          fmt::format("INSERT INTO main.invocations ({0}) SELECT {0} FROM other.invocations WHERE id = ?", kColumns),
          other_id);
  return sqlite3_last_insert_rowid(database);
}

/// Replaces what this store has of a cell by what the other store has.
/// @param by_cell  how rows are looked up: "cell", or "+cell" to avoid the index.
void copy_cell(sqlite3* database, const std::string& id, const char* by_cell = "cell") {
  for (const char* table : kCellTables) {
    execute(database, fmt::format("DELETE FROM main.{} WHERE cell = ?", table), id);
    execute(database, fmt::format("INSERT INTO main.{0} SELECT * FROM other.{0} WHERE {1} = ?", table, by_cell), id);
  }
  const std::string by_id = by_cell == std::string("cell") ? "id" : "+id";
  Statement invocation(database, fmt::format("SELECT invocation FROM other.cells WHERE {} = ?", by_id), id);
  invocation.step();
  const auto call =
      invocation.is_null(0) ? std::optional<int64_t>() : copied_invocation(database, invocation.integer(0));
  constexpr const char* kColumns = "status, error, seconds, expected, variable, site, position, seed, checksum";
  execute(database,
          fmt::format("UPDATE main.cells SET ({0}) = (SELECT {0} FROM other.cells WHERE {1} = ?1), "
                      "invocation = ?2 WHERE id = ?1",
                      kColumns, by_id),
          id, call);
}

/// Links or copies a file. Replaces the file at `to`, which may be damaged if its cell is not
/// finished.
void link_or_copy(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::error_code problem;
  std::filesystem::create_directories(to.parent_path(), problem);
  std::filesystem::remove(to, problem);
  std::filesystem::create_hard_link(from, to, problem);
  if (problem) write_file(to, read_file(from));  // Another file system, or one without links.
}

/// Calls `take` with the number of each row of a table in a damaged file. Rows are read one by one,
/// so that an unreadable page costs only its own rows.
/// @param take  returns whether there is such a row. An Error counts as no row.
template <typename Take>
void for_each_row(sqlite3* database, const std::string& table, const Take& take) {
  int64_t last = 0;
  try {
    Statement rows(database, fmt::format("SELECT max(rowid) FROM other.{}", table));
    if (rows.step()) last = rows.integer(0);
  } catch (const Error&) {
  }
  // If not even the number of the last row can be read, this many missing rows mark the end.
  constexpr int64_t kGap = 1000;
  int64_t n_missed = 0;
  for (int64_t row = 1; last > 0 ? row <= last : n_missed < kGap; ++row) {
    bool is_there = false;
    try {
      is_there = take(row);
    } catch (const Error&) {
    }
    n_missed = is_there ? 0 : n_missed + 1;
  }
}

/// A copy of a damaged database file to read from, filled up with zeros to the size that its header
/// states. SQLite refuses the whole of a file that is too short, but only single pages of zeros.
class ReadableCopy {
 public:
  explicit ReadableCopy(const std::filesystem::path& path) : path_(path.string() + ".copy") {
    for (const char* suffix : {"", "-wal", "-journal"}) {
      std::error_code none;  // There may be no log.
      std::filesystem::copy_file(path.string() + suffix, path_.string() + suffix,
                                 std::filesystem::copy_options::overwrite_existing, none);
    }
    const std::string bytes = read_file(path);
    // https://www.sqlite.org/fileformat.html, "The Database Header": big-endian.
    const auto number = [&](size_t at, size_t n_bytes) {
      uint64_t value = 0;
      for (size_t i = at; i < at + n_bytes; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
      return value;
    };
    constexpr size_t kHeader = 100;
    constexpr uint64_t kMost = uint64_t{1} << 40;  // A damaged header may state any size.
    if (bytes.size() < kHeader) return;
    const uint64_t said = number(28, 4) * (number(16, 2) == 1 ? 65536 : number(16, 2));
    if (said > bytes.size() && said < kMost) std::filesystem::resize_file(path_, said);
  }
  ReadableCopy(const ReadableCopy&) = delete;
  ReadableCopy& operator=(const ReadableCopy&) = delete;
  ~ReadableCopy() {
    std::error_code none;
    for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
      std::filesystem::remove(path_.string() + suffix, none);
    }
  }

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Whether the record and the circuit of a cell fit their checksums.
bool is_intact(sqlite3* database, const std::filesystem::path& folder, const std::string& id) {
  Statement cell(database, "SELECT checksum FROM main.cells WHERE id = ?", id);
  if (!cell.step()) return false;
  if (!cell.is_null(0) && cell.text(0) != checksum_of(database, id)) return false;
  Statement files(database, "SELECT path, checksum FROM main.artifacts WHERE cell = ?", id);
  while (files.step()) {
    const std::filesystem::path path = folder / files.text(0);
    if (!std::filesystem::is_regular_file(path)) return false;
    if (!files.is_null(1) && to_hex(hash(read_file(path))) != files.text(1)) return false;
  }
  return true;
}

/// Takes over a cell of the other store with its circuit, if both are intact.
/// @param from, to  folders of the other store and of this one.
/// @return whether the cell was taken over.
bool take_cell(sqlite3* database, const std::string& id, const std::filesystem::path& from,
               const std::filesystem::path& to) {
  try {
    Transaction transaction(database);
    copy_cell(database, id);
    if (!is_intact(database, from, id)) return false;
    Statement files(database, "SELECT path FROM main.artifacts WHERE cell = ?", id);
    while (files.step()) link_or_copy(from / files.text(0), to / files.text(0));
    transaction.commit();
    return true;
  } catch (const DamagedDatabase&) {
    return false;
  }
}

/// Takes over a finished cell, if its rows and circuit are intact. Looks rows up by their index
/// first, then without the index, which may be damaged.
/// @return whether the cell was taken over.
bool salvage(sqlite3* database, const std::filesystem::path& folder, const std::string& id) {
  for (const char* by_cell : {"cell", "+cell"}) {
    try {
      Transaction transaction(database);
      copy_cell(database, id, by_cell);
      if (!is_intact(database, folder, id)) continue;
      transaction.commit();
      return true;
    } catch (const Error&) {
    }
  }
  return false;
}

}  // namespace

std::string checksum_of(sqlite3* database, const std::string& cell) {
  uint64_t sum = 0;
  for (const char* columns :
       {"method, seconds, variable, site, position, seed FROM cells WHERE id = ?",
        "ordinal, name, value, is_text FROM fields WHERE cell = ? ORDER BY ordinal",
        "ordinal, metric, value, n, sd, control, p, note, draws, lower, upper FROM metrics WHERE cell = ? ORDER BY "
        "ordinal",
        "epoch, loss, objective, l0_term, temperature, n_kept FROM curves WHERE cell = ? ORDER BY epoch",
        "kind, path, checksum FROM artifacts WHERE cell = ? ORDER BY kind"}) {
    Statement rows(database, std::string("SELECT ") + columns, cell);
    while (rows.step()) {
      for (int column = 0; column < rows.n_columns(); ++column) {
        // Hashes the bits of numbers: their text has fewer digits, and depends on SQLite's version.
        if (rows.is_real(column)) {
          const double number = rows.number(column);
          sum = hash_bytes(&number, sizeof(number), sum);
        } else {
          sum = hash(rows.text(column), sum);
        }
      }
    }
  }
  return to_hex(sum);
}

Store::Gathered Store::gather(const std::filesystem::path& folder, bool with_plan) {
  std::vector<PlannedCell> cells;
  std::string data;
  {
    const Store other = Store::open(folder);  // Brings the other store to the present version.
    for (const CellEntry& cell : other.cells()) cells.push_back({cell.id, cell.method, cell.label});
    data = other.data();
  }
  if (cells.empty()) return {};  // The other process was killed before it had a plan.
  sqlite3* database = database_.get();
  if (with_plan) plan(cells, data);
  const Attached attached(database, folder / kStoreName);
  if (with_plan) {
    execute(database,
            "UPDATE main.plans SET (smallest_effect, correction, titles, turn) = (SELECT smallest_effect, correction, "
            "titles, main.plans.turn + theirs.turn FROM other.plans AS theirs WHERE theirs.method = main.plans.method) "
            "WHERE method IN (SELECT method FROM other.plans)");
  }
  execute(database, "INSERT OR IGNORE INTO main.cells (id, method, label) SELECT id, method, label FROM other.cells");
  std::vector<std::pair<std::string, std::string>> found;
  Statement rows(database,
                 "SELECT theirs.id, theirs.label FROM other.cells AS theirs JOIN main.cells AS mine ON mine.id = "
                 "theirs.id LEFT JOIN other.invocations AS call ON call.id = theirs.invocation WHERE mine.status != "
                 "'done' AND (theirs.status = 'done' OR (theirs.status = 'failed' AND mine.status != 'failed')) AND "
                 "(mine.forgotten IS NULL OR call.started >= mine.forgotten) ORDER BY theirs.ordinal");
  while (rows.step()) found.emplace_back(rows.text(0), rows.text(1));
  Gathered gathered;
  for (const auto& [id, label] : found) {
    if (take_cell(database, id, folder, folder_)) {
      ++gathered.n_cells;
    } else {
      gathered.damaged.push_back(label);
    }
  }
  return gathered;
}

Store::Repaired Store::repair(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kStoreName;
  if (!std::filesystem::exists(path)) throw input_error("{}: holds no run (no {})", folder.string(), kStoreName);
  const std::filesystem::path made = folder / "run.sqlite.repaired";
  std::filesystem::remove(made);
  Repaired repaired{.damaged = folder / fmt::format("run.sqlite.damaged.{}", utc_now())};
  {
    Store store = open_file(folder, made);
    sqlite3* database = store.database_.get();
    std::vector<std::pair<std::string, std::string>> finished;
    try {
      const ReadableCopy copy(path);
      // Nobody else has either file. The log of the copy then needs no shared memory.
      execute(database, "PRAGMA locking_mode = EXCLUSIVE");
      const Attached attached(database, copy.path());
      Statement schema(database, "PRAGMA other.user_version");
      schema.step();
      if (schema.integer(0) != kSchemaVersion) throw failure("schema {}", schema.integer(0));
      for_each_row(database, "plans", [&](int64_t row) {
        execute(database, "INSERT INTO main.plans SELECT * FROM other.plans WHERE rowid = ?", row);
        return sqlite3_changes(database) > 0;
      });
      for_each_row(database, "cells", [&](int64_t row) {
        Statement cell(database, "SELECT id, method, label, place, status, rowid FROM other.cells WHERE rowid = ?",
                       row);
        if (!cell.step()) return false;
        execute(database,
                "INSERT INTO main.cells (ordinal, id, method, label, place, forgotten) SELECT ordinal, id, method, "
                "label, place, forgotten FROM other.cells WHERE rowid = ?",
                row);
        if (cell.text(4) == "done") finished.emplace_back(cell.text(0), cell.text(2));
        return true;
      });
      execute(database,
              "INSERT OR IGNORE INTO main.plans (method, rank) SELECT method, min(ordinal) FROM main.cells GROUP BY "
              "method");
      for (const auto& [id, label] : finished) {
        if (salvage(database, folder, id)) {
          ++repaired.n_intact;
        } else {
          repaired.lost.push_back(label);
        }
      }
    } catch (const Error& error) {
      store.database_.reset();
      std::filesystem::remove(made);
      throw input_error("{}: nothing of it can be read ({}); move it away and compute the run anew", path.string(),
                        error.what());
    }
  }  // Closing ends the log: the repaired record is one file.
  // Keeps a record in place at every moment. The damaged record's journal is moved away, so that
  // SQLite does not take it for the repaired record's.
  std::error_code problem;
  std::filesystem::create_hard_link(path, repaired.damaged, problem);
  if (problem) write_file(repaired.damaged, read_file(path));  // A file system without links.
  for (const char* suffix : {"-wal", "-shm", "-journal"}) {
    std::error_code none;
    std::filesystem::rename(path.string() + suffix, repaired.damaged.string() + suffix, none);
  }
  std::filesystem::rename(made, path);
  Store::open(folder).export_tables();
  return repaired;
}

}  // namespace cprobe
