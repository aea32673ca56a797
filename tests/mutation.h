/// Damaged input of every format. A reader of damaged input must end, and either succeed or throw
/// cprobe::Error.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <string>
#include <string_view>

#include "cprobe/core/error.h"

namespace cprobe::testing {

/// Makes random changes to bytes. The same seed makes the same changes.
class Mutator {
 public:
  explicit Mutator(uint32_t seed) : engine_(seed) {}

  /// `valid` with one to four random changes.
  std::string mutate(const std::string& valid) {
    std::string bytes = valid;
    for (size_t n = 1 + below(4); n > 0; --n) change(bytes);
    return bytes;
  }

 private:
  size_t below(size_t n) { return engine_() % n; }
  size_t place(const std::string& bytes) { return below(bytes.size() + 1); }

  void change(std::string& bytes) {
    // Bytes with a meaning in some format do more harm than random bytes.
    constexpr std::string_view kMeaningful = "{}[]\",:-?&*!|>#%\n\r\t '\\09eE.+~\x04";
    switch (below(6)) {
      case 0:
        if (!bytes.empty()) bytes[below(bytes.size())] ^= static_cast<char>(1U << below(8));
        break;
      case 1:
        bytes.resize(place(bytes));
        break;
      case 2:
        bytes.insert(place(bytes), 1 + below(3), static_cast<char>(below(256)));
        break;
      case 3:
        bytes.insert(place(bytes), 1 + below(3), kMeaningful[below(kMeaningful.size())]);
        break;
      case 4:  // Copies a part of the text to another place.
        bytes.insert(place(bytes), bytes.substr(place(bytes), below(40)));
        break;
      default:
        bytes.erase(place(bytes), 1 + below(8));
    }
  }

  std::mt19937 engine_;
};

/// Reads 10,000 mutations of `valid`. Each must give a value or an Error of kind kInput.
inline void expect_reads_or_refuses(const std::string& valid, const std::function<void(const std::string&)>& read) {
  constexpr int kMutations = 10'000;
  ASSERT_NO_THROW(read(valid));
  Mutator mutator(20240613);
  int n_read = 0;
  for (int i = 0; i < kMutations; ++i) {
    const std::string bytes = mutator.mutate(valid);
    try {
      read(bytes);
      ++n_read;
    } catch (const Error& error) {
      ASSERT_EQ(error.kind(), ErrorKind::kInput) << error.what() << "\n" << ::testing::PrintToString(bytes);
    } catch (const std::exception& other) {
      FAIL() << "mutation " << i << ": " << other.what() << "\n" << ::testing::PrintToString(bytes);
    }
  }
  // With fewer reads or refusals, the mutations would test only one early check.
  EXPECT_GT(n_read, kMutations / 1000);
  EXPECT_LT(n_read, kMutations);
}

}  // namespace cprobe::testing
