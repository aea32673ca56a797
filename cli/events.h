#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "cprobe/core/message.h"

/// What a command says on stderr: text for people or, with `--json`, events for programs, a JSON
/// object per line (docs/commands.md lists them).
namespace cprobe {

/// From now on this process says events.
void speak_json();

/// Whether this process says events.
bool speaks_json();

/// Prints an event. Text that is not UTF-8 is printed with replacement characters.
void print_event(const nlohmann::ordered_json& event);

/// Prints a message, with "note: " or "warning: " before it.
void say(Message::Kind kind, const std::string& text);

/// Prints a line that is neither: what was written. As an event it is a note.
void say_line(const std::string& text);

/// Prints why the program ends.
/// @param kind  of the event: input, failure, interrupted, memory, internal.
void say_error(const std::string& kind, const std::string& text);

}  // namespace cprobe
