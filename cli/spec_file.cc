#include "cli/spec_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cprobe/io/atomic_file.h"

namespace cprobe {

Spec read_spec_file(const std::filesystem::path& path, std::optional<MaskKind> method) {
  const std::string text = read_file(path);
  Spec spec = parse_spec(Document::parse_yaml(text, path.string()), method);
  spec.text = text;
  if (!spec.ignored_keys.empty()) {
    fmt::print(stderr, "{}: keys without meaning here are ignored: {}\n", path.string(),
               fmt::join(spec.ignored_keys, ", "));
  }
  return spec;
}

}  // namespace cprobe
