#pragma once

#include <cstdint>
#include <string>

struct sqlite3;

/// What the files of the store share of its database.
namespace cprobe {

inline constexpr const char* kStoreName = "run.sqlite";
inline constexpr int64_t kSchemaVersion = 3;

/// Tables of which rows belong to a cell, by their column `cell`.
inline constexpr const char* kCellTables[] = {"fields", "metrics", "curves", "artifacts"};

/// A hash of all that is recorded of a cell, in which a changed bit shows.
std::string checksum_of(sqlite3* database, const std::string& cell);

}  // namespace cprobe
