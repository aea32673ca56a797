#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cprobe/io/document.h"

namespace cprobe {

/// Puts a Document together from the events of a parser, in the order of the text. Refuses what no file of ours may
/// hold: a key twice in one map, and nesting over 100 levels (which would otherwise overflow the stack of whoever walks
/// the value). Syntax is the parser's business: the events must come as those of well-formed text do.
class DocumentBuilder {
 public:
  explicit DocumentBuilder(const std::string& source_name);

  /// True where the next event inside a map must be a key.
  bool expects_key() const;

  void key(TextPlace place, std::string name);  ///< @throws Error (kInput) if the map has this key already.
  void null(TextPlace place);
  void scalar(TextPlace place, std::string text, bool quoted);
  void begin_list(TextPlace place);  ///< @throws Error (kInput) if this is level 101.
  void begin_map(TextPlace place);   ///< @throws Error (kInput) if this is level 101.
  void end();                        ///< Of the innermost list or map.

  /// An input error about the text at `place`.
  Error error(TextPlace place, std::string_view message) const;

  /// The finished value; null if there was no event.
  Document take();

 private:
  struct Level {
    Document value;
    std::string key;  ///< Of the value to come.
    TextPlace key_place;
    bool has_key = false;
    std::unordered_map<std::string, TextPlace> keys;  ///< Where each key of a map stands.
  };

  Document start(TextPlace place) const;
  void open(TextPlace place, Document::Kind kind);
  void add(Document value);

  std::shared_ptr<const std::string> source_;
  std::vector<Level> levels_;
  Document root_;
};

}  // namespace cprobe
