#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

struct sqlite3;

/// What the files of the store share of its database.
namespace cprobe {

inline constexpr const char* kStoreName = "run.sqlite";
inline constexpr int64_t kSchemaVersion = 4;

/// Tables of which rows belong to a cell, by their column `cell`.
inline constexpr const char* kCellTables[] = {"fields", "metrics", "curves", "artifacts"};

/// The schema's version of a store; 0: it has no tables yet. @throws Error (kInput) if it is no database, not ours, or of
/// a later version.
int64_t schema_version(sqlite3* database, const std::filesystem::path& path);

/// Brings a database from a version of the schema to the present one.
void migrate(sqlite3* database, int64_t version);

/// A database of an earlier version as one of the present, in memory; the caller closes it.
sqlite3* migrated_copy(sqlite3* database, int64_t version);

/// A hash of all that is recorded of a cell, in which a changed bit shows.
std::string checksum_of(sqlite3* database, const std::string& cell);

}  // namespace cprobe
