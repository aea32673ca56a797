#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "cprobe/record/sqlite.h"

/// The database of a store: its schema, versions and checksums.
namespace cprobe {

inline constexpr const char* kStoreName = "run.sqlite";
inline constexpr int64_t kSchemaVersion = 7;

/// Tables whose rows each belong to the cell in their column `cell`.
inline constexpr const char* kCellTables[] = {"fields", "metrics", "curves", "artifacts"};

/// The version of a store's schema; 0 if the database has no tables yet.
/// @throws Error (kInput) if the file is no database, no store of cprobe, or of a later version.
int64_t schema_version(sqlite3* database, const std::filesystem::path& path);

/// Brings a database from a version of the schema to the present one.
void migrate(sqlite3* database, int64_t version);

/// Copies a database into memory and brings the copy to the present version.
/// @throws Error as `memory_copy`.
Database migrated_copy(sqlite3* database, int64_t version);

/// A hash of all that is recorded of a cell, to detect changed bits.
std::string checksum_of(sqlite3* database, const std::string& cell);

}  // namespace cprobe
