/// JSON -> Document: nlohmann's parser checks the syntax and hands over one event per value.
#include <cctype>
#include <nlohmann/json.hpp>

#include "cprobe/core/utf8.h"
#include "cprobe/io/atomic_file.h"
#include "cprobe/io/document_builder.h"

namespace cprobe {
namespace {

using Json = nlohmann::json;

/// Finds the place of every event, which the parser does not report. Between two events the text
/// has only white space, commas and colons, so that a walk along the text finds where each event
/// begins. The text is well-formed up to the last event.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  /// Moves to the next bracket, string, number or literal.
  TextPlace next() {
    while (offset_ < text_.size() && std::string_view(" \t\r\n,:").find(text_[offset_]) != std::string_view::npos) {
      if (text_[offset_] == '\n') {
        ++line_;
        line_begin_ = offset_ + 1;
      }
      ++offset_;
    }
    return {.line = line_, .column = 1 + offset_ - line_begin_};
  }

  void skip_bracket() { ++offset_; }

  void skip_string() {
    ++offset_;
    while (offset_ < text_.size() && text_[offset_] != '"') offset_ += text_[offset_] == '\\' ? 2 : 1;
    ++offset_;
  }

  /// Passes a number, true, false or null and returns its text.
  std::string take_word() {
    const size_t begin = offset_;
    const auto in_word = [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' || c == '+';
    };
    while (offset_ < text_.size() && in_word(text_[offset_])) ++offset_;
    return std::string(text_.substr(begin, offset_ - begin));
  }

 private:
  std::string_view text_;
  size_t offset_ = 0;
  size_t line_ = 1;
  size_t line_begin_ = 0;
};

/// Receives the parser's events; the member names are nlohmann's.
class JsonEvents {
 public:
  JsonEvents(std::string_view text, DocumentBuilder& builder) : text_(text), cursor_(text), builder_(builder) {}

  bool null() {
    const TextPlace place = cursor_.next();
    cursor_.take_word();
    builder_.null(place);
    return true;
  }
  bool boolean(bool) { return word(); }
  bool number_integer(Json::number_integer_t) { return word(); }
  bool number_unsigned(Json::number_unsigned_t) { return word(); }
  bool number_float(Json::number_float_t, const std::string&) { return word(); }
  bool string(std::string& value) {
    const TextPlace place = cursor_.next();
    cursor_.skip_string();
    builder_.scalar(place, std::move(value), true);
    return true;
  }
  bool binary(Json::binary_t&) { return false; }  // Never called: JSON has no binary values.

  bool start_object(size_t) {
    builder_.begin_map(bracket());
    return true;
  }
  bool key(std::string& name) {
    const TextPlace place = cursor_.next();
    cursor_.skip_string();
    builder_.key(place, std::move(name));
    return true;
  }
  bool end_object() { return end(); }
  bool start_array(size_t) {
    builder_.begin_list(bracket());
    return true;
  }
  bool end_array() { return end(); }

  /// @param n_read bytes that the parser has read, the offending one included.
  bool parse_error(size_t n_read, const std::string&, const Json::exception& exception) {
    // Cuts off "[json.exception.parse_error.101] parse error at line 1, column 2: ": our error
    // names the place itself.
    std::string message = exception.what();
    const size_t colon = message.find(": ");
    if (message.find("parse error at") != std::string::npos && colon != std::string::npos) message.erase(0, colon + 2);
    throw builder_.error(place_of(text_, n_read == 0 ? 0 : n_read - 1), "not JSON: " + message);
  }

 private:
  bool word() {
    const TextPlace place = cursor_.next();
    builder_.scalar(place, cursor_.take_word(), false);
    return true;
  }
  TextPlace bracket() {
    const TextPlace place = cursor_.next();
    cursor_.skip_bracket();
    return place;
  }
  bool end() {
    bracket();
    builder_.end();
    return true;
  }

  std::string_view text_;
  Cursor cursor_;
  DocumentBuilder& builder_;
};

}  // namespace

Document Document::parse_json(std::string_view text, const std::string& source_name) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  DocumentBuilder builder(source_name);
  const size_t valid = utf8_prefix(text);
  if (valid != text.size()) throw builder.error(place_of(text, valid), "not UTF-8");

  JsonEvents events(text, builder);
  Json::sax_parse(text.begin(), text.end(), &events);
  return builder.take();
}

Document Document::read_json(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  if (text.starts_with("version https://git-lfs")) {
    throw input_error("{}: is a Git LFS pointer, not the file itself; fetch it with 'git lfs pull'", path.string());
  }
  return parse_json(text, path.string());
}

}  // namespace cprobe
