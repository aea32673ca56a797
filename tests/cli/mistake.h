/// Tables of what a user can get wrong.
#pragma once

#include <functional>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/cli/program.h"

namespace cprobe::testing {

struct Mistake {
  std::string name;
  /// Makes the files and returns the program's arguments.
  std::function<std::vector<std::string>(const TemporaryFolder&)> arguments;
  std::vector<std::string> message;  ///< Parts of the one line on stderr.
  int exit_code = 2;
};

/// Shows the mistake of a failed test.
inline void PrintTo(const Mistake& mistake, std::ostream* out) {  // NOLINT(readability-identifier-naming): gtest's
  *out << mistake.name;
}

inline std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  if (at == std::string::npos) throw std::runtime_error("no '" + from + "' to replace");
  return text.replace(at, from.size(), to);
}

/// The number of lines of stderr that are messages of the program itself.
inline int count_messages(const std::string& err) {
  std::istringstream stream(err);
  int n = 0;
  for (std::string line; std::getline(stream, line);) n += line.starts_with("cprobe: ") ? 1 : 0;
  return n;
}

/// Expects that the program ends with the mistake's exit code and message, and begins no run in the
/// folder's `run`.
inline void expect_one_clear_message(const Mistake& mistake) {
  const TemporaryFolder folder;
  const ProgramResult result = cprobe(mistake.arguments(folder));
  EXPECT_EQ(result.exit_code, mistake.exit_code) << result.err;
  for (const std::string& part : mistake.message) EXPECT_THAT(result.err, ::testing::HasSubstr(part));
  if (!mistake.message.empty()) {  // CLI11 writes the messages on wrong options.
    EXPECT_EQ(count_messages(result.err), 1) << result.err;
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "run"));
}

}  // namespace cprobe::testing
