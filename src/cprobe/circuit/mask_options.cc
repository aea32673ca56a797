#include "cprobe/circuit/mask_options.h"

#include "cprobe/io/document_values.h"

namespace cprobe {
namespace {

double value_in_range(const Document& value, MaskKind kind) {
  const double number = value.as_number();
  try {
    make_mask_method(kind, number);
  } catch (const Error& error) {
    throw value.error(error.what());
  }
  return number;
}

}  // namespace

MaskKind mask_kind_of(const Document& value) {
  return choice(value, kMaskKinds);
}

std::vector<std::string_view> and_mask_options(std::vector<std::string_view> keys) {
  for (const MaskKind kind : kMaskKinds) keys.push_back(mask_option(kind).key);
  return keys;
}

std::vector<double> read_mask_options(const Document& map, MaskKind kind, MaskKind written) {
  std::vector<double> values;
  for (const MaskKind other : kMaskKinds) {
    const Document* given = map.given(mask_option(other).key);
    if (given == nullptr) continue;
    if (other != kind && other != written) {
      throw given->error(
          fmt::format("only method {} has this option; the method is {}", to_string(other), to_string(kind)));
    }
    std::vector<double> read = list_of(*given, [&](const Document& value) { return value_in_range(value, other); });
    if (other == kind) values = std::move(read);
  }
  return values;
}

}  // namespace cprobe
