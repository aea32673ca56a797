#include "cli/events.h"

#include <fmt/format.h>

#include <cstdio>
#include <string_view>

namespace cprobe {
namespace {

bool is_json = false;  // Of the whole process, because errors are said where no command is left.

}  // namespace

void speak_json() {
  is_json = true;
}

bool speaks_json() {
  return is_json;
}

void print_event(const nlohmann::ordered_json& event) {
  fmt::print(stderr, "{}\n", event.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  std::fflush(stderr);
}

void say(Message::Kind kind, const std::string& text) {
  const std::string_view name = kind == Message::Kind::kWarning ? "warning" : "note";
  if (is_json) return print_event({{"event", name}, {"message", text}});
  fmt::print(stderr, "{}: {}\n", name, text);
}

void say_line(const std::string& text) {
  if (is_json) return say(Message::Kind::kNote, text);
  fmt::print(stderr, "{}\n", text);
}

void say_error(const std::string& kind, const std::string& text) {
  if (is_json) return print_event({{"event", "error"}, {"kind", kind}, {"message", text}});
  fmt::print(stderr, "cprobe: {}\n", text);
}

}  // namespace cprobe
