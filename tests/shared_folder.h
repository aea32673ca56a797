/// Recorded results of the reference and the paper's data, too large to be part of the sources. Tests that need them
/// skip themselves, with the reason, where they are absent.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace cprobe::testing {

/// The folder that holds `golden/` and `paper_data/`: environment variable CPROBE_SHARED, by default `shared` beside
/// the source folder. It need not exist.
inline std::filesystem::path shared_folder() {
  const char* given = std::getenv("CPROBE_SHARED");
  return given != nullptr ? std::filesystem::path(given)
                          : std::filesystem::path(CPROBE_SOURCE_DIR).parent_path() / "shared";
}

/// The reason for GTEST_SKIP() where `missing`, something in the shared folder, is absent.
inline std::string not_shared(const std::filesystem::path& missing) {
  return "no " + missing.string() + "; set CPROBE_SHARED to the folder that holds golden/ and paper_data/";
}

}  // namespace cprobe::testing
