#include "cprobe/record/database_error.h"

#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <system_error>

#include "cprobe/io/file_system.h"

namespace cprobe {
namespace {

std::string words_of(int system_error) {
  return std::generic_category().message(system_error);
}

/// The primary code of an extended one.
int primary(int code) {
  return code & 0xff;
}

bool is_lock_failure(int code) {
  constexpr int kCodes[] = {SQLITE_PROTOCOL,     SQLITE_NOLFS,        SQLITE_IOERR_LOCK,
                            SQLITE_IOERR_RDLOCK, SQLITE_IOERR_UNLOCK, SQLITE_IOERR_CHECKRESERVEDLOCK,
                            SQLITE_IOERR_SHMLOCK};
  return std::ranges::find(kCodes, code) != std::end(kCodes);
}

bool is_memory_failure(int code) {
  return code == SQLITE_IOERR_SHMOPEN || code == SQLITE_IOERR_SHMSIZE || code == SQLITE_IOERR_SHMMAP;
}

/// The cause that an errno alone names; empty for any other.
std::string cause_of_errno(int system_error, const std::filesystem::path& path) {
  switch (system_error) {
    case ENOSPC:
      return fmt::format("the disk is full ({}); make room, and the same command goes on", file_system_of(path));
    case EDQUOT:
      return fmt::format("the quota on {} is used up; make room, and the same command goes on", file_system_of(path));
    case EFBIG:
      return "the file would be larger than this process may write (ulimit -f, or the file system's limit)";
    case EROFS:
      return fmt::format("{} is read-only", file_system_of(path));
    case EACCES:
    case EPERM:
      return "this user may not write or open it, or the files beside it";
    case EMFILE:
    case ENFILE:
      return "too many files are open (ulimit -n)";
    case ENOMEM:
      return "no memory is left";
    default:
      return "";
  }
}

/// Why a file cannot be opened, by looking at the file and its folder; empty if nothing is seen.
std::string cause_at(const std::filesystem::path& path) {
  std::error_code none;
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  if (!std::filesystem::is_directory(folder, none)) return fmt::format("there is no folder {}", folder.string());
  for (const char* suffix : {"", "-journal", "-wal", "-shm"}) {
    const std::string name = path.string() + suffix;
    if (std::filesystem::is_directory(name, none)) {
      return fmt::format("{} is a folder, where SQLite needs a file; move it away", name);
    }
  }
  if (access(folder.c_str(), W_OK | X_OK) == 0) return "";
  const std::string cause = cause_of_errno(errno, path);
  return cause.empty() ? "" : fmt::format("its folder {}: {}", folder.string(), cause);
}

}  // namespace

std::string sqlite_words(int code, int system_error) {
  return fmt::format("SQLite: {}, code {}{}", sqlite3_errstr(code), code,
                     system_error == 0 ? "" : "; " + words_of(system_error));
}

std::string cause_of(int code, int system_error, const std::filesystem::path& path) {
  const bool is_of_system = primary(code) == SQLITE_IOERR || primary(code) == SQLITE_CANTOPEN;
  if (is_lock_failure(code)) {
    return fmt::format("{} does not lock files as SQLite needs it; take a run folder on another one",
                       file_system_of(path));
  }
  if (is_of_system) {
    std::string cause = cause_of_errno(system_error, path);
    if (!cause.empty()) return cause;
  }
  if (is_memory_failure(code)) return fmt::format("{} has no memory that processes share", file_system_of(path));
  switch (primary(code)) {
    case SQLITE_FULL:
      return cause_of_errno(ENOSPC, path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return fmt::format(
          "another process holds its lock and did not let go; wait for the end of that process, or end it (if there is "
          "none, {} does not lock files)",
          file_system_of(path));
    case SQLITE_READONLY:
      if (code == SQLITE_READONLY_DBMOVED) return "it was moved, removed or replaced while it was in use";
      return "it or its folder is read-only for this user";
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return cause_of_errno(EACCES, path);
    case SQLITE_NOMEM:
      return cause_of_errno(ENOMEM, path);
    case SQLITE_CANTOPEN: {
      std::string cause = cause_at(path);
      return cause.empty() ? "it, or its journal beside it, cannot be opened" : cause;
    }
    case SQLITE_IOERR:
      return code == SQLITE_IOERR_NOMEM ? cause_of_errno(ENOMEM, path)
                                        : fmt::format("{} failed to read or write it", file_system_of(path));
    default:
      return "";
  }
}

void throw_database_error(sqlite3* database, const std::filesystem::path& path) {
  const int last_errno = errno;  // Before any other call.
  const char* name = sqlite3_db_filename(database, "main");
  const std::filesystem::path file = path.empty() && name != nullptr ? std::filesystem::path(name) : path;
  const std::string where = file.empty() ? "database" : file.string();
  const int code = sqlite3_extended_errcode(database);
  const std::string words = sqlite3_errmsg(database);
  if (primary(code) == SQLITE_CORRUPT || primary(code) == SQLITE_NOTADB) {
    throw DamagedDatabase(
        ErrorKind::kFailed,
        fmt::format("{}: {}; `cprobe inspect RUN --repair` recovers what is intact of a run", where, words));
  }
  const bool is_of_system = primary(code) == SQLITE_IOERR || primary(code) == SQLITE_CANTOPEN;
  int system_error = is_of_system ? sqlite3_system_errno(database) : 0;
  // SQLite forgets errno where a commit fails.
  constexpr int kTelling[] = {ENOSPC, EDQUOT, EFBIG, EROFS, EIO, ESTALE};
  if (is_of_system && system_error == 0 && std::ranges::find(kTelling, last_errno) != std::end(kTelling)) {
    system_error = last_errno;
  }
  const std::string cause = cause_of(code, system_error, file);
  const std::string what = cause.empty() ? words : cause;
  throw DatabaseError(fmt::format("{}: {} ({})", where, what, sqlite_words(code, system_error)), code, system_error);
}

}  // namespace cprobe
