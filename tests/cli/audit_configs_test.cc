// No key of a model's config.json is ignored that `transformers` reads.

#include <sys/wait.h>

#include <cstdlib>

#include "tests/cli/program.h"

namespace cprobe::testing {
namespace {

TEST(ConfigAudit, EveryKeyOfTransformersIsReadRefusedOrKnownToBeHarmless) {
  const TemporaryFolder folder;
  const char* python = std::getenv("CPROBE_PYTHON");
  const std::string command = fmt::format("'{}' '{}/tests/python/audit_configs.py' --cprobe '{}' > '{}' 2>&1",
                                          python == nullptr ? "python3" : python, CPROBE_SOURCE_DIR, CPROBE_PROGRAM,
                                          (folder / "said").string());
  const int status = std::system(command.c_str());
  const std::string said = read_bytes(folder / "said");
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << said << "(CPROBE_PYTHON names another interpreter)";
  EXPECT_EQ(WEXITSTATUS(status), 0) << said;
}

}  // namespace
}  // namespace cprobe::testing
