#include "cprobe/io/document_keys.h"

#include <nlohmann/json.hpp>

#include "cprobe/core/error.h"

namespace cprobe {
namespace {

using Schema = nlohmann::ordered_json;

/// The alternatives of a text, divided at bars outside brackets.
std::vector<std::string_view> alternatives(std::string_view text) {
  std::vector<std::string_view> parts;
  size_t begin = 0;
  int depth = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && (text[i] == '[' || text[i] == '{')) ++depth;
    if (i < text.size() && (text[i] == ']' || text[i] == '}')) --depth;
    if (i < text.size() && (text[i] != '|' || depth > 0)) continue;
    parts.push_back(text.substr(begin, i - begin));
    begin = i + 1;
  }
  return parts;
}

Schema schema_of_values(std::string_view text, const KeyTables& tables) {
  const std::vector<std::string_view> parts = alternatives(text);
  if (parts.size() > 1) {
    Schema any = Schema::array();
    for (const std::string_view part : parts) any.push_back(schema_of_values(part, tables));
    return {{"anyOf", any}};
  }
  if (text == "any") return Schema::object();
  // A scalar of YAML has a type of its own, which text takes whatever it is.
  if (text == "text") return {{"type", {"string", "number", "boolean"}}};
  if (text == "count") return {{"type", "integer"}, {"minimum", 0}};
  if (text == "integer" || text == "number") return {{"type", text}};
  if (text == "bool") return {{"type", "boolean"}};
  if (text.starts_with('=')) return {{"const", text.substr(1)}};
  if (text.size() > 2 && (text.front() == '[' || text.front() == '{')) {
    const Schema inner = schema_of_values(text.substr(1, text.size() - 2), tables);
    if (text.front() == '[') return {{"type", "array"}, {"items", inner}, {"minItems", 1}};
    return {{"type", "object"}, {"additionalProperties", inner}};
  }
  const auto table = text.starts_with('@') ? tables.find(text.substr(1)) : tables.end();
  if (table == tables.end()) throw failure("'{}' is no form of a value", text);
  return schema_of(table->second, tables);
}

}  // namespace

void require_known_keys(const Document& map, std::span<const DocumentKey> keys) {
  std::vector<std::string_view> names;
  for (const DocumentKey& key : keys) names.push_back(key.name);
  map.require_known_keys(names);
}

Schema schema_of(std::span<const DocumentKey> keys, const KeyTables& tables) {
  Schema properties = Schema::object(), required = Schema::array();
  for (const DocumentKey& key : keys) {
    Schema& value = properties[std::string(key.name)] = schema_of_values(key.values, tables);
    if (!key.what.empty()) value["description"] = key.what;
    if (key.is_required) required.push_back(key.name);
  }
  Schema schema = {{"type", "object"}, {"properties", properties}, {"additionalProperties", false}};
  if (!required.empty()) schema["required"] = required;
  return schema;
}

}  // namespace cprobe
