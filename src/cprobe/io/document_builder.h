#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cprobe/io/document.h"

namespace cprobe {

/// Builds a Document from a parser's events, which come in the order of the text. Refuses what no
/// file of ours may hold: a key twice in one map, and nesting over 100 levels (which could overflow
/// the stack of code that walks the value). The parser checks the syntax: the events must be those
/// of a well-formed text.
class DocumentBuilder {
 public:
  explicit DocumentBuilder(const std::string& source_name);

  /// True where the next event inside a map must be a key.
  bool expects_key() const;

  void key(TextPlace place, std::string name);  ///< @throws Error (kInput) for a key twice.
  void null(TextPlace place) { add(start(place)); }
  void scalar(TextPlace place, std::string text, bool quoted);
  /// @throws Error (kInput) if this is level 101.
  void begin_list(TextPlace place) { open(place, Document::Kind::kList); }
  void begin_map(TextPlace place) { open(place, Document::Kind::kMap); }
  void end();  ///< Ends the innermost list or map.

  /// An Error (kInput) about the text at `place`.
  Error error(TextPlace place, std::string_view message) const;

  /// The finished value; null if there were no events.
  Document take() { return std::move(root_); }

 private:
  struct Level {
    Document value;
    std::string key;  ///< The key of the next value.
    TextPlace key_place;
    bool has_key = false;
    std::unordered_map<std::string, TextPlace> keys;  ///< The place of each key of a map.
  };

  Document start(TextPlace place) const;
  void open(TextPlace place, Document::Kind kind);
  void add(Document value);

  std::shared_ptr<const std::string> source_;
  std::vector<Level> levels_;
  Document root_;
};

}  // namespace cprobe
