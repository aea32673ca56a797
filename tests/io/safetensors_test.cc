#include "cprobe/io/safetensors.h"

#include <limits>

#include "tests/support.h"

namespace cprobe {
namespace {

using testing::read_bytes;
using testing::TemporaryFolder;
using testing::write_bytes;

/// A safetensors file of a header and data, unchecked. @param n_header  length to state; 0: the
/// true one.
std::string file_bytes(const std::string& header, const std::string& data = "", uint64_t n_header = 0) {
  if (n_header == 0) n_header = header.size();
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(n_header >> (8 * i) & 0xFF);
  return bytes + header + data;
}

class SafetensorsFormat : public ::testing::Test {
 protected:
  SafetensorsFile open(const std::string& bytes) {
    return SafetensorsFile::open(write_bytes(folder_ / "t.safetensors", bytes));
  }
  /// Opens a file with one tensor "w" whose header entry is `entry`, and `n_data` bytes of data.
  SafetensorsFile open_entry(const std::string& entry, size_t n_data) {
    return open(file_bytes("{\"w\":" + entry + "}", std::string(n_data, '\1')));
  }

  TemporaryFolder folder_;
};

TEST_F(SafetensorsFormat, GivesBackEveryDtypeAndShapeThatWasWritten) {
  const std::map<std::string, at::Tensor> tensors = {
      {"bf16", at::arange(6, at::kFloat).to(at::kBFloat16).reshape({2, 3})},
      {"bool", at::arange(5).remainder(2).to(at::kBool)},
      {"empty", at::empty({0, 4})},
      {"f16", at::arange(3, at::kFloat).to(at::kHalf)},
      {"f32", at::arange(24, at::kFloat).reshape({2, 3, 4}).transpose(0, 2)},
      {"f64", at::arange(2, at::kDouble)},
      {"i32", at::arange(-2, 2, at::kInt)},
      {"i64", at::full({}, std::numeric_limits<int64_t>::min(), at::kLong)},
      {"u8", at::arange(7, at::kByte)},
  };
  write_safetensors(folder_ / "all.safetensors", tensors, {{"method", "fit"}, {"note", "\xC3\xA9 \"quoted\"\n"}});

  const auto file = SafetensorsFile::open(folder_ / "all.safetensors");
  EXPECT_EQ(file.metadata().at("note"), "\xC3\xA9 \"quoted\"\n");
  EXPECT_EQ(file.tensors().size(), tensors.size());
  for (const auto& [name, expected] : tensors) {
    const at::Tensor read = file.tensor(name);
    EXPECT_EQ(read.scalar_type(), expected.scalar_type()) << name;
    EXPECT_EQ(read.sizes(), expected.sizes()) << name;
    EXPECT_TRUE(at::equal(read, expected)) << name << "\n" << read << "\n" << expected;
  }
}

TEST_F(SafetensorsFormat, HoldsNoTensorsAtAllToo) {
  write_safetensors(folder_ / "none.safetensors", {});
  EXPECT_TRUE(SafetensorsFile::open(folder_ / "none.safetensors").tensors().empty());
}

TEST_F(SafetensorsFormat, TensorsOutliveTheFileObjectAndTheFile) {
  write_safetensors(folder_ / "t.safetensors", {{"w", at::arange(1000, at::kFloat)}});
  at::Tensor tail;
  {
    const auto file = SafetensorsFile::open(folder_ / "t.safetensors");
    tail = file.tensor("w").slice(0, 990);
  }
  write_safetensors(folder_ / "t.safetensors", {{"w", at::zeros({3})}});
  EXPECT_TRUE(at::equal(tail, at::arange(990, 1000, at::kFloat)));
}

TEST_F(SafetensorsFormat, AlignedTensorsAreViewsOfOneMapping) {
  write_safetensors(folder_ / "t.safetensors", {{"w", at::arange(4, at::kFloat)}});
  const auto file = SafetensorsFile::open(folder_ / "t.safetensors");
  EXPECT_EQ(file.tensor("w").data_ptr(), file.tensor("w").data_ptr());
}

TEST_F(SafetensorsFormat, MisalignedTensorsAreCopied) {
  const auto tensors =
      std::map<std::string, at::Tensor>{{"a", at::ones({1}, at::kByte)}, {"b", at::arange(4, at::kFloat)}};
  write_safetensors(folder_ / "t.safetensors", tensors);
  const at::Tensor b = SafetensorsFile::open(folder_ / "t.safetensors").tensor("b");
  EXPECT_EQ(reinterpret_cast<uintptr_t>(b.data_ptr()) % sizeof(float), 0U);
  EXPECT_TRUE(at::equal(b, tensors.at("b")));
}

TEST_F(SafetensorsFormat, TheSameTensorsGiveTheSameAlignedBytes) {
  write_safetensors(folder_ / "a", {{"b", at::ones({2}, at::kByte)}, {"a", at::full({1}, 2, at::kByte)}}, {{"k", "v"}});
  write_safetensors(folder_ / "b", {{"a", at::full({1}, 2, at::kByte)}, {"b", at::ones({2}, at::kByte)}}, {{"k", "v"}});
  const std::string bytes = read_bytes(folder_ / "a");
  EXPECT_EQ(bytes, read_bytes(folder_ / "b"));
  std::string header = R"({"__metadata__":{"k":"v"},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                       R"("b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})";
  header.append((8 - header.size() % 8) % 8, ' ');
  EXPECT_EQ(bytes, file_bytes(header, "\2\1\1"));
}

TEST_F(SafetensorsFormat, NamesTheNearestTensor) {
  write_safetensors(folder_ / "t", {{"h.0.attn.c_attn.weight", at::ones(1)}, {"wte.weight", at::ones(1)}});
  const auto file = SafetensorsFile::open(folder_ / "t");
  EXPECT_INPUT_ERROR(file.tensor("h.0.attn.c_atn.weight"), "nearest name is 'h.0.attn.c_attn.weight'");
}

TEST_F(SafetensorsFormat, RefusesToWriteWhatItCannotHold) {
  const auto path = write_bytes(folder_ / "kept", "old");
  EXPECT_INPUT_ERROR(write_safetensors(path, {{"w", at::ones({1}, at::kShort)}}), "dtype Short");
  EXPECT_INPUT_ERROR(write_safetensors(path, {{"w", at::Tensor()}}), "not a dense tensor");
  EXPECT_INPUT_ERROR(write_safetensors(path, {{"w", at::eye(2).to_sparse()}}), "not a dense tensor");
  EXPECT_INPUT_ERROR(write_safetensors(path, {{"__metadata__", at::ones(1)}}), "cannot be the name");
  EXPECT_INPUT_ERROR(write_safetensors(path, {{"\xFF", at::ones(1)}}), "cannot be the name");
  EXPECT_INPUT_ERROR(write_safetensors(path, {}, {{"k", "\xFF"}}), "not UTF-8");
  EXPECT_EQ(read_bytes(path), "old");
}

TEST_F(SafetensorsFormat, SaysWhyAFileCannotBeOpened) {
  EXPECT_INPUT_ERROR(SafetensorsFile::open(folder_ / "absent"), "No such file");
  EXPECT_INPUT_ERROR(SafetensorsFile::open(folder_.path()), "not a regular file");
  EXPECT_INPUT_ERROR(SafetensorsFile::open("/dev/null"), "not a regular file");
}

TEST_F(SafetensorsFormat, RefusesALyingHeaderLength) {
  EXPECT_INPUT_ERROR(open(""), "too few");
  EXPECT_INPUT_ERROR(open("\1\0\0"), "too few");
  EXPECT_INPUT_ERROR(open(file_bytes("{}", "", 3)), "cut short");
  EXPECT_INPUT_ERROR(open(file_bytes("{}", "", 100'000'001)), "limit of 100000000");
  EXPECT_INPUT_ERROR(open(file_bytes("{}", "", ~uint64_t{0})), "limit of 100000000");
  EXPECT_INPUT_ERROR(open(std::string(8, '\0')), "not a JSON object");
}

TEST_F(SafetensorsFormat, RecognisesCommonImpostors) {
  EXPECT_INPUT_ERROR(open("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"), "git lfs pull");
  EXPECT_INPUT_ERROR(open("<!doctype html><html></html>"), "web page");
  EXPECT_INPUT_ERROR(open("PK\3\4 archive/data.pkl"), "PyTorch");
}

TEST_F(SafetensorsFormat, RefusesAHeaderThatIsNotAJsonObject) {
  EXPECT_INPUT_ERROR(open(file_bytes("[]")), "not a JSON object");
  EXPECT_INPUT_ERROR(open(file_bytes("{\"w\":")), "not JSON");
  EXPECT_INPUT_ERROR(open(file_bytes("{} {}")), "not JSON");
  EXPECT_INPUT_ERROR(open(file_bytes("{\"\xFF\":1}")), "not UTF-8");
  EXPECT_INPUT_ERROR(open(file_bytes(R"({"w":3})")), "w: expected a map");
  EXPECT_INPUT_ERROR(open(file_bytes(R"({"__metadata__":{"k":1}})")), "metadata must be text");
  EXPECT_INPUT_ERROR(open(file_bytes(R"({"__metadata__":[]})")), "expected a map");
}

TEST_F(SafetensorsFormat, RefusesATensorTwice) {
  const std::string entry = R"("w":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  EXPECT_INPUT_ERROR(open(file_bytes("{" + entry + "," + entry + "}")), "the key 'w' stands twice");
}

TEST_F(SafetensorsFormat, RefusesBadEntries) {
  EXPECT_INPUT_ERROR(open_entry(R"({"shape":[1],"data_offsets":[0,1]})", 1), "'dtype' is missing");
  EXPECT_INPUT_ERROR(open_entry(R"({"dtype":"U8","data_offsets":[0,1]})", 1), "'shape' is missing");
  EXPECT_INPUT_ERROR(open_entry(R"({"dtype":"U8","shape":[1]})", 1), "'data_offsets' is missing");
  EXPECT_INPUT_ERROR(open_entry(R"({"dtype":"U8","shape":[1],"data_offset":[0,1]})", 1), "did you mean 'data_offsets'");
  EXPECT_INPUT_ERROR(open_entry(R"({"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]})", 1), "dtype 'F8_E4M3'");
  EXPECT_INPUT_ERROR(open_entry(R"({"dtype":"U8","shape":1,"data_offsets":[0,1]})", 1), "w.shape: expected a list");
  EXPECT_INPUT_ERROR(open_entry(R"({"dtype":"U8","shape":[1],"data_offsets":[0]})", 1), "two offsets");
  EXPECT_INPUT_ERROR(open_entry(R"({"dtype":"U8","shape":["1"],"data_offsets":[0,1]})", 1), "w.shape[0]");
}

TEST_F(SafetensorsFormat, RefusesBadShapes) {
  EXPECT_INPUT_ERROR(open_entry(R"({"dtype":"U8","shape":[-1],"data_offsets":[0,1]})", 1), "not negative");
  EXPECT_INPUT_ERROR(open_entry(R"({"dtype":"U8","shape":[1.5],"data_offsets":[0,1]})", 1), "whole number");
  EXPECT_INPUT_ERROR(open_entry(R"({"dtype":"F32","shape":[9223372036854775807],"data_offsets":[0,4]})", 4),
                     "overflows");
  EXPECT_INPUT_ERROR(open_entry(R"({"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]})", 0),
                     "overflows");
  EXPECT_INPUT_ERROR(open_entry(R"({"dtype":"U8","shape":[0,4294967296,4294967296],"data_offsets":[0,0]})", 0),
                     "overflows");
  EXPECT_INPUT_ERROR(open_entry(R"({"dtype":"U8","shape":[99999999999999999999],"data_offsets":[0,0]})", 0),
                     "whole number");
  std::string ones = "1";
  for (int i = 0; i < 64; ++i) ones += ",1";
  EXPECT_INPUT_ERROR(open_entry(R"({"dtype":"U8","shape":[)" + ones + R"(],"data_offsets":[0,1]})", 1),
                     "64 dimensions");
}

TEST_F(SafetensorsFormat, RefusesBadOffsets) {
  EXPECT_INPUT_ERROR(open_entry(R"({"dtype":"U8","shape":[4],"data_offsets":[0,4]})", 3), "file holds 3 bytes of data");
  EXPECT_INPUT_ERROR(open_entry(R"({"dtype":"U8","shape":[4],"data_offsets":[4,0]})", 4),
                     "ends (0) before it begins (4)");
  EXPECT_INPUT_ERROR(open_entry(R"({"dtype":"U8","shape":[4],"data_offsets":[-4,0]})", 4), "not negative");
  EXPECT_INPUT_ERROR(open_entry(R"({"dtype":"F32","shape":[4],"data_offsets":[0,4]})", 4), "need 16 bytes");
  EXPECT_INPUT_ERROR(open_entry(R"({"dtype":"U8","shape":[4],"data_offsets":[0,4]})", 5), "1 bytes at the end");
  EXPECT_INPUT_ERROR(open_entry(R"({"dtype":"U8","shape":[4],"data_offsets":[1,5]})", 5),
                     "1 bytes of data before tensor 'w'");
}

TEST_F(SafetensorsFormat, RefusesOverlapsAndHolesBetweenTensors) {
  const auto two = [](const char* first, const char* second) {
    return file_bytes(std::string(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":)") + first +
                          R"(},"b":{"dtype":"U8","shape":[2],"data_offsets":)" + second + "}}",
                      "\1\2\3\4\5");
  };
  EXPECT_INPUT_ERROR(open(two("[0,2]", "[0,2]")), "overlap");
  EXPECT_INPUT_ERROR(open(two("[1,3]", "[0,2]")), "overlap");
  EXPECT_INPUT_ERROR(open(two("[0,2]", "[3,5]")), "before tensor 'b'");
}

TEST_F(SafetensorsFormat, RefusesABoolThatIsNeitherTrueNorFalse) {
  const auto file = open(file_bytes(R"({"w":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}})", "\1\2"));
  EXPECT_INPUT_ERROR(file.tensor("w"), "tensor 'w': a BOOL holds a byte");
}

}  // namespace
}  // namespace cprobe
