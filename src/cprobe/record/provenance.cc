#include "cprobe/record/provenance.h"

#include <fmt/chrono.h>
#include <torch/version.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <iterator>

#include "cprobe/core/text.h"
#include "cprobe/core/threads.h"
#include "cprobe/model/gemm.h"

namespace cprobe {
namespace {

/// Characters without a meaning to a shell.
constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./,:@%";

std::string quoted(const std::string& word) {
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  return fmt::format("'{}'", escaped(word, {{'\'', "'\\''"}}));
}

}  // namespace

std::string utc_now() {
  return fmt::format("{:%FT%TZ}", fmt::gmtime(std::time(nullptr)));
}

std::string command_line() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  const std::string words((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::string line;
  for (size_t begin = 0; begin < words.size();) {
    const size_t end = words.find('\0', begin);
    if (!line.empty()) line += ' ';
    line += quoted(words.substr(begin, end - begin));
    if (end == std::string::npos) break;
    begin = end + 1;
  }
  return line;
}

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

std::string versions() {
#ifdef __clang__
  const std::string compiler = "clang " __clang_version__;
#else
  const std::string compiler = "GCC " __VERSION__;
#endif
  const std::string products = gemm_library(), others = blas_name();
  return fmt::format("cprobe {}, {}, libtorch {}, {}{}", CPROBE_VERSION, compiler, TORCH_VERSION, products,
                     products == others ? "" : ", " + others);
}

}  // namespace cprobe
