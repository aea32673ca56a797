/// Damaged files of every format.
#include "tests/mutation.h"

#include "cprobe/io/csv.h"
#include "cprobe/io/document.h"
#include "cprobe/io/safetensors.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using testing::expect_reads_or_refuses;

/// Calls every function that looks at a value.
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
