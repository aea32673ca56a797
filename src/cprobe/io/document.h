#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cprobe/core/error.h"
#include "cprobe/core/text.h"

namespace cprobe {

/// A YAML or JSON value that knows where it stands, so that every complaint about it names file, line and column.
///
/// Values in, values out: a Document owns everything below it. Scalars keep their text; `as_*` converts and checks.
/// Numbers are those of YAML 1.2's core schema in decimal: `1e-5` and `.5` are numbers (PyYAML reads `1e-5` as text),
/// `1_000`, `0x10` and `.inf` are not. A quoted scalar is text. `~`, `null` and an absent value are null. Tags, anchors
/// and aliases are refused.
class Document {
 public:
  enum class Kind { kNull, kScalar, kList, kMap };

  /// An empty text is null in YAML and an error in JSON.
  /// @throws Error (kInput) with file, line and column: unreadable, not UTF-8, bad syntax, a key twice in one map,
  ///         nesting over 100 levels, several YAML documents, tags, anchors or aliases, trailing characters.
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

  /// File, line and column (bytes, from 1) and the path of keys: "spec.yaml:12:7: fit.epochs"; "spec.yaml:1:1" for the
  /// whole.
  std::string where() const;
  /// An input error about this value: "<where>: <message>".
  Error error(std::string_view message) const;

  /// Typed access. @throws Error (kInput) with position, what was expected and the text found.
  int64_t as_integer() const;   ///< A number that is whole ("500", "5e2", "3.0") and in int64's range.
  double as_number() const;     ///< Finite.
  bool as_bool() const;         ///< true/false in any of YAML's capitalisations; not yes/no.
  std::string as_text() const;  ///< The text of any scalar, numbers included, exactly as written.

  /// List access. @throws Error (kInput) for anything but a list. `items_or_self` treats a scalar or map as a list of
  /// one.
  const std::vector<Document>& items() const;
  std::vector<Document> items_or_self() const;

  /// Map access, in the file's order. @throws Error (kInput) for anything but a map. `find`, `given` and `at` look at
  /// every key in turn.
  const std::vector<std::pair<std::string, Document>>& entries() const;
  /// nullptr where absent; a null Document where the key has no value.
  const Document* find(std::string_view key) const;
  /// The value of an optional key; nullptr where it is absent or null.
  const Document* given(std::string_view key) const;
  /// @throws Error (kInput) naming the missing key and this map's place.
  const Document& at(std::string_view key) const;
  /// @throws Error (kInput) at the first key that is not in `known`, naming the nearest known one.
  void require_known_keys(std::span<const std::string_view> known) const;

 private:
  friend class DocumentBuilder;

  Error expected(std::string_view what) const;                  ///< "<where>: expected <what>, found <this value>".
  const std::string& number_text(std::string_view what) const;  ///< The text of a plain scalar.

  Kind kind_ = Kind::kNull;
  bool quoted_ = false;
  std::string text_;
  std::vector<Document> items_;
  std::vector<std::pair<std::string, Document>> entries_;
  std::shared_ptr<const std::string> source_;  ///< Shared by all values of one file.
  std::string key_path_;
  TextPlace place_;
  TextPlace key_place_;  ///< Where the key of a map's value stands.
};

}  // namespace cprobe
