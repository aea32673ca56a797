#include "cprobe/experiment/store.h"

#include <sqlite3.h>

#include <algorithm>
#include <iterator>

#include "cprobe/core/error.h"
#include "cprobe/core/hash.h"
#include "cprobe/core/memory.h"
#include "cprobe/experiment/provenance.h"
#include "cprobe/experiment/sqlite.h"
#include "cprobe/experiment/store_schema.h"
#include "cprobe/io/atomic_file.h"

namespace cprobe {
namespace {

constexpr int64_t kApplicationId = 0x63707262;  // "cprb"

/// What makes each version of the schema from the one before.
constexpr const char* kMigrations[] = {
    R"sql(
CREATE TABLE notes (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE cells (
  ordinal INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, label TEXT NOT NULL, status TEXT NOT NULL DEFAULT 'planned',
  error TEXT, seconds REAL, variable TEXT, site TEXT, seed INTEGER);
CREATE TABLE fields (cell TEXT NOT NULL REFERENCES cells(id), ordinal INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
  is_text INTEGER NOT NULL, PRIMARY KEY (cell, ordinal));
CREATE TABLE metrics (cell TEXT NOT NULL REFERENCES cells(id), ordinal INTEGER NOT NULL, method TEXT NOT NULL, metric TEXT NOT NULL,
  value REAL, n INTEGER, sd REAL, control TEXT NOT NULL, p REAL, note TEXT NOT NULL, PRIMARY KEY (cell, ordinal));
CREATE TABLE curves (cell TEXT NOT NULL REFERENCES cells(id), epoch INTEGER NOT NULL, loss REAL, objective REAL, l0_term REAL,
  temperature REAL, n_kept INTEGER, PRIMARY KEY (cell, epoch));
CREATE TABLE artifacts (cell TEXT NOT NULL REFERENCES cells(id), kind TEXT NOT NULL, path TEXT NOT NULL, PRIMARY KEY (cell, kind));
)sql",
    R"sql(
ALTER TABLE cells ADD COLUMN method TEXT NOT NULL DEFAULT 'circuit probing';
ALTER TABLE metrics DROP COLUMN method;
)sql",
    // A cell's place in the plan of its method, and the calls that computed it in place of notes on the last one.
    R"sql(
CREATE TABLE plans (method TEXT PRIMARY KEY, rank INTEGER NOT NULL, data TEXT);
INSERT INTO plans SELECT method, min(ordinal), (SELECT value FROM notes WHERE key = 'fingerprints') FROM cells GROUP BY method;
CREATE TABLE invocations (id INTEGER PRIMARY KEY, started TEXT NOT NULL, ended TEXT, command TEXT NOT NULL, version TEXT NOT NULL,
  host TEXT NOT NULL, jobs INTEGER NOT NULL DEFAULT 1, threads INTEGER NOT NULL, model TEXT NOT NULL, spec TEXT NOT NULL, peak_memory INTEGER);
INSERT INTO invocations (started, command, version, host, threads, model, spec)
  SELECT '', '', max(CASE key WHEN 'version' THEN value ELSE '' END), '', max(CASE key WHEN 'threads' THEN value ELSE 0 END),
    max(CASE key WHEN 'model' THEN value ELSE '' END), max(CASE key WHEN 'spec' THEN value ELSE '' END) FROM notes
  HAVING count(*) > 0;
DROP TABLE notes;
ALTER TABLE cells ADD COLUMN place INTEGER;
UPDATE cells SET place = ordinal;
ALTER TABLE cells ADD COLUMN position INTEGER NOT NULL DEFAULT -1;
UPDATE cells SET position = CAST(value AS INTEGER) FROM fields WHERE cell = id AND name = 'probe index';
ALTER TABLE cells ADD COLUMN expected REAL;
ALTER TABLE cells ADD COLUMN checksum TEXT;
ALTER TABLE cells ADD COLUMN invocation INTEGER REFERENCES invocations(id);
UPDATE cells SET invocation = 1 WHERE status != 'planned';
ALTER TABLE artifacts ADD COLUMN checksum TEXT;
ALTER TABLE metrics ADD COLUMN draws TEXT;
CREATE VIEW planned AS SELECT cells.*, rank FROM cells JOIN plans ON plans.method = cells.method WHERE place IS NOT NULL;
)sql"};
static_assert(std::size(kMigrations) == kSchemaVersion);

int64_t pragma(sqlite3* database, const std::string& name) {
  Statement statement(database, "PRAGMA " + name);
  statement.step();
  return statement.integer(0);
}

constexpr CellStatus kStatuses[] = {CellStatus::kPlanned, CellStatus::kRunning, CellStatus::kDone, CellStatus::kFailed};

CellStatus parse_status(const std::string& text) {
  const auto* found = std::ranges::find_if(kStatuses, [&](CellStatus status) { return to_string(status) == text; });
  return found == std::end(kStatuses) ? CellStatus::kPlanned : *found;
}

/// Whether a database has no tables yet. @throws Error (kInput) if the file is no database.
bool is_empty(sqlite3* database, const std::filesystem::path& path) {
  try {
    Statement tables(database, "SELECT count(*) FROM sqlite_master");
    tables.step();
    return tables.integer(0) == 0;
  } catch (const Error&) {
    if (sqlite3_errcode(database) != SQLITE_NOTADB) throw;
    throw input_error("{}: is not a database; move it away or choose another folder", path.string());
  }
}

/// The schema's version of a store of ours. @throws Error (kInput) if it is not ours, or of a later version.
int64_t schema_version(sqlite3* database, const std::filesystem::path& path) {
  if (pragma(database, "application_id") != kApplicationId) {
    throw input_error("{}: is not a store of cprobe; move it away or choose another folder", path.string());
  }
  const int64_t version = pragma(database, "user_version");
  if (version >= 1 && version <= kSchemaVersion) return version;
  throw input_error("{}: was written by a later version of cprobe (schema {}; this one knows 1 to {})", path.string(),
                    version, kSchemaVersion);
}

/// Brings a database from a version of the schema (0: empty) to the present one.
void migrate(sqlite3* database, int64_t version) {
  if (version == kSchemaVersion) return;
  Transaction transaction(database);
  for (; version < kSchemaVersion; ++version) execute(database, kMigrations[version]);
  execute(database,
          fmt::format("PRAGMA user_version = {}; PRAGMA application_id = {};", kSchemaVersion, kApplicationId));
  transaction.commit();
}

struct CloseDatabase {
  void operator()(sqlite3* database) const { sqlite3_close(database); }
};

/// A database of an earlier version as one of the present, in memory.
sqlite3* migrated_copy(sqlite3* database, int64_t version) {
  sqlite3* opened = nullptr;
  const int code = sqlite3_open(":memory:", &opened);
  std::unique_ptr<sqlite3, CloseDatabase> copy(opened);
  sqlite3_backup* backup = code == SQLITE_OK ? sqlite3_backup_init(opened, "main", database, "main") : nullptr;
  if (backup == nullptr || sqlite3_backup_step(backup, -1) != SQLITE_DONE ||
      sqlite3_backup_finish(backup) != SQLITE_OK) {
    throw failure("{}: cannot be read: {}", sqlite3_db_filename(database, "main"), sqlite3_errmsg(opened));
  }
  migrate(copy.get(), version);
  return copy.release();
}

/// A file's name as SQLite's URI, in which ?, # and % have a meaning.
std::string file_uri(const std::filesystem::path& path, const std::string& parameters) {
  std::string uri = "file:";
  for (const char c : path.string()) {
    uri += c == '?' || c == '#' || c == '%' ? fmt::format("%{:02X}", static_cast<unsigned char>(c)) : std::string(1, c);
  }
  return uri + "?" + parameters;
}

}  // namespace

std::string_view to_string(CellStatus status) {
  switch (status) {
    case CellStatus::kRunning:
      return "running";
    case CellStatus::kDone:
      return "done";
    case CellStatus::kFailed:
      return "failed";
    case CellStatus::kPlanned:
      break;
  }
  return "planned";
}

void Store::Close::operator()(sqlite3* database) const {
  sqlite3_close(database);
}

Store Store::open(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kStoreName;
  const std::filesystem::path tables = folder / "metrics.csv";
  std::error_code none;
  if (std::filesystem::exists(path) && std::filesystem::file_size(path, none) == 0 && std::filesystem::exists(tables)) {
    throw input_error(
        "{}: is empty, though {} of a run is there; what it held is lost. Move the folder away to compute the run anew",
        path.string(), tables.string());
  }
  return open_file(folder, path);
}

Store Store::open_file(const std::filesystem::path& folder, const std::filesystem::path& path) {
  std::error_code problem;
  std::filesystem::create_directories(folder, problem);
  if (problem) throw failure("{}: cannot create the run folder: {}", folder.string(), problem.message());
  Store store;
  store.folder_ = folder;
  sqlite3* database = nullptr;
  const int code = sqlite3_open(path.c_str(), &database);
  store.database_.reset(database);
  if (code != SQLITE_OK)
    throw failure("{}: cannot open or create the run's store: {}", path.string(), sqlite3_errmsg(database));
  sqlite3_busy_timeout(database, 10'000);
  // Looks before it touches: another program's database stays as it is.
  const int64_t version = is_empty(database, path) ? 0 : schema_version(database, path);
  execute(database, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;");
  migrate(database, version);
  return store;
}

Store Store::open_existing(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kStoreName;
  if (!std::filesystem::exists(path)) throw input_error("{}: holds no run (no run.sqlite)", folder.string());
  // SQLite makes a write-ahead log even to read, unless told that nobody writes; where there is no log, nobody does.
  const bool in_use = std::filesystem::exists(path.string() + "-wal");
  const std::string uri = file_uri(std::filesystem::absolute(path), in_use ? "mode=ro" : "mode=ro&immutable=1");
  Store store;
  store.folder_ = folder;
  sqlite3* database = nullptr;
  const int code = sqlite3_open_v2(uri.c_str(), &database, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, nullptr);
  store.database_.reset(database);
  if (code != SQLITE_OK) throw failure("{}: cannot open the run's store: {}", path.string(), sqlite3_errmsg(database));
  sqlite3_busy_timeout(database, 10'000);
  const int64_t version = is_empty(database, path) ? 0 : schema_version(database, path);
  if (version < kSchemaVersion) store.database_.reset(migrated_copy(database, version));
  return store;
}

std::vector<Store::Entry> Store::cells() const {
  std::vector<Entry> entries;
  Statement rows(database_.get(),
                 "SELECT id, method, label, status, error, seconds, expected FROM planned ORDER BY rank, place");
  while (rows.step()) {
    entries.push_back({rows.text(0), rows.text(1), rows.text(2), parse_status(rows.text(3)), rows.text(4),
                       rows.number(5), rows.number(6)});
  }
  return entries;
}

int64_t Store::n_unplanned() const {
  Statement rows(database_.get(), "SELECT count(*) FROM cells WHERE place IS NULL");
  rows.step();
  return rows.integer(0);
}

void Store::verify() const {
  const std::string path = (folder_ / kStoreName).string();
  const auto damaged = [&](const std::string& what) {
    return input_error("{}: is damaged ({}); `cprobe inspect {} --repair` recovers what is intact", path, what,
                       folder_.string());
  };
  try {
    Statement check(database_.get(), "PRAGMA quick_check(1)");
    check.step();
    if (check.text(0) != "ok") throw failure("{}", check.text(0));
    Statement rows(database_.get(),
                   "SELECT id, label, checksum FROM cells WHERE status = 'done' AND checksum NOT NULL");
    while (rows.step()) {
      if (checksum_of(database_.get(), rows.text(0)) != rows.text(2)) throw failure("the figures of {}", rows.text(1));
    }
  } catch (const Error& error) {
    throw damaged(error.what());
  }
}

std::set<std::string> Store::finished() const {
  std::set<std::string> ids;
  Statement rows(database_.get(), "SELECT id FROM cells WHERE status = 'done'");
  while (rows.step()) ids.insert(rows.text(0));
  return ids;
}

std::string Store::data() const {
  Statement rows(database_.get(), "SELECT data FROM plans WHERE data IS NOT NULL");
  return rows.step() ? rows.text(0) : "";
}

void Store::plan(const std::vector<PlannedCell>& cells, const std::string& data) {
  sqlite3* database = database_.get();
  Transaction transaction(database);
  // Methods that are planned again keep their rank.
  Statement(database, "DELETE FROM plans WHERE data IS NOT NULL AND data != ?").bind(data).step();
  std::set<std::string> planned;
  for (const PlannedCell& cell : cells) {
    if (!planned.insert(cell.method).second) continue;
    Statement(database, "INSERT OR IGNORE INTO plans SELECT ?, 1 + coalesce(max(rank), 0), NULL FROM plans")
        .bind(cell.method)
        .step();
    Statement(database, "UPDATE plans SET data = NULL WHERE method = ?").bind(cell.method).step();
    Statement(database, "UPDATE cells SET place = NULL WHERE method = ?").bind(cell.method).step();
  }
  execute(database, "UPDATE cells SET place = NULL WHERE method NOT IN (SELECT method FROM plans)");
  int64_t place = 0;
  for (const PlannedCell& cell : cells) {
    Statement(database,
              "INSERT INTO cells (id, method, label, place) VALUES (?, ?, ?, ?) "
              "ON CONFLICT (id) DO UPDATE SET label = excluded.label, place = excluded.place")
        .bind(cell.id)
        .bind(cell.method)
        .bind(cell.label)
        .bind(place++)
        .step();
  }
  Statement(database, "UPDATE plans SET data = ? WHERE data IS NULL").bind(data).step();
  transaction.commit();
}

std::vector<std::string> Store::forget(const std::vector<PlannedCell>& cells) {
  sqlite3* database = database_.get();
  Transaction transaction(database);
  std::vector<std::string> files;
  for (const PlannedCell& cell : cells) {
    Statement artifacts(database, "SELECT path FROM artifacts WHERE cell = ?");
    artifacts.bind(cell.id);
    while (artifacts.step()) files.push_back(artifacts.text(0));
    for (const char* table : kCellTables) {
      Statement(database, fmt::format("DELETE FROM {} WHERE cell = ?", table)).bind(cell.id).step();
    }
    Statement(database, "UPDATE cells SET status = 'planned', error = NULL, seconds = NULL WHERE id = ?")
        .bind(cell.id)
        .step();
  }
  transaction.commit();
  return files;
}

void Store::begin(const Invocation& invocation) {
  Statement(database_.get(),
            "INSERT INTO invocations (started, command, version, host, jobs, threads, model, spec) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(invocation.started)
      .bind(invocation.command)
      .bind(invocation.version)
      .bind(invocation.host)
      .bind(static_cast<int64_t>(invocation.n_jobs))
      .bind(static_cast<int64_t>(invocation.n_threads))
      .bind(invocation.model)
      .bind(invocation.spec)
      .step();
  invocation_ = sqlite3_last_insert_rowid(database_.get());
  execute(database_.get(), "UPDATE cells SET status = 'planned' WHERE status = 'running'");
}

std::vector<Store::Invocation> Store::invocations() const {
  std::vector<Invocation> all;
  Statement rows(database_.get(),
                 "SELECT started, command, version, host, jobs, threads, model, spec, ended, peak_memory FROM "
                 "invocations ORDER BY id");
  while (rows.step()) {
    all.push_back({.started = rows.text(0),
                   .command = rows.text(1),
                   .version = rows.text(2),
                   .host = rows.text(3),
                   .n_jobs = static_cast<int>(rows.integer(4)),
                   .n_threads = static_cast<int>(rows.integer(5)),
                   .model = rows.text(6),
                   .spec = rows.text(7),
                   .ended = rows.text(8),
                   .peak_memory = rows.is_null(9) ? std::optional<int64_t>() : rows.integer(9)});
  }
  return all;
}

void Store::expect(const std::vector<std::pair<std::string, double>>& seconds) {
  Transaction transaction(database_.get());
  for (const auto& [id, expected] : seconds) {
    Statement(database_.get(), "UPDATE cells SET expected = ? WHERE id = ?").bind(expected).bind(id).step();
  }
  transaction.commit();
}

void Store::begin_cell(const std::string& id) {
  Statement(database_.get(), "UPDATE cells SET status = 'running', invocation = ? WHERE id = ?")
      .bind(invocation_)
      .bind(id)
      .step();
}

void Store::record(const std::string& id, const Finished& finished) {
  if (!finished.circuit_file.empty()) write_file(folder_ / finished.circuit_file, finished.circuit);
  sqlite3* database = database_.get();
  Transaction transaction(database);
  Statement(
      database,
      "UPDATE cells SET status = 'done', error = NULL, seconds = ?, variable = ?, site = ?, position = ?, seed = ?, "
      "invocation = ? WHERE id = ?")
      .bind(finished.seconds)
      .bind(finished.variable)
      .bind(finished.site)
      .bind(finished.position)
      .bind(static_cast<int64_t>(finished.seed))
      .bind(invocation_)
      .bind(id)
      .step();
  touch_invocation();
  int64_t ordinal = 0;
  for (const auto& [name, field] : finished.row) {
    Statement(database, "INSERT INTO fields VALUES (?, ?, ?, ?, ?)")
        .bind(id)
        .bind(ordinal++)
        .bind(name)
        .bind(field_text(field))
        .bind(static_cast<int64_t>(std::holds_alternative<std::string>(field)))
        .step();
  }
  ordinal = 0;
  for (const Metric& m : finished.metrics) {
    Statement(database, "INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .bind(id)
        .bind(ordinal++)
        .bind(m.metric)
        .bind(m.value)
        .bind(m.n)
        .bind(m.sd)
        .bind(m.control)
        .bind(m.p)
        .bind(m.note)
        .bind(fmt::format("{}", fmt::join(m.draws, " ")))
        .step();
  }
  int64_t epoch = 0;
  for (const EpochRecord& e : finished.curve) {
    Statement(database, "INSERT INTO curves VALUES (?, ?, ?, ?, ?, ?, ?)")
        .bind(id)
        .bind(epoch++)
        .bind(e.loss)
        .bind(e.objective)
        .bind(e.l0_term)
        .bind(e.temperature)
        .bind(e.n_kept)
        .step();
  }
  if (!finished.circuit_file.empty()) {
    Statement(database, "INSERT INTO artifacts VALUES (?, 'circuit', ?, ?)")
        .bind(id)
        .bind(finished.circuit_file)
        .bind(to_hex(hash(finished.circuit)))
        .step();
  }
  Statement(database, "UPDATE cells SET checksum = ? WHERE id = ?").bind(checksum_of(database, id)).bind(id).step();
  transaction.commit();
}

void Store::record_failure(const std::string& id, const std::string& error) {
  Statement(database_.get(), "UPDATE cells SET status = 'failed', error = ?, invocation = ? WHERE id = ?")
      .bind(error)
      .bind(invocation_)
      .bind(id)
      .step();
}

/// Times of a call that is killed are known up to its last cell.
void Store::touch_invocation() {
  Statement(database_.get(), "UPDATE invocations SET ended = ?, peak_memory = ? WHERE id = ?")
      .bind(utc_now())
      .bind(peak_memory())
      .bind(invocation_)
      .step();
}

}  // namespace cprobe
