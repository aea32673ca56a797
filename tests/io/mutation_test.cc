/// Damaged files of every format: a reader must succeed or throw cprobe::Error, nothing else, and come to an end.
#include <functional>
#include <random>

#include "cprobe/io/csv.h"
#include "cprobe/io/document.h"
#include "cprobe/io/safetensors.h"
#include "tests/support.h"

namespace cprobe {
namespace {

constexpr int kMutations = 10'000;

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
    // Bytes that mean something to some format do more harm than random ones.
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
      case 4:  // A piece of the text once more, elsewhere.
        bytes.insert(place(bytes), bytes.substr(place(bytes), below(40)));
        break;
      default:
        bytes.erase(place(bytes), 1 + below(8));
    }
  }

  std::mt19937 engine_;
};

/// Reads every mutation of `valid`; each must give a value or an Error of kind kInput with a message.
void expect_reads_or_refuses(const std::string& valid, const std::function<void(const std::string&)>& read) {
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
  // Otherwise the mutations would test one early check only.
  EXPECT_GT(n_read, kMutations / 1000);
  EXPECT_LT(n_read, kMutations);
}

/// Calls everything that looks at a value.
void visit(const Document& value) {
  value.where();
  for (const auto convert : {+[](const Document& d) { d.as_integer(); }, +[](const Document& d) { d.as_number(); },
                             +[](const Document& d) { d.as_bool(); }, +[](const Document& d) { d.as_text(); }}) {
    try {
      convert(value);
    } catch (const Error&) {
    }
  }
  if (value.is_list()) {
    for (const Document& item : value.items()) visit(item);
  }
  if (value.is_map()) {
    for (const auto& [key, item] : value.entries()) visit(item);
  }
}

TEST(Mutation, SafetensorsAreReadOrRefused) {
  testing::TemporaryFolder folder;
  write_safetensors(
      folder / "valid",
      {{"a", at::arange(4, at::kFloat)}, {"b", at::ones({3}, at::kBool)}, {"c", at::zeros({0, 2}, at::kLong)}},
      {{"method", "fit"}});
  const auto damaged = folder / "damaged";
  expect_reads_or_refuses(testing::read_bytes(folder / "valid"), [&](const std::string& bytes) {
    testing::write_bytes(damaged, bytes);
    const auto file = SafetensorsFile::open(damaged);
    for (const auto& [name, info] : file.tensors()) file.tensor(name).sum();
  });
}

TEST(Mutation, CsvIsReadOrRefused) {
  const std::string valid =
      ",data,labels,note\r\n0,76 88 113,51,\"a, \"\"b\"\"\nc\"\r\n1,1 2 113,-3,\xC3\xA9\r\n2,5 6 113,12,\"\"\r\n";
  expect_reads_or_refuses(valid, [](const std::string& bytes) {
    const auto table = CsvTable::parse(bytes, "data.csv");
    for (const std::string& column : table.columns()) {
      table.text(column);
      try {
        table.integer_lists(column);
      } catch (const Error&) {
      }
    }
  });
}

TEST(Mutation, YamlIsReadOrRefused) {
  const std::string valid =
      "# spec\nmodel: models/gpt2\nfit:\n  epochs: 5e2\n  lr: 1e-5\n  lambda: [1, .5, {x: y}]\n  text: |\n    two\n    "
      "lines\n"
      "variables:\n  - name: \"a\\n\\u00e9\"\n    'formula': '(a + b) % 113'\n  - ? b\n    : 3\n  -\n    - deep: "
      "~\n...\n";
  expect_reads_or_refuses(valid, [](const std::string& bytes) { visit(Document::parse_yaml(bytes, "spec.yaml")); });
}

TEST(Mutation, JsonIsReadOrRefused) {
  const std::string valid =
      "{\n  \"a\": [1, -2.5e3, true, null, \"\\u00e9\\n\\\"\"],\n  \"b\": {\"c\": {}, \"d\": [[]], \"e\": "
      "12345678901234567890},\n"
      "  \"\xC3\xA9\": false\n}\n";
  expect_reads_or_refuses(valid, [](const std::string& bytes) { visit(Document::parse_json(bytes, "config.json")); });
}

}  // namespace
}  // namespace cprobe
