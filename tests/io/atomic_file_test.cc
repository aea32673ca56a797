#include "cprobe/io/atomic_file.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cstdlib>
#include <iterator>

#include "tests/support.h"

namespace cprobe {
namespace {

using testing::read_bytes;
using testing::TemporaryFolder;
using testing::write_bytes;

size_t n_files(const std::filesystem::path& folder) {
  return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

TEST(AtomicFile, AppearsOnlyAtCommit) {
  TemporaryFolder folder;
  const auto path = folder / "new.txt";
  AtomicFile file(path);
  file.write("one ");
  EXPECT_FALSE(std::filesystem::exists(path));
  file.write("two");
  file.commit();
  EXPECT_EQ(read_bytes(path), "one two");
  EXPECT_EQ(n_files(folder.path()), 1U);
}

TEST(AtomicFile, LeavesTheOldFileWhenItIsDropped) {
  TemporaryFolder folder;
  const auto path = write_bytes(folder / "kept.txt", "old");
  { AtomicFile(path).write("new"); }
  EXPECT_EQ(read_bytes(path), "old");
  EXPECT_EQ(n_files(folder.path()), 1U);
}

TEST(AtomicFile, CreatesParentFolders) {
  TemporaryFolder folder;
  write_file(folder / "a/b/c.txt", "x");
  EXPECT_EQ(read_bytes(folder / "a/b/c.txt"), "x");
}

TEST(AtomicFile, TwoWritersOfOneFileDoNotMix) {
  TemporaryFolder folder;
  const auto path = folder / "shared.txt";
  AtomicFile first(path);
  AtomicFile second(path);
  first.write("first");
  second.write("second");
  second.commit();
  first.commit();
  EXPECT_EQ(read_bytes(path), "first");
}

TEST(AtomicFile, FollowsTheUmaskLikeAnyNewFile) {
  TemporaryFolder folder;
  const mode_t before = umask(027);
  write_file(folder / "mode.txt", "x");
  umask(before);
  struct stat status = {};
  ASSERT_EQ(stat((folder / "mode.txt").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0640U);
}

TEST(AtomicFile, KeepsASymbolicLinkAndReplacesItsTarget) {
  TemporaryFolder folder;
  const auto target = write_bytes(folder / "target.txt", "old");
  std::filesystem::create_symlink(target, folder / "link.txt");
  write_file(folder / "link.txt", "new");
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link.txt"));
  EXPECT_EQ(read_bytes(target), "new");
}

TEST(AtomicFile, RefusesWhatIsNotARegularFile) {
  TemporaryFolder folder;
  EXPECT_FAILED_ERROR(AtomicFile(folder.path()), "a folder of that name");
  EXPECT_FAILED_ERROR(AtomicFile("/dev/null"), "a device");
  EXPECT_FAILED_ERROR(AtomicFile(folder / "sub/"), "not the name of a file");
}

TEST(AtomicFile, SaysWhyAFolderCannotBeUsed) {
  TemporaryFolder folder;
  const auto file = write_bytes(folder / "file", "x");
  EXPECT_FAILED_ERROR(AtomicFile(file / "below.txt"), "Not a directory");
  EXPECT_FAILED_ERROR(AtomicFile("/proc/below.txt"), "/proc/below.txt");
}

TEST(AtomicFileDeathTest, AFullDiskIsAnErrorAndKeepsTheOldFile) {
  // A limit on file size, in a child process, stands in for the full disk: both make write() fail
  // halfway.
  TemporaryFolder folder;
  const auto path = write_bytes(folder / "kept.txt", "old");
  EXPECT_EXIT(
      {
        signal(SIGXFSZ, SIG_IGN);
        rlimit limit = {};
        limit.rlim_cur = limit.rlim_max = 1000;
        setrlimit(RLIMIT_FSIZE, &limit);
        try {
          write_file(path, std::string(5000, 'x'));
        } catch (const Error& error) {
          const bool named =
              std::string(error.what()).find("kept.txt: cannot write: File too large") != std::string::npos;
          std::_Exit(named && error.kind() == ErrorKind::kFailed ? 7 : 8);
        }
        std::_Exit(9);
      },
      ::testing::ExitedWithCode(7), "");
  EXPECT_EQ(read_bytes(path), "old");
  EXPECT_EQ(n_files(folder.path()), 1U);
}

TEST(AtomicFile, OfAProcessThatLivesIsNoLeftover) {
  const TemporaryFolder folder;
  const std::filesystem::path of_init = folder / ".cprobe-1-0.tmp", of_nobody = folder / ".cprobe-4194305-0.tmp";
  testing::write_bytes(of_init, "");
  testing::write_bytes(of_nobody, "");  // Linux has no process id above 4194304.
  remove_leftovers(folder.path());
  EXPECT_TRUE(std::filesystem::exists(of_init));
  EXPECT_FALSE(std::filesystem::exists(of_nobody));
}

TEST(ReadFile, GivesBackEveryByte) {
  TemporaryFolder folder;
  std::string bytes(200'000, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 31 % 251);
  write_file(folder / "bytes", bytes);
  EXPECT_EQ(read_file(folder / "bytes"), bytes);
  write_file(folder / "empty", "");
  EXPECT_EQ(read_file(folder / "empty"), "");
}

TEST(ReadFile, NamesTheFileThatCannotBeRead) {
  TemporaryFolder folder;
  EXPECT_INPUT_ERROR(read_file(folder / "absent.csv"), "absent.csv: cannot read: No such file");
  EXPECT_INPUT_ERROR(read_file(folder.path()), "it is a folder");
}

}  // namespace
}  // namespace cprobe
