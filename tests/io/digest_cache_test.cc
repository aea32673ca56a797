#include "cprobe/io/digest_cache.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "cprobe/core/hash.h"
#include "tests/support.h"

namespace cprobe {
namespace {

namespace fs = std::filesystem;
using testing::read_bytes;
using testing::TemporaryFolder;
using testing::write_bytes;

const Digests kDigests = {{"a", 0x0123456789ABCDEF}, {"b/c \"d\"", 7}};

/// A file of two tensors, and a cache that keeps digests of files of any size and age.
class DigestCacheTest : public ::testing::Test {
 protected:
  DigestCacheTest() { write({1, 2}); }

  void write(const std::vector<float>& numbers) {
    write_safetensors(path_, {{"a", at::tensor(numbers)}, {"b/c \"d\"", at::ones({3})}});
  }
  SafetensorsFile open() const { return SafetensorsFile::open(path_); }
  void keep() const { keep_digests(cache_, open(), kDigests); }
  Digests kept() const { return kept_digests(cache_, open()); }
  /// The only file of the cache; empty if there is none.
  fs::path cached_file() const {
    for (const auto& entry : fs::directory_iterator(cache_.folder)) return entry.path();
    return {};
  }

  const TemporaryFolder folder_;
  const fs::path path_ = folder_ / "model.safetensors";
  const DigestCache cache_{.folder = folder_ / "cache/of/digests", .least_bytes = 0, .least_age = 0};
};

TEST_F(DigestCacheTest, RemembersDigests) {
  EXPECT_EQ(kept(), Digests());
  keep();
  EXPECT_EQ(kept(), kDigests);
  fs::create_symlink(path_, folder_ / "link");
  EXPECT_EQ(kept_digests(cache_, SafetensorsFile::open(folder_ / "link")), kDigests);
}

TEST_F(DigestCacheTest, ForgetsAFileThatChangesThoughItsSizeAndTimeStay) {
  keep();
  struct stat before = {};
  ASSERT_EQ(stat(path_.c_str(), &before), 0);
  std::string bytes = read_bytes(path_);
  bytes[bytes.size() - 1] ^= 1;
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // more than a tick of the file system's clock
  write_bytes(path_, bytes);
  const timespec times[2] = {before.st_atim, before.st_mtim};
  ASSERT_EQ(utimensat(AT_FDCWD, path_.c_str(), times, 0), 0);
  EXPECT_EQ(open().identity().n_bytes, before.st_size);
  EXPECT_EQ(open().identity().inode, before.st_ino);
  EXPECT_EQ(kept(), Digests());
  keep();
  EXPECT_EQ(kept(), kDigests);
}

TEST_F(DigestCacheTest, ForgetsAFileInWhosePlaceAnotherIs) {
  keep();
  write({1, 2});
  EXPECT_EQ(kept(), Digests());
}

TEST_F(DigestCacheTest, KeepsNothingOfAFileThatChangedSinceItWasOpened) {
  const SafetensorsFile opened = open();
  write({3, 4});
  keep_digests(cache_, opened, kDigests);
  EXPECT_FALSE(fs::exists(cache_.folder));
}

TEST_F(DigestCacheTest, KeepsNothingOfYoungOrSmallFiles) {
  const int64_t hour = 3'600'000'000'000;
  keep_digests({.folder = cache_.folder, .least_bytes = 0, .least_age = hour}, open(), kDigests);
  keep_digests({.folder = cache_.folder, .least_bytes = 1000, .least_age = 0}, open(), kDigests);
  EXPECT_FALSE(fs::exists(cache_.folder));
}

TEST_F(DigestCacheTest, IgnoresAndReplacesDamagedFiles) {
  keep();
  const fs::path file = cached_file();
  const std::string good = read_bytes(file);
  std::vector<std::string> bad = {
      "", "\n", "{}", good.substr(0, good.size() / 2), good + "x", "0123456789abcdef\n{}\n"};
  for (size_t i = 0; i < good.size(); ++i) {
    bad.push_back(good);
    bad.back()[i] = good[i] == '1' ? '2' : '1';
  }
  // Another program's, with the right checksum.
  const size_t text_begin = good.find('\n') + 1;
  const std::string text = good.substr(text_begin, good.size() - text_begin - 1);
  std::string no_digest = text;
  no_digest.replace(no_digest.rfind("\"}}") - 2, 2, "zz");
  for (const std::string& other : {std::string("[]"), std::string("{\"format\":1}"), std::string("{\"format\":\"x\"}"),
                                   std::string("{\"format\":1,\"file\":3,\"digests\":4}"), no_digest}) {
    bad.push_back(fmt::format("{}\n{}\n", to_hex(hash(other)), other));
  }
  for (const std::string& content : bad) {
    write_bytes(file, content);
    ASSERT_EQ(kept(), Digests()) << content;
  }
  keep();
  EXPECT_EQ(kept(), kDigests);
}

TEST_F(DigestCacheTest, IgnoresAFolderThatCannotBeWritten) {
  const DigestCache cache{.folder = path_ / "below_a_file", .least_bytes = 0, .least_age = 0};
  keep_digests(cache, open(), kDigests);
  EXPECT_EQ(kept_digests(cache, open()), Digests());
  const DigestCache none{.folder = {}, .least_bytes = 0, .least_age = 0};
  keep_digests(none, open(), kDigests);
  EXPECT_EQ(kept_digests(none, open()), Digests());
}

TEST(UserDigestCache, IsWhereTheEnvironmentSays) {
  const auto folder = [](const char* caches, const char* home) {
    caches != nullptr ? setenv("XDG_CACHE_HOME", caches, 1) : unsetenv("XDG_CACHE_HOME");
    home != nullptr ? setenv("HOME", home, 1) : unsetenv("HOME");
    return user_digest_cache().folder;
  };
  const auto value_of = [](const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
  };
  const std::optional<std::string> caches = value_of("XDG_CACHE_HOME"), home = value_of("HOME");
  EXPECT_EQ(folder("/caches", "/home/me"), "/caches/cprobe");
  EXPECT_EQ(folder(nullptr, "/home/me"), "/home/me/.cache/cprobe");
  EXPECT_EQ(folder("", "/home/me"), "/home/me/.cache/cprobe");
  EXPECT_EQ(folder("relative", "/home/me"), "/home/me/.cache/cprobe");
  EXPECT_EQ(folder(nullptr, nullptr), "");
  folder(caches ? caches->c_str() : nullptr, home ? home->c_str() : nullptr);
}

}  // namespace
}  // namespace cprobe
