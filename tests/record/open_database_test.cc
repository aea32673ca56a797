#include "cprobe/record/open_database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdarg>

#include "cprobe/core/error.h"
#include "cprobe/io/file_system.h"
#include "cprobe/record/store.h"
#include "cprobe/record/store_schema.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TemporaryFolder;

/// A call of the system that SQLite makes on some files, and the errno with which it fails.
struct Fault {
  std::string call;  ///< "mmap", "open", "open to write", "pwrite", "pread", "ftruncate" or "fcntl".
  std::string end;   ///< Of the files' names, such as "-shm".
  int error = 0;
};

Fault fault;  // A global, because SQLite's replaced calls can reach nothing else.

bool fails(const std::string& call, const std::string& path) {
  if (fault.error == 0 || fault.call != call || !path.ends_with(fault.end)) return false;
  errno = fault.error;
  return true;
}

std::string path_of(int descriptor) {
  std::error_code none;
  return std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", descriptor), none).string();
}

int faulty_open(const char* path, int flags, int mode) {
  const bool writes = (flags & (O_RDWR | O_CREAT)) != 0;
  if (fails("open", path) || (writes && fails("open to write", path))) return -1;
  return open(path, flags, mode);
}
void* faulty_mmap(void* address, size_t length, int protection, int flags, int descriptor, off_t offset) {
  if (fails("mmap", path_of(descriptor))) return MAP_FAILED;
  return mmap(address, length, protection, flags, descriptor, offset);
}
ssize_t faulty_pwrite(int descriptor, const void* data, size_t n_bytes, off64_t offset) {
  return fails("pwrite", path_of(descriptor)) ? -1 : pwrite64(descriptor, data, n_bytes, offset);
}
ssize_t faulty_pread(int descriptor, void* data, size_t n_bytes, off64_t offset) {
  return fails("pread", path_of(descriptor)) ? -1 : pread64(descriptor, data, n_bytes, offset);
}
int faulty_ftruncate(int descriptor, off_t length) {
  return fails("ftruncate", path_of(descriptor)) ? -1 : ftruncate(descriptor, length);
}
int faulty_fcntl(int descriptor, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  const bool locks = command == F_SETLK || command == F_GETLK;
  return locks && fails("fcntl", path_of(descriptor)) ? -1 : fcntl(descriptor, command, argument);
}

template <typename Function>
sqlite3_syscall_ptr as_syscall(Function* function) {
  return reinterpret_cast<sqlite3_syscall_ptr>(reinterpret_cast<void (*)()>(function));
}

/// Lets SQLite's calls of the system fail as `fault` says.
class FaultySystem : public ::testing::Test {
 protected:
  FaultySystem() {
    const std::pair<const char*, sqlite3_syscall_ptr> kCalls[] = {
        {"open", as_syscall(faulty_open)},           {"mmap", as_syscall(faulty_mmap)},
        {"pwrite", as_syscall(faulty_pwrite)},       {"pwrite64", as_syscall(faulty_pwrite)},
        {"pread", as_syscall(faulty_pread)},         {"pread64", as_syscall(faulty_pread)},
        {"ftruncate", as_syscall(faulty_ftruncate)}, {"fcntl", as_syscall(faulty_fcntl)}};
    sqlite3_vfs* system = sqlite3_vfs_find(nullptr);
    for (const auto& [name, call] : kCalls) system->xSetSystemCall(system, name, call);
  }
  ~FaultySystem() override {
    fault = {};
    sqlite3_vfs* system = sqlite3_vfs_find(nullptr);
    system->xSetSystemCall(system, nullptr, nullptr);  // All as they were.
  }

  /// A folder, with a record of one call if `has_record`.
  std::filesystem::path make_folder(bool has_record) {
    const std::filesystem::path made = folder_ / std::to_string(n_folders_++);
    std::filesystem::create_directory(made);
    if (has_record) Store::open(made).begin({.command = "first"});
    return made;
  }

  const TemporaryFolder folder_;
  int n_folders_ = 0;
};

std::string journal_of(const std::filesystem::path& folder) {
  sqlite3* made = nullptr;
  sqlite3_open_v2((folder / kStoreName).c_str(), &made, SQLITE_OPEN_READONLY, nullptr);
  const Database database(made);
  Statement statement(made, "PRAGMA journal_mode");
  statement.step();
  return statement.text(0);
}

std::vector<std::string> commands_in(const std::filesystem::path& folder) {
  std::vector<std::string> commands;
  for (const Invocation& call : Store::open_existing(folder).invocations()) commands.push_back(call.command);
  return commands;
}

using Lines = std::vector<std::string>;

TEST_F(FaultySystem, WithoutSharedMemoryARecordHasARollbackJournal) {
  const Fault kFaults[] = {{"mmap", "-shm", ENODEV},      {"mmap", "-shm", EINVAL},      {"open", "-shm", ENOSYS},
                           {"open", "-shm", EACCES},      {"pwrite", "-shm", EIO},       {"pwrite", "-shm", EINVAL},
                           {"ftruncate", "-shm", EINVAL}, {"fcntl", "-shm", EOPNOTSUPP}, {"fcntl", "-shm", ENOSYS}};
  for (const bool has_record : {false, true}) {
    for (const Fault& kind : kFaults) {
      const std::string what = fmt::format("{} {} {}, record {}", kind.call, kind.end, kind.error, has_record);
      const std::filesystem::path run = make_folder(has_record);
      fault = kind;
      std::vector<Message> told;
      {
        Store store = Store::open(run, [&](const Message& message) { told.push_back(message); });
        store.begin({.command = "here"});
        EXPECT_EQ(commands_in(run).back(), "here") << what << ": read while the run goes on";
      }
      ASSERT_EQ(told.size(), 1u) << what;
      EXPECT_EQ(told[0].kind, Message::Kind::kWarning);
      EXPECT_THAT(told[0].text, AllOf(HasSubstr((run / "run.sqlite").string()), HasSubstr(file_system_of(run)),
                                      HasSubstr("has no shared memory"), HasSubstr("rollback journal")));
      {
        Store::open(run, [&](const Message& message) { told.push_back(message); }).begin({.command = "again"});
      }
      EXPECT_EQ(told.size(), 1u) << what << ": told once";
      fault = {};
      { Store::open(run).begin({.command = "with memory"}); }
      EXPECT_EQ(journal_of(run), "delete") << what << ": kept";
      EXPECT_EQ(commands_in(run), has_record ? (Lines{"first", "here", "again", "with memory"})
                                             : (Lines{"here", "again", "with memory"}));
      Store::open(run).verify();
    }
  }
}

TEST_F(FaultySystem, AFolderInThePlaceOfTheSharedMemoryIsNoSharedMemory) {
  for (const bool has_record : {false, true}) {
    const std::filesystem::path run = make_folder(has_record);
    std::filesystem::create_directory(run / "run.sqlite-shm");
    std::vector<Message> told;
    Store::open(run, [&](const Message& message) { told.push_back(message); }).begin({.command = "here"});
    EXPECT_EQ(told.size(), 1u);
    EXPECT_EQ(commands_in(run).back(), "here");
    EXPECT_EQ(journal_of(run), "delete");
  }
}

TEST_F(FaultySystem, WithSharedMemoryARecordHasALog) {
  const std::filesystem::path run = make_folder(false);
  std::vector<Message> told;
  Store::open(run, [&](const Message& message) { told.push_back(message); });
  EXPECT_THAT(told, IsEmpty());
  EXPECT_EQ(journal_of(run), "wal");
}

TEST_F(FaultySystem, EachFailureIsNamedForWhatItIs) {
  struct Case {
    Fault fault;
    const char* cause;
    bool only_new = false;  ///< An old record is not written at the same place.
  };
  const Case kCases[] = {
      {{"pwrite", "run.sqlite", ENOSPC}, "the disk is full"},
      {{"pwrite", "-wal", ENOSPC}, "the disk is full"},
      {{"pwrite", "-shm", ENOSPC}, "the disk is full"},
      {{"pwrite", "run.sqlite", EDQUOT}, "the quota on "},
      {{"pwrite", "-wal", EDQUOT}, "the quota on "},
      {{"pwrite", "-wal", EFBIG}, "larger than this process may write"},
      {{"pwrite", "-wal", EIO}, "failed to read or write"},
      {{"pread", "run.sqlite", EIO}, "failed to read or write"},
      {{"pread", "run.sqlite", ESTALE}, "failed to read or write"},
      {{"open to write", "run.sqlite", EROFS}, "cannot be opened", true},
      {{"open", "run.sqlite", EACCES}, "this user may not write or open it"},
      {{"open", "run.sqlite", EMFILE}, "too many files are open"},
      {{"open", "-wal", EACCES}, "read-only for this user"},
      {{"fcntl", "run.sqlite", ENOSYS}, "does not lock files"},
      {{"fcntl", "run.sqlite", EOPNOTSUPP}, "does not lock files"},
  };
  for (const bool has_record : {false, true}) {
    for (const Case& kind : kCases) {
      if (has_record && kind.only_new) continue;
      const std::filesystem::path run = make_folder(has_record);
      fault = kind.fault;
      const std::string what = fmt::format("{} {} {}, record {}: ", fault.call, fault.end, fault.error, has_record);
      try {
        Store store = Store::open(run);
        store.begin({.command = "here"});
        store.export_tables();
        // The log is written into the database when it is closed, if there is something in the log.
        execute(open_database_to_write(run / kStoreName, {}).get(), "PRAGMA wal_checkpoint(TRUNCATE)");
        ADD_FAILURE() << what << "no error";
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kFailed) << what;
        EXPECT_THAT(error.what(), AllOf(HasSubstr((run / "run.sqlite").string()), HasSubstr(kind.cause))) << what;
        const bool is_full = fault.error == ENOSPC;
        EXPECT_EQ(std::string(error.what()).find("disk is full") != std::string::npos, is_full) << what;
      }
      fault = {};
      Store::open(run).begin({.command = "later"});
      EXPECT_EQ(commands_in(run).back(), "later") << what;
    }
  }
}

TEST_F(FaultySystem, AReadOnlyRecordIsNotWritten) {
  const std::filesystem::path run = make_folder(true);
  fault = {"open to write", "run.sqlite", EACCES};
  EXPECT_FAILED_ERROR(Store::open(run), "read-only for this user");
  EXPECT_EQ(commands_in(run), Lines{"first"});
}

TEST(OpenDatabase, NamesWhatIsWrongWithTheFolder) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "run.sqlite";
  std::filesystem::create_directory(path);
  EXPECT_FAILED_ERROR(open_database_to_write(path, {}), "is a folder, where SQLite needs a file");
  EXPECT_FAILED_ERROR(open_database_to_write(folder / "nowhere/run.sqlite", {}), "there is no folder");
  std::filesystem::create_directory(folder / "journal.sqlite-journal");
  std::filesystem::create_directory(folder / "journal.sqlite-shm");
  EXPECT_FAILED_ERROR(open_database_to_write(folder / "journal.sqlite", {}), "is a folder, where SQLite needs a file");
}

TEST(OpenDatabase, SaysThatAnotherProcessHoldsTheLock) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "run.sqlite";
  const Database holder = open_database_to_write(path, {});
  const Database other = open_database_to_write(path, {});
  const Transaction transaction(holder.get());
  sqlite3_busy_timeout(other.get(), 1);
  EXPECT_FAILED_ERROR(execute(other.get(), "CREATE TABLE a (b)"), "another process holds its lock");
}

TEST(OpenDatabase, LeavesAnotherProgramsDatabaseAloneWithoutSharedMemory) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "run.sqlite";
  sqlite3* made = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &made), SQLITE_OK);
  execute(made, "PRAGMA journal_mode = WAL; CREATE TABLE a (b);");
  sqlite3_close(made);
  const std::string before = testing::read_bytes(path);
  std::filesystem::create_directory(path.string() + "-shm");
  EXPECT_INPUT_ERROR(open_database_to_write(path, {}), "is not a store of cprobe");
  EXPECT_EQ(testing::read_bytes(path), before);
}

/// Runs `work` in a process of its own, which is killed when `work` ends.
void in_killed_process(const std::function<void()>& work) {
  const pid_t process = fork();
  if (process == 0) {
    work();
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  waitpid(process, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
}

/// All files of a folder with their bytes, but for SQLite's shared memory.
std::map<std::string, std::string> bytes_in(const std::filesystem::path& folder) {
  std::map<std::string, std::string> bytes;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_regular_file() && !name.ends_with("-shm")) bytes[name] = testing::read_bytes(entry.path());
  }
  return bytes;
}

TEST_F(FaultySystem, ALogThatAKilledProcessLeftElsewhereIsReadAndTakenOver) {
  const std::filesystem::path run = make_folder(true);
  in_killed_process([&] {
    Store store = Store::open(run);
    store.begin({.command = "killed"});
    kill(getpid(), SIGKILL);
  });
  ASSERT_TRUE(std::filesystem::exists(run / "run.sqlite-wal"));
  std::filesystem::remove(run / "run.sqlite-shm");
  fault = {"mmap", "-shm", ENODEV};
  const auto before = bytes_in(run);
  EXPECT_EQ(commands_in(run), (Lines{"first", "killed"}));
  EXPECT_EQ(bytes_in(run), before) << "reading changes nothing";
  Store::open(run).begin({.command = "here"});
  EXPECT_EQ(commands_in(run), (Lines{"first", "killed", "here"}));
  EXPECT_FALSE(std::filesystem::exists(run / "run.sqlite-wal"));
}

TEST_F(FaultySystem, AKillWithinATransactionLeavesTheRecordBefore) {
  const std::filesystem::path run = make_folder(false);
  fault = {"mmap", "-shm", ENODEV};
  Store::open(run).begin({.command = "first"});
  in_killed_process([&] {
    const Database database = open_database_to_write(run / kStoreName, {});
    execute(database.get(), "PRAGMA cache_spill = 1; PRAGMA cache_size = 1; BEGIN IMMEDIATE;");
    for (int i = 0; i < 2000; ++i) {
      execute(database.get(), "INSERT INTO plans (method, rank) VALUES (?, 1)", fmt::format("a long name {}", i));
    }
    execute(database.get(), "UPDATE invocations SET command = 'half'");
    kill(getpid(), SIGKILL);
  });
  ASSERT_TRUE(std::filesystem::exists(run / "run.sqlite-journal"));
  const auto before = bytes_in(run);
  EXPECT_EQ(commands_in(run), Lines{"first"});
  EXPECT_TRUE(Store::open_existing(run).rules().empty());
  EXPECT_EQ(bytes_in(run), before) << "reading changes nothing";
  Store::open(run).verify();
  EXPECT_EQ(commands_in(run), Lines{"first"});
  EXPECT_FALSE(std::filesystem::exists(run / "run.sqlite-journal"));
}

TEST_F(FaultySystem, ARecordIsRepairedWithoutSharedMemory) {
  const std::filesystem::path run = make_folder(true);
  Store::open(run).plan({{"a", "circuit probing", "the cell"}}, "data");
  fault = {"mmap", "-shm", ENODEV};
  Store::repair(run);
  Store::open(run).verify();
  EXPECT_EQ(Store::open_existing(run).cells().size(), 1u);
  EXPECT_EQ(journal_of(run), "delete");
  fault = {};
  // A record without a plan.
  const std::filesystem::path other = make_folder(true);
  Store::repair(other);
  EXPECT_EQ(journal_of(other), "wal");
}

TEST(FileSystem, IsNamedWithItsPlace) {
  EXPECT_EQ(file_system_of("/proc/1"), "the proc file system at /proc");
  EXPECT_THAT(file_system_of(TemporaryFolder().path() / "not/there"), HasSubstr(" file system at /"));
}

}  // namespace
}  // namespace cprobe
