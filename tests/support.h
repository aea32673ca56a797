/// Helpers that the tests of every folder share.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): mkdtemp is POSIX

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include "cprobe/core/error.h"

namespace cprobe::testing {

/// A new, empty folder, removed with all it holds at the end of the scope.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "cprobe_test_XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot create " + pattern);
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::filesystem::path& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// Writes `bytes` to `path` without the library under test; returns `path`.
inline std::filesystem::path write_bytes(const std::filesystem::path& path, std::string_view bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream stream(path, std::ios::binary | std::ios::trunc);
  stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!stream.flush()) throw std::runtime_error("cannot write " + path.string());
  return path;
}

/// All bytes of a file, read without the library under test.
inline std::string read_bytes(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw std::runtime_error("cannot read " + path.string());
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

}  // namespace cprobe::testing

/// Expects `statement` to throw a cprobe::Error of `error_kind` whose message contains `substring`.
#define EXPECT_CPROBE_ERROR(error_kind, statement, substring)                      \
  EXPECT_THAT([&] { statement; },                                                  \
              ::testing::Throws<::cprobe::Error>(::testing::AllOf(                 \
                  ::testing::Property("kind", &::cprobe::Error::kind, error_kind), \
                  ::testing::Property("what", &::cprobe::Error::what, ::testing::HasSubstr(substring)))))

/// Expects `statement` to refuse user input (kInput), with a message that contains `substring`.
#define EXPECT_INPUT_ERROR(statement, substring) EXPECT_CPROBE_ERROR(::cprobe::ErrorKind::kInput, statement, substring)

/// Expects `statement` to fail at its work (kFailed), with a message that contains `substring`.
#define EXPECT_FAILED_ERROR(statement, substring) \
  EXPECT_CPROBE_ERROR(::cprobe::ErrorKind::kFailed, statement, substring)
