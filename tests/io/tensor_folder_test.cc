#include "cprobe/io/safetensors.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using testing::TemporaryFolder;
using testing::write_bytes;

/// A folder of two shards, with "a" in the first and "b" in the second, and an index to write.
class ShardedFolder : public ::testing::Test {
 protected:
  ShardedFolder() {
    write_safetensors(folder_ / "model-1.safetensors", {{"a", at::ones({1})}});
    write_safetensors(folder_ / "model-2.safetensors", {{"b", at::ones({2})}});
  }
  TensorFolder open(const std::string& weight_map) {
    write_bytes(folder_ / "model.safetensors.index.json",
                R"({"metadata":{"total_size":12},"weight_map":)" + weight_map + "}");
    return TensorFolder::open(folder_.path());
  }

  TemporaryFolder folder_;
};

TEST_F(ShardedFolder, FindsEachTensorInItsShard) {
  const auto tensors = open(R"({"b":"model-2.safetensors","a":"model-1.safetensors"})");
  EXPECT_EQ(tensors.names(), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(tensors.contains("b"));
  EXPECT_FALSE(tensors.contains("c"));
  EXPECT_EQ(tensors.info("b").shape, std::vector<int64_t>{2});
  EXPECT_EQ(tensors.tensor("b").size(0), 2);
  EXPECT_EQ(tensors.where("b"), (folder_ / "model-2.safetensors").string() + ": tensor 'b'");
  EXPECT_INPUT_ERROR(tensors.tensor("c"), "no tensor 'c'");
}

TEST_F(ShardedFolder, PrefersTheSingleFile) {
  write_safetensors(folder_ / "model.safetensors", {{"c", at::ones({3})}});
  const auto tensors = open(R"({"a":"model-1.safetensors"})");
  EXPECT_EQ(tensors.names(), std::vector<std::string>{"c"});
}

TEST_F(ShardedFolder, RefusesShardsOutsideTheFolder) {
  const std::string outside = (folder_ / "model-1.safetensors").string();
  EXPECT_INPUT_ERROR(open(R"({"a":"../x.safetensors"})"), "not the plain name");
  EXPECT_INPUT_ERROR(open(R"({"a":")" + outside + R"("})"), "not the plain name");
  EXPECT_INPUT_ERROR(open(R"({"a":".."})"), "not the plain name");
  EXPECT_INPUT_ERROR(open(R"({"a":""})"), "not the plain name");
  EXPECT_INPUT_ERROR(open(R"({"a":"sub/x.safetensors"})"), "not the plain name");
}

TEST_F(ShardedFolder, RefusesAnIndexThatDoesNotFitTheShards) {
  EXPECT_INPUT_ERROR(open(R"({"a":"model-3.safetensors"})"), "'model-3.safetensors' is missing");
  EXPECT_INPUT_ERROR(open(R"({"b":"model-1.safetensors"})"), "does not hold tensor 'b'");
  EXPECT_INPUT_ERROR(open(R"({"a":1)"), "index.json:1:");
  EXPECT_INPUT_ERROR(open("[]"), "weight_map: expected a map");
}

TEST_F(ShardedFolder, NamesTheDamagedShard) {
  write_bytes(folder_ / "model-2.safetensors", "");
  EXPECT_INPUT_ERROR(open(R"({"a":"model-1.safetensors","b":"model-2.safetensors"})"), "model-2.safetensors: 0 bytes");
}

TEST(TensorFolder, SaysWhatAFolderWithoutSafetensorsHolds) {
  TemporaryFolder folder;
  EXPECT_INPUT_ERROR(TensorFolder::open(folder.path()), "neither model.safetensors nor");
  write_bytes(folder / "pytorch_model.bin", "PK");
  EXPECT_INPUT_ERROR(TensorFolder::open(folder.path()), "safe_serialization=True");
  EXPECT_INPUT_ERROR(TensorFolder::open(folder / "absent"), "no such model folder");
}

}  // namespace
}  // namespace cprobe
