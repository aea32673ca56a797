#pragma once

#include <filesystem>
#include <string>

#include "cprobe/core/error.h"

struct sqlite3;

namespace cprobe {

/// A call of SQLite that failed. The message names the file and the cause.
class DatabaseError : public Error {
 public:
  DatabaseError(const std::string& message, int code, int system_error)
      : Error(ErrorKind::kFailed, message), code_(code), system_error_(system_error) {}

  /// SQLite's extended result code (https://www.sqlite.org/rescode.html).
  int code() const { return code_; }
  /// errno of the call of the system that failed; 0: unknown.
  int system_error() const { return system_error_; }

 private:
  int code_;
  int system_error_;
};

/// A result code and an errno in words, for messages: "SQLite: disk I/O error, code 5386; No such
/// device".
std::string sqlite_words(int code, int system_error);

/// Thrown for a file that is damaged, or no database.
class DamagedDatabase : public Error {
 public:
  using Error::Error;
};

/// What a failed call of SQLite means, and what to do:
///   - the disk is full, a quota is used up, a limit on file sizes is reached;
///   - file, folder or file system is read-only, or this user may not use them;
///   - another process holds the lock;
///   - the file system does not lock files, or has no shared memory;
///   - the file was moved, or a folder has its name, or its folder is gone;
///   - too many files are open, no memory is left;
///   - the file system failed otherwise.
///
/// @param code          SQLite's extended result code.
/// @param system_error  errno of the call of the system that failed; 0: unknown.
/// @param path          the database's file. Looked at where code and errno leave the cause open.
/// @return              words such as "the disk is full; make room and ..."; empty for any other
///                      code, where SQLite's words must do.
std::string cause_of(int code, int system_error, const std::filesystem::path& path);

/// Throws the Error of the last call on a database.
/// @param path  the database's file; by default as SQLite knows it.
/// @throws DamagedDatabase (kFailed) if the file is damaged or no database; else DatabaseError.
[[noreturn]] void throw_database_error(sqlite3* database, const std::filesystem::path& path = {});

}  // namespace cprobe
