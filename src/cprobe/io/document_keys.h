#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/io/document.h"

namespace cprobe {

/// A key that a map of a file may have. Parsers check files by lists of these, and JSON Schemas,
/// with which editors complete and check files, are written from the same lists.
struct DocumentKey {
  std::string_view name;
  /// What its value may be, for the schema; alternatives are divided by "|":
  ///   - text, count (a whole number from 0), integer, number, bool;
  ///   - =word: this word;
  ///   - [x]: a list of x; {x}: a map to x;
  ///   - @name: a map with the keys of that name.
  std::string_view values;
  std::string_view what;  ///< A phrase for readers.
  bool is_required = false;
};

/// Lists of keys by name, for "@name".
using KeyTables = std::map<std::string_view, std::span<const DocumentKey>>;

/// As Document::require_known_keys.
void require_known_keys(const Document& map, std::span<const DocumentKey> keys);

/// The JSON Schema of a map with some keys and no others.
/// @throws Error (kFailed) if `values` of a key has another form, or names no table.
nlohmann::ordered_json schema_of(std::span<const DocumentKey> keys, const KeyTables& tables);

}  // namespace cprobe
