#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace cprobe {

/// What an Error means for the caller; the program turns it into its exit code.
enum class ErrorKind {
  kInput,        ///< The user gave something wrong: a file, an option, a spec. Exit code 2.
  kFailed,       ///< The work could not be done: disk full, no memory, a cell failed. Exit code 1.
  kInterrupted,  ///< The user asked to stop (Ctrl-C). Exit code 1.
};

/// The one exception class of this library. The message says what failed, where (file, line and
/// column, tensor, layer), what was expected, what was found and, where possible, what to do next.
///
/// main catches Errors, and the runner does at the end of a cell. Other code catches an Error only
/// to add where it happened, or to go on when the failed attempt has changed nothing.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}

  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

/// An Error of kind kInput with a fmt-formatted message:
///
///     throw input_error("{}: no column '{}'", path, name);
template <typename... Args>
Error input_error(fmt::format_string<Args...> format, Args&&... args) {
  return Error(ErrorKind::kInput, fmt::format(format, std::forward<Args>(args)...));
}

/// An Error of kind kFailed with a fmt-formatted message.
template <typename... Args>
Error failure(fmt::format_string<Args...> format, Args&&... args) {
  return Error(ErrorKind::kFailed, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace cprobe
