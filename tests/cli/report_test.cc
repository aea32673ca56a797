#include "tests/cli/program.h"
#include "tests/report/made_run.h"

namespace cprobe::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class ReportCommand : public ::testing::Test {
 protected:
  ReportCommand() { make_run(folder_ / "run", {{}}); }
  std::string run() const { return (folder_ / "run").string(); }
  TemporaryFolder folder_;
};

TEST_F(ReportCommand, PutsThePageOfOneRunIntoItsFolder) {
  const ProgramResult result = cprobe({"report", run(), "--quiet"});
  if (result.exit_code == 1 && result.err.find("without Plotly") != std::string::npos) GTEST_SKIP() << result.err;
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("run/report.html (run folders: 1; finished cells of circuit probing: 1;"));
  const std::string page = read_bytes(folder_ / "run/report.html");
  EXPECT_THAT(page, StartsWith("<!doctype html>"));
  EXPECT_THAT(page, HasSubstr("<title>Circuit probing: run</title>"));
}

TEST_F(ReportCommand, PrintsTables) {
  EXPECT_THAT(cprobe({"report", run(), "--format", "csv", "--quiet"}).out, StartsWith("variable,component,mask,share"));
  EXPECT_THAT(cprobe({"report", run(), "--format", "markdown", "--quiet"}).out, StartsWith("| variable |"));
  EXPECT_THAT(cprobe({"report", run(), "--format", "latex", "--quiet"}).out, HasSubstr("\\begin{tabular}"));
}

TEST_F(ReportCommand, AsksWhereThePageOfSeveralRunsGoes) {
  make_run(folder_ / "other", {{}});
  const ProgramResult result = cprobe({"report", run(), (folder_ / "other").string()});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("-o FILE.html"));
}

TEST_F(ReportCommand, RefusesWhatHoldsNoRunAndFormatsThatItDoesNotKnow) {
  EXPECT_EQ(cprobe({"report", folder_.path().string() + "/absent"}).exit_code, 2);
  EXPECT_EQ(cprobe({"report", run(), "--format", "pdf"}).exit_code, 2);
}

TEST_F(ReportCommand, SaysThatItCannotWrite) {
  write_bytes(folder_ / "file", "");
  const ProgramResult result =
      cprobe({"report", run(), "--format", "csv", "--quiet", "-o", (folder_ / "file/table.csv").string()});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("file/table.csv"));
}

}  // namespace
}  // namespace cprobe::testing
