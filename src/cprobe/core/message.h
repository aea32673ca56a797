#pragma once

#include <functional>
#include <string>

namespace cprobe {

/// A line that work has to say while it goes on; the library itself prints nothing.
struct Message {
  enum class Kind {
    kNote,     ///< For whoever follows the work: what was measured, which part begins.
    kWarning,  ///< For everybody: what the work waits for, what was lost.
  };
  Kind kind = Kind::kNote;
  std::string text;  ///< Without a line break at the end.
};

/// Takes messages, on the thread that does the work. An empty one drops them.
using OnMessage = std::function<void(const Message&)>;

inline void tell(const OnMessage& on_message, const Message& message) {
  if (on_message) on_message(message);
}

}  // namespace cprobe
