#include "cprobe/record/open_database.h"

#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "cprobe/core/text.h"
#include "cprobe/io/file_system.h"
#include "cprobe/record/store_schema.h"

namespace cprobe {
namespace {

constexpr int kPatience = 10'000;           ///< Milliseconds to wait for a lock.
constexpr int kPatienceOfWriter = 300'000;  ///< The same for a writer that waits for readers.
constexpr const char* kLog = "wal";
constexpr const char* kRollback = "delete";

/// A file's name as a URI for SQLite, with ?, # and % escaped.
std::string file_uri(const std::filesystem::path& path, const std::string& parameters) {
  return fmt::format("file:{}?{}", escaped(path.string(), {{'?', "%3F"}, {'#', "%23"}, {'%', "%25"}}), parameters);
}

/// @param flags  as sqlite3_open_v2. @param path  for the error message.
Database opened(const std::string& name, int flags, const std::filesystem::path& path) {
  sqlite3* made = nullptr;
  const int code = sqlite3_open_v2(name.c_str(), &made, flags, nullptr);
  Database database(made);
  if (made == nullptr) throw DatabaseError(fmt::format("{}: no memory is left", path.string()), code, 0);
  if (code != SQLITE_OK) throw_database_error(made, path);
  // SQLite opens a file for reading if the file cannot be opened for writing.
  if ((flags & SQLITE_OPEN_READWRITE) != 0 && sqlite3_db_readonly(made, "main") == 1) {
    throw DatabaseError(fmt::format("{}: {}", path.string(), cause_of(SQLITE_READONLY, 0, path)), SQLITE_READONLY, 0);
  }
  sqlite3_busy_timeout(made, kPatience);
  return database;
}

/// The text that a pragma gives.
std::string pragma_text(sqlite3* database, const std::string& pragma) {
  Statement statement(database, "PRAGMA " + pragma);
  return statement.step() ? statement.text(0) : "";
}

/// Whether a call may have failed because the log has no shared memory. SQLITE_CANTOPEN stands for
/// many causes; a database with a rollback journal then tells them apart.
bool may_lack_shared_memory(const DatabaseError& error) {
  const int code = error.code(), system_error = error.system_error();
  if (system_error == ENOSPC || system_error == EDQUOT || system_error == EFBIG) return false;
  // Of a database that is not read-only itself, SQLITE_READONLY means that its `-shm` is.
  constexpr int kCodes[] = {SQLITE_IOERR_SHMOPEN,    SQLITE_IOERR_SHMSIZE,     SQLITE_IOERR_SHMMAP,
                            SQLITE_IOERR_SHMLOCK,    SQLITE_IOERR_LOCK,        SQLITE_PROTOCOL,
                            SQLITE_READONLY,         SQLITE_READONLY_CANTINIT, SQLITE_READONLY_CANTLOCK,
                            SQLITE_READONLY_RECOVERY};
  return (code & 0xff) == SQLITE_CANTOPEN || std::ranges::find(kCodes, code) != std::end(kCodes);
}

/// Whether a reader cannot bring a database to a state without half-written parts in its place.
bool needs_copy(const DatabaseError& error) {
  return may_lack_shared_memory(error) || error.code() == SQLITE_READONLY_ROLLBACK;
}

/// Opens a database alone, which needs no shared memory for the log, and ends the log. What a
/// killed process left in a log or a journal is taken over. Writes the version again, to see that
/// the database can be written.
Database opened_without_log(const std::filesystem::path& path) {
  Database database = opened(path.string(), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, path);
  execute(database.get(), "PRAGMA locking_mode = EXCLUSIVE");
  // Another program's log stays as it is.
  sqlite3_db_config(database.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  const int64_t version = schema_version(database.get(), path);
  sqlite3_db_config(database.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
  const std::string journal = pragma_text(database.get(), fmt::format("journal_mode = {}", kRollback));
  if (journal != kRollback) throw failure("{}: SQLite keeps the journal '{}'", path.string(), journal);
  execute(database.get(), fmt::format("PRAGMA user_version = {}", version));
  return database;
}

/// Whether the header of a database says that it has a log
/// (https://www.sqlite.org/fileformat.html#file_format_version_numbers).
bool has_log(const std::filesystem::path& path) {
  constexpr std::streamoff kReadVersion = 19;
  std::ifstream file(path, std::ios::binary);
  file.seekg(kReadVersion);
  return file.get() == 2;
}

/// A folder of its own in the system's temporary folder, removed at the end.
class TemporaryPlace {
 public:
  TemporaryPlace() {
    std::string name = (std::filesystem::temp_directory_path() / "cprobe-record-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw failure("{}: cannot be made", name);
    folder_ = name;
  }
  TemporaryPlace(const TemporaryPlace&) = delete;
  TemporaryPlace& operator=(const TemporaryPlace&) = delete;
  ~TemporaryPlace() {
    std::error_code none;
    std::filesystem::remove_all(folder_, none);
  }

  const std::filesystem::path& folder() const { return folder_; }

 private:
  std::filesystem::path folder_;
};

/// The state that a database has with what is in its log or journal, in memory.
Database copied(const std::filesystem::path& path) {
  const TemporaryPlace place;
  const std::filesystem::path copy = place.folder() / path.filename();
  for (const char* suffix : {"", "-wal", "-journal"}) {
    const std::filesystem::path from = path.string() + suffix;
    if (std::filesystem::is_regular_file(from)) std::filesystem::copy_file(from, copy.string() + suffix);
  }
  return memory_copy(opened_without_log(copy).get());
}

}  // namespace

Database open_database_to_write(const std::filesystem::path& path, const OnMessage& on_message) {
  // Checks the version before any change, so that another program's database stays as it is.
  constexpr const char* kSafe = "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;";
  std::string why;
  try {
    Database database = opened(path.string(), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, path);
    const bool is_new = schema_version(database.get(), path) == 0;
    const bool is_given = !is_new && pragma_text(database.get(), "journal_mode") == kRollback;
    if (is_given) sqlite3_busy_timeout(database.get(), kPatienceOfWriter);
    if (is_given || pragma_text(database.get(), fmt::format("journal_mode = {}", kLog)) == kLog) {
      execute(database.get(), kSafe);
      execute(database.get(), "BEGIN IMMEDIATE; ROLLBACK;");  // The first use of the log, for writing.
      return database;
    }
    why = "SQLite makes no log here";
  } catch (const DatabaseError& error) {
    if (!may_lack_shared_memory(error)) throw;
    why = sqlite_words(error.code(), error.system_error());
  }
  opened_without_log(path);
  Database database = opened(path.string(), SQLITE_OPEN_READWRITE, path);
  sqlite3_busy_timeout(database.get(), kPatienceOfWriter);
  execute(database.get(), kSafe);
  schema_version(database.get(), path);
  tell(on_message,
       {Message::Kind::kWarning,
        fmt::format(
            "{}: {} has no shared memory for SQLite's write-ahead log ({}), so this record has a rollback journal "
            "instead: as safe, but who reads it meanwhile may wait a moment",
            path.string(), file_system_of(path), why)});
  return database;
}

Database open_database_to_read(const std::filesystem::path& path) {
  // SQLite makes the files of a log even for reading, unless told that nobody writes. Nobody writes
  // a database that has a log, if the log's file is not there.
  std::error_code none;
  const bool is_begun = std::filesystem::file_size(path, none) > 0;
  const bool is_at_rest = (!is_begun || has_log(path)) && !std::filesystem::exists(path.string() + "-wal");
  const std::string uri = file_uri(std::filesystem::absolute(path), is_at_rest ? "mode=ro&immutable=1" : "mode=ro");
  try {
    Database database = opened(uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, path);
    schema_version(database.get(), path);
    return database;
  } catch (const DatabaseError& error) {
    if (!needs_copy(error)) throw;
    try {
      return copied(path);
    } catch (const std::exception&) {
    }
    throw;
  }
}

}  // namespace cprobe
