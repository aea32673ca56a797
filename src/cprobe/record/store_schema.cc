#include "cprobe/record/store_schema.h"

#include <sqlite3.h>

#include <iterator>

#include "cprobe/core/error.h"

namespace cprobe {
namespace {

constexpr int64_t kApplicationId = 0x63707262;  // "cprb"

/// Statements that make each version of the schema from the one before.
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
    // Adds the place of a cell in the plan of its method, and all calls in place of notes on the
    // last call.
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
)sql",
    // Adds the time of the last `forget` of a cell, and the kind of device of each call.
    R"sql(
ALTER TABLE cells ADD COLUMN forgotten TEXT;
ALTER TABLE invocations ADD COLUMN device TEXT NOT NULL DEFAULT 'cpu';
UPDATE invocations SET device = 'cuda' WHERE EXISTS (SELECT 1 FROM plans WHERE data LIKE '% cuda');
)sql",
    // Adds intervals.
    R"sql(
ALTER TABLE metrics ADD COLUMN lower REAL;
ALTER TABLE metrics ADD COLUMN upper REAL;
)sql",
    // Adds the rules by which answers are given, and the order in which plans were made.
    R"sql(
ALTER TABLE plans ADD COLUMN smallest_effect REAL NOT NULL DEFAULT 0.05;
ALTER TABLE plans ADD COLUMN correction TEXT NOT NULL DEFAULT 'maxT';
ALTER TABLE plans ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;
)sql",
    // Adds what reports call the variables: a JSON object by column.
    R"sql(
ALTER TABLE plans ADD COLUMN titles TEXT NOT NULL DEFAULT '{}';
)sql"};
static_assert(std::size(kMigrations) == kSchemaVersion);

int64_t pragma(sqlite3* database, const std::string& name) {
  Statement statement(database, "PRAGMA " + name);
  statement.step();
  return statement.integer(0);
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

}  // namespace

int64_t schema_version(sqlite3* database, const std::filesystem::path& path) {
  if (is_empty(database, path)) return 0;
  if (pragma(database, "application_id") != kApplicationId) {
    throw input_error("{}: is not a store of cprobe; move it away or choose another folder", path.string());
  }
  const int64_t version = pragma(database, "user_version");
  if (version >= 1 && version <= kSchemaVersion) return version;
  throw input_error("{}: was written by a later version of cprobe (schema {}; this one knows 1 to {})", path.string(),
                    version, kSchemaVersion);
}

void migrate(sqlite3* database, int64_t version) {
  if (version == kSchemaVersion) return;
  Transaction transaction(database);
  for (; version < kSchemaVersion; ++version) execute(database, kMigrations[version]);
  // Makes checksums anew. Versions 1 and 2 had none; those of version 3 depended on SQLite's
  // version.
  Statement done(database, "SELECT id FROM cells WHERE status = 'done'");
  while (done.step()) {
    const std::string id = done.text(0);
    execute(database, "UPDATE cells SET checksum = ? WHERE id = ?", checksum_of(database, id), id);
  }
  execute(database,
          fmt::format("PRAGMA user_version = {}; PRAGMA application_id = {};", kSchemaVersion, kApplicationId));
  transaction.commit();
}

Database migrated_copy(sqlite3* database, int64_t version) {
  Database copy = memory_copy(database);
  migrate(copy.get(), version);
  return copy;
}

}  // namespace cprobe
