#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cprobe/core/error.h"
#include "cprobe/core/text.h"

namespace cprobe {

/// A YAML or JSON value that knows its place, so that every error about the value names file, line
/// and column.
///
/// A Document owns everything below it. Scalars keep their text; `as_*` converts and checks. What a
/// text means:
///   - Numbers are those of YAML 1.2's core schema in decimal: `1e-5` and `.5` are numbers (PyYAML
///     reads `1e-5` as text); `1_000`, `0x10` and `.inf` are not.
///   - A quoted scalar is text.
///   - `~`, `null` and a missing value are null.
///   - Tags, anchors and aliases are refused.
class Document {
 public:
  enum class Kind { kNull, kScalar, kList, kMap };

  /// An empty text is null in YAML and an error in JSON.
  /// @throws Error (kInput) with file, line and column: unreadable, not UTF-8, bad syntax, a key
  ///         twice in one map, nesting over 100 levels, several YAML documents, tags, anchors or
  ///         aliases, trailing characters.
  static Document read_yaml(const std::filesystem::path& path);
  static Document read_json(const std::filesystem::path& path);
  static Document parse_yaml(std::string_view text, const std::string& source_name);
  static Document parse_json(std::string_view text, const std::string& source_name);

  Kind kind() const { return kind_; }
  bool is_null() const { return kind_ == Kind::kNull; }
  bool is_list() const { return kind_ == Kind::kList; }
  bool is_map() const { return kind_ == Kind::kMap; }
  bool is_scalar() const { return kind_ == Kind::kScalar; }
  bool is_quoted() const { return quoted_; }  ///< A JSON string, or a quoted or block YAML scalar.

  /// File, line and column (in bytes, from 1) and, except for the whole file, the path of keys:
  /// "spec.yaml:12:7: fit.epochs".
  std::string where() const;
  /// An input error about this value: "<where>: <message>".
  Error error(std::string_view message) const;

  /// Typed access. @throws Error (kInput) with position, what was expected and the text found.
  int64_t as_integer() const;   ///< A whole number ("500", "5e2", "3.0") in int64's range.
  double as_number() const;     ///< Finite.
  bool as_bool() const;         ///< true/false in any of YAML's capitalisations; not yes/no.
  std::string as_text() const;  ///< The text of any scalar, numbers included, exactly as written.

  /// List access. `items_or_self` takes a scalar or map as a list of one.
  /// @throws Error (kInput) for anything else.
  const std::vector<Document>& items() const;
  std::vector<Document> items_or_self() const;

  /// Map access, in the file's order. `find`, `given` and `at` take time linear in the number of
  /// keys.
  /// @throws Error (kInput) for anything but a map.
  const std::vector<std::pair<std::string, Document>>& entries() const;
  /// The value of a key, which is a null Document if the key stands without a value; nullptr if the
  /// key is absent.
  const Document* find(std::string_view key) const;
  /// The value of an optional key; nullptr if the key is absent or its value is null.
  const Document* given(std::string_view key) const;
  /// The value of a key. @throws Error (kInput) if the key is missing, naming the key and this
  /// map's place.
  const Document& at(std::string_view key) const;
  /// Does nothing if all keys are in `known`.
  /// @throws Error (kInput) at the first unknown key, naming the nearest known one.
  void require_known_keys(std::span<const std::string_view> known) const;
  void require_known_keys(std::initializer_list<std::string_view> known) const {
    require_known_keys(std::span(known.begin(), known.size()));
  }

 private:
  friend class DocumentBuilder;

  /// "<where>: expected <what>, found <this value>".
  Error expected(std::string_view what) const;
  const std::string& number_text(std::string_view what) const;  ///< The text of a plain scalar.

  Kind kind_ = Kind::kNull;
  bool quoted_ = false;
  std::string text_;
  std::vector<Document> items_;
  std::vector<std::pair<std::string, Document>> entries_;
  std::shared_ptr<const std::string> source_;  ///< Shared by all values of one file.
  std::string key_path_;
  TextPlace place_;
  /// Place of the key whose value this is; of the value itself outside maps.
  TextPlace key_place_;
};

}  // namespace cprobe
