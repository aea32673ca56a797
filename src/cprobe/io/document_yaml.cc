/// YAML -> Document: yaml-cpp's parser checks the syntax and hands over one event per value.
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <sstream>

#include "cprobe/core/utf8.h"
#include "cprobe/io/atomic_file.h"
#include "cprobe/io/document_builder.h"

namespace cprobe {
namespace {

TextPlace place(const YAML::Mark& mark) {
  if (mark.is_null()) return {};
  return {.line = static_cast<size_t>(mark.line) + 1, .column = static_cast<size_t>(mark.column) + 1};
}

/// Receives the parser's events. Not yaml-cpp's nodes, because nodes drop duplicate keys and share
/// anchors.
class YamlEvents : public YAML::EventHandler {
 public:
  explicit YamlEvents(DocumentBuilder& builder) : builder_(builder) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++n_documents_ > 1) {
      throw builder_.error(place(mark), "expected the end of the file, found a second YAML document or stray text");
    }
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse(mark, "", anchor);
    if (builder_.expects_key()) throw builder_.error(place(mark), "a key is empty");
    // yaml-cpp takes a lone word in a map for a key, and puts the missing value at the word's own
    // place.
    if (key_offset_ == mark.pos) throw builder_.error(place(mark), "expected a colon after this key");
    builder_.null(place(mark));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw builder_.error(place(mark), "aliases (*name) are not supported; write the value out");
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse(mark, tag, anchor);
    if (builder_.expects_key()) {
      key_offset_ = mark.pos;
      return builder_.key(place(mark), value);
    }
    builder_.scalar(place(mark), value, tag == "!");
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    refuse(mark, tag, anchor);
    refuse_as_key(mark);
    builder_.begin_list(place(mark));
  }
  void OnSequenceEnd() override { builder_.end(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    refuse(mark, tag, anchor);
    refuse_as_key(mark);
    builder_.begin_map(place(mark));
  }
  void OnMapEnd() override { builder_.end(); }

 private:
  /// Refuses anchors and tags. A value without a tag has the tag "?", or "!" if it is a quoted
  /// scalar.
  void refuse(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) const {
    if (anchor != 0) throw builder_.error(place(mark), "anchors (&name) are not supported; write the value out twice");
    if (tag.empty() || tag == "?" || tag == "!") return;
    throw builder_.error(place(mark), fmt::format("tags are not supported, found '{}'", tag));
  }
  void refuse_as_key(const YAML::Mark& mark) const {
    if (builder_.expects_key())
      throw builder_.error(place(mark), "a key must be text, not a list or a map; is a closing bracket missing?");
  }

  DocumentBuilder& builder_;
  int n_documents_ = 0;
  int key_offset_ = -1;  ///< Offset of the last key, in bytes.
};

/// Refuses bytes that YAML forbids. yaml-cpp would take them for another encoding, or for the end
/// of the file.
void require_printable(std::string_view text, const DocumentBuilder& builder) {
  const size_t valid = utf8_prefix(text);
  if (valid != text.size()) throw builder.error(place_of(text, valid), "not UTF-8");
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool control = (c >= 0 && c < ' ' && c != '\t' && c != '\n' && c != '\r') || c == '\x7F';
    if (control)
      throw builder.error(place_of(text, i), fmt::format("the control character 0x{:02x} is not allowed", c));
  }
}

}  // namespace

Document Document::parse_yaml(std::string_view text, const std::string& source_name) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  DocumentBuilder builder(source_name);
  require_printable(text, builder);

  // Ends the text with a document end mark: yaml-cpp closes an open quote at the end of a text
  // without a word, and so swallows the rest of the file, but complains at an end mark inside a
  // quote.
  const bool line_ended = text.ends_with('\n') || text.ends_with('\r');
  std::istringstream stream(std::string(text) + (line_ended ? "...\n" : "\n...\n"));
  YamlEvents events(builder);
  try {
    YAML::Parser parser(stream);
    // The first call reads the document. The second finds out that nothing follows.
    if (parser.HandleNextDocument(events)) parser.HandleNextDocument(events);
  } catch (const YAML::Exception& exception) {
    // A place inside the added end mark is shown as the end of the text.
    const bool at_end = exception.mark.pos >= static_cast<int>(text.size());
    const TextPlace found = at_end ? place_of(text, text.size()) : place(exception.mark);
    if (exception.msg == YAML::ErrorMsg::DOC_IN_SCALAR) {
      throw builder.error(found, "not YAML: a quoted text that began before is not closed");
    }
    throw builder.error(found, "not YAML: " + exception.msg);
  }
  return builder.take();
}

Document Document::read_yaml(const std::filesystem::path& path) {
  return parse_yaml(read_file(path), path.string());
}

}  // namespace cprobe
