#include "cprobe/record/store.h"

#include <sqlite3.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "cprobe/core/error.h"
#include "cprobe/core/hash.h"
#include "cprobe/core/memory.h"
#include "cprobe/core/name_of.h"
#include "cprobe/io/atomic_file.h"
#include "cprobe/record/open_database.h"
#include "cprobe/record/provenance.h"
#include "cprobe/record/store_schema.h"
#include "cprobe/record/stored_rows.h"

namespace cprobe {
namespace {

constexpr CellStatus kStatuses[] = {CellStatus::kPlanned, CellStatus::kRunning, CellStatus::kDone, CellStatus::kFailed};

CellStatus parse_status(const std::string& text) {
  const auto* found = std::ranges::find_if(kStatuses, [&](CellStatus status) { return to_string(status) == text; });
  return found == std::end(kStatuses) ? CellStatus::kPlanned : *found;
}

/// @param folder  for the error message. @throws Error (kFailed) if there is no such correction.
Correction parse_correction(const std::string& text, const std::filesystem::path& folder) {
  for (const Correction known : {Correction::kMaxT, Correction::kHolm}) {
    if (to_string(known) == text) return known;
  }
  throw failure("{}: holds the unknown correction '{}'", (folder / kStoreName).string(), text);
}

/// Inserts the rows of a cell into a table, numbered from 0.
template <typename Row>
void insert(sqlite3* database, const char* table, const std::string& id, const std::vector<Row>& rows) {
  int64_t number = 0;
  for (const Row& row : rows) {
    const RowValues values = encode(row);
    std::string places;
    for (size_t i = 0; i < values.size(); ++i) places += ", ?";
    Statement statement(database, fmt::format("INSERT INTO {} VALUES (?, ?{})", table, places));
    statement.bind(id).bind(number++);
    for (const RowValue& value : values) statement.bind(value);
    statement.step();
  }
}

}  // namespace

std::string_view to_string(CellStatus status) {
  return name_of(status, {"planned", "running", "done", "failed"});
}

Store Store::open(const std::filesystem::path& folder, const OnMessage& on_message) {
  const std::filesystem::path path = folder / kStoreName;
  const std::filesystem::path tables = folder / "metrics.csv";
  std::error_code none;
  if (std::filesystem::exists(path) && std::filesystem::file_size(path, none) == 0 && std::filesystem::exists(tables)) {
    throw input_error(
        "{}: is empty, though {} of a run is there; what it held is lost. Move the folder away to compute the run anew",
        path.string(), tables.string());
  }
  return open_file(folder, path, on_message);
}

Store Store::open_file(const std::filesystem::path& folder, const std::filesystem::path& path,
                       const OnMessage& on_message) {
  std::error_code problem;
  std::filesystem::create_directories(folder, problem);
  if (problem) throw failure("{}: cannot create the run folder: {}", folder.string(), problem.message());
  Store store;
  store.folder_ = folder;
  store.database_ = open_database_to_write(path, on_message);
  migrate(store.database_.get(), schema_version(store.database_.get(), path));
  return store;
}

Store Store::open_existing(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kStoreName;
  if (!std::filesystem::exists(path)) throw input_error("{}: holds no run (no run.sqlite)", folder.string());
  Store store;
  store.folder_ = folder;
  store.database_ = open_database_to_read(path);
  const int64_t version = schema_version(store.database_.get(), path);
  if (version < kSchemaVersion) store.database_ = migrated_copy(store.database_.get(), version);
  return store;
}

std::vector<CellEntry> Store::cells() const {
  std::vector<CellEntry> entries;
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
  try {
    Statement check(database_.get(), "PRAGMA quick_check(1)");
    check.step();
    if (check.text(0) != "ok") throw DamagedDatabase(ErrorKind::kInput, check.text(0));
    Statement rows(database_.get(),
                   "SELECT id, label, checksum FROM cells WHERE status = 'done' AND checksum NOT NULL");
    while (rows.step()) {
      if (checksum_of(database_.get(), rows.text(0)) == rows.text(2)) continue;
      throw DamagedDatabase(ErrorKind::kInput, "the figures of " + rows.text(1));
    }
  } catch (const DamagedDatabase& error) {
    throw input_error("{}: is damaged ({}); `cprobe inspect {} --repair` recovers what is intact", path, error.what(),
                      folder_.string());
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

std::map<std::string, JudgeOptions> Store::rules() const {
  std::map<std::string, JudgeOptions> rules;
  Statement rows(database_.get(), "SELECT method, smallest_effect, correction FROM plans");
  while (rows.step()) {
    rules[rows.text(0)] = {.smallest_effect = rows.number(1), .correction = parse_correction(rows.text(2), folder_)};
  }
  return rules;
}

JudgeOptions Store::judging() const {
  Statement last(database_.get(),
                 "SELECT method FROM plans WHERE substr(method, 1, length(?1)) = ?1 ORDER BY turn DESC, rank DESC",
                 std::string(kCircuitProbing));
  return last.step() ? rules().at(last.text(0)) : JudgeOptions();
}

Titles Store::titles() const {
  Titles titles;
  Statement plans(database_.get(), "SELECT titles FROM plans ORDER BY turn, rank");
  while (plans.step()) {
    const nlohmann::json of_plan = nlohmann::json::parse(plans.text(0), nullptr, false);
    if (!of_plan.is_object()) throw failure("{}: its record has titles that cannot be read", folder_.string());
    for (const auto& [variable, title] : of_plan.items()) {
      if (!title.is_string()) continue;
      const auto text = title.get<std::string>();
      // Two plans may have given one title to two variables. The later plan's stays.
      std::erase_if(titles, [&](const auto& other) { return other.second == text; });
      titles[variable] = text;
    }
  }
  return titles;
}

void Store::plan(const std::vector<PlannedCell>& cells, const std::string& data, const JudgeOptions& judge,
                 const Titles& titles) {
  sqlite3* database = database_.get();
  Transaction transaction(database);
  // Keeps the ranks of methods that are planned again on the same data.
  execute(database, "DELETE FROM plans WHERE data IS NOT NULL AND data != ?", data);
  std::set<std::string> planned;
  for (const PlannedCell& cell : cells) {
    if (!planned.insert(cell.method).second) continue;
    execute(database, "INSERT OR IGNORE INTO plans (method, rank) SELECT ?, 1 + coalesce(max(rank), 0) FROM plans",
            cell.method);
    execute(database,
            "UPDATE plans SET data = NULL, smallest_effect = ?, correction = ?, titles = ?, "
            "turn = (SELECT 1 + max(turn) FROM plans) WHERE method = ?",
            judge.smallest_effect, std::string(to_string(judge.correction)),
            nlohmann::json(titles).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), cell.method);
    execute(database, "UPDATE cells SET place = NULL WHERE method = ?", cell.method);
  }
  execute(database, "UPDATE cells SET place = NULL WHERE method NOT IN (SELECT method FROM plans)");
  int64_t place = 0;
  for (const PlannedCell& cell : cells) {
    execute(database,
            "INSERT INTO cells (id, method, label, place) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET label = excluded.label, place = excluded.place",
            cell.id, cell.method, cell.label, place++);
  }
  execute(database, "UPDATE plans SET data = ? WHERE data IS NULL", data);
  transaction.commit();
}

std::vector<std::string> Store::forget(const std::vector<PlannedCell>& cells) {
  sqlite3* database = database_.get();
  Transaction transaction(database);
  std::vector<std::string> files;
  for (const PlannedCell& cell : cells) {
    Statement artifacts(database, "SELECT path FROM artifacts WHERE cell = ?", cell.id);
    while (artifacts.step()) files.push_back(artifacts.text(0));
    for (const char* table : kCellTables) {
      execute(database, fmt::format("DELETE FROM {} WHERE cell = ?", table), cell.id);
    }
    execute(database,
            "UPDATE cells SET status = 'planned', error = NULL, seconds = NULL, checksum = NULL, forgotten = ?2 "
            "WHERE id = ?1",
            cell.id, utc_now());
  }
  transaction.commit();
  return files;
}

void Store::begin(const Invocation& invocation) {
  execute(database_.get(),
          "INSERT INTO invocations (started, command, version, host, jobs, threads, device, model, spec) "
          "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
          invocation.started, invocation.command, invocation.version, invocation.host,
          static_cast<int64_t>(invocation.n_jobs), static_cast<int64_t>(invocation.n_threads), invocation.device,
          invocation.model, invocation.spec);
  invocation_ = sqlite3_last_insert_rowid(database_.get());
  execute(database_.get(), "UPDATE cells SET status = 'planned' WHERE status = 'running'");
}

std::vector<Invocation> Store::invocations() const {
  std::vector<Invocation> all;
  Statement rows(database_.get(),
                 "SELECT started, command, version, host, jobs, threads, model, spec, ended, peak_memory, device FROM "
                 "invocations ORDER BY id");
  while (rows.step()) {
    all.push_back({.started = rows.text(0),
                   .command = rows.text(1),
                   .version = rows.text(2),
                   .host = rows.text(3),
                   .n_jobs = static_cast<int>(rows.integer(4)),
                   .n_threads = static_cast<int>(rows.integer(5)),
                   .device = rows.text(10),
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
    execute(database_.get(), "UPDATE cells SET expected = ? WHERE id = ?", expected, id);
  }
  transaction.commit();
}

void Store::begin_cell(const std::string& id) {
  execute(database_.get(), "UPDATE cells SET status = 'running', invocation = ? WHERE id = ?", invocation_, id);
}

void Store::record(const std::string& id, const FinishedCell& finished) {
  if (!finished.circuit_file.empty()) write_file(folder_ / finished.circuit_file, finished.circuit);
  sqlite3* database = database_.get();
  Transaction transaction(database);
  execute(
      database,
      "UPDATE cells SET status = 'done', error = NULL, seconds = ?, variable = ?, site = ?, position = ?, seed = ?, "
      "invocation = ? WHERE id = ?",
      finished.seconds, finished.variable, finished.site, to_string(finished.position),
      static_cast<int64_t>(finished.seed), invocation_, id);
  touch_invocation();
  insert(database, "fields", id, finished.row);
  insert(database, "metrics", id, finished.metrics);
  insert(database, "curves", id, finished.curve);
  if (!finished.circuit_file.empty()) {
    execute(database, "INSERT INTO artifacts VALUES (?, 'circuit', ?, ?)", id, finished.circuit_file,
            to_hex(hash(finished.circuit)));
  }
  execute(database, "UPDATE cells SET checksum = ? WHERE id = ?", checksum_of(database, id), id);
  transaction.commit();
}

void Store::record_failure(const std::string& id, const std::string& error) {
  execute(database_.get(), "UPDATE cells SET status = 'failed', error = ?, invocation = ? WHERE id = ?", error,
          invocation_, id);
}

/// Updates the end and the peak memory of this call, so that both are known of a killed call, up to
/// its last cell.
void Store::touch_invocation() {
  execute(database_.get(), "UPDATE invocations SET ended = ?, peak_memory = ? WHERE id = ?", utc_now(), peak_memory(),
          invocation_);
}

}  // namespace cprobe
