#pragma once

#include <filesystem>

#include "cprobe/core/message.h"
#include "cprobe/record/sqlite.h"

/// How the database of a store is opened, and which journal it has.
namespace cprobe {

/// Opens or creates the database of a store for writing, with full synchronisation.
///
/// The journal is SQLite's write-ahead log, with which readers never wait. The log needs memory
/// that processes share (the file `-shm`, mapped), which some network file systems do not have. The
/// database is then given a rollback journal instead, for good: just as safe against kills and
/// power cuts, but a reader waits while a cell is written, and the writer waits for readers (five
/// minutes at most). No process leaves that journal again, so that processes that open one database
/// at the same time agree.
///
/// @param on_message  warned when the database is given a rollback journal, with file and file
///                    system.
/// @throws Error (kInput), leaving the file as it is, as `schema_version`; DatabaseError if the
///         file cannot be opened, created or changed, with the cause.
Database open_database_to_write(const std::filesystem::path& path, const OnMessage& on_message);

/// Opens the database of a store for reading. Changes nothing in its folder, even if a killed
/// process left a journal there and the file system has no shared memory: the intact state is then
/// made in a copy (in the system's temporary folder, then in memory).
/// @throws Error (kInput) as `schema_version`; DatabaseError with the cause if the file cannot be
///         read.
Database open_database_to_read(const std::filesystem::path& path);

}  // namespace cprobe
