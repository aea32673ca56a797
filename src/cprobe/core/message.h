#pragma once

#include <functional>
#include <string>

namespace cprobe {

/// A line of text for the user about work in progress. The library hands messages to the caller and
/// prints nothing itself.
struct Message {
  enum class Kind {
    kNote,     ///< May be hidden: what was measured, which part begins.
    kWarning,  ///< Should always be shown: what the work waits for, what was lost.
  };
  Kind kind = Kind::kNote;
  std::string text;  ///< Without a line break at the end.
};

/// Receives messages, on the thread that does the work. If the function is empty, messages are
/// dropped.
using OnMessage = std::function<void(const Message&)>;

inline void tell(const OnMessage& on_message, const Message& message) {
  if (on_message) on_message(message);
}

}  // namespace cprobe
