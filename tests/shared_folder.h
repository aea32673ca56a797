/// Recorded results of the reference implementation, and the paper's data. Both are too large for
/// the source folder. If they are missing, tests that need them are skipped, with the reason.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace cprobe::testing {

/// The folder that holds `golden/` and `paper_data/`: environment variable CPROBE_SHARED or, if not
/// set, `shared` beside the source folder. May not exist.
inline std::filesystem::path shared_folder() {
  const char* given = std::getenv("CPROBE_SHARED");
  return given != nullptr ? std::filesystem::path(given)
                          : std::filesystem::path(CPROBE_SOURCE_DIR).parent_path() / "shared";
}

/// The reason for GTEST_SKIP() if `missing`, a path in the shared folder, is absent.
inline std::string not_shared(const std::filesystem::path& missing) {
  return "no " + missing.string() + "; set CPROBE_SHARED to the folder that holds golden/ and paper_data/";
}

}  // namespace cprobe::testing
