#include "cprobe/io/safetensors_header.h"

#include <algorithm>
#include <array>
#include <limits>

#include "cprobe/core/error.h"
#include "cprobe/io/document.h"

namespace cprobe {
namespace {

constexpr uint64_t kMaxHeader = 100'000'000;
constexpr size_t kMaxDimensions = 64;  // libtorch's own limit for most operations.
constexpr std::string_view kMetadata = "__metadata__";

struct DtypeName {
  std::string_view name;
  at::ScalarType dtype;
};

constexpr std::array<DtypeName, 8> kDtypes = {{{"F64", at::kDouble},
                                               {"F32", at::kFloat},
                                               {"F16", at::kHalf},
                                               {"BF16", at::kBFloat16},
                                               {"I64", at::kLong},
                                               {"I32", at::kInt},
                                               {"U8", at::kByte},
                                               {"BOOL", at::kBool}}};

/// The likely cause, in words, if a file that begins like this is no safetensors file.
std::string likely_cause(std::string_view bytes) {
  if (bytes.starts_with("version https://git-lfs")) {
    return "it is a Git LFS pointer, not the file itself; fetch it with 'git lfs pull'";
  }
  if (bytes.starts_with("<")) return "it looks like a web page; download the file again";
  if (bytes.starts_with("PK")) return "it looks like a PyTorch .bin or .pt file; convert it to safetensors";
  return "it is not a safetensors file, or damaged";
}

at::ScalarType parse_dtype(const Document& value) {
  const std::string name = value.as_text();
  for (const DtypeName& known : kDtypes) {
    if (known.name == name) return known.dtype;
  }
  throw value.error(
      fmt::format("dtype '{}' is not supported; expected F64, F32, F16, BF16, I64, I32, U8 or BOOL", name));
}

uint64_t parse_size(const Document& value) {
  const int64_t size = value.as_integer();
  if (size < 0) throw value.error(fmt::format("expected a number that is not negative, found {}", size));
  return static_cast<uint64_t>(size);
}

/// The bytes that a tensor of this shape takes. Even with a zero in the shape, the product of the
/// other sizes may not overflow: libtorch multiplies sizes to get strides.
uint64_t count_bytes(const Document& shape, const std::vector<int64_t>& sizes, size_t element_size) {
  constexpr auto kLimit = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  uint64_t n_bytes = element_size;
  bool empty = false;
  for (const int64_t size : sizes) {
    empty = empty || size == 0;
    const auto factor = static_cast<uint64_t>(std::max<int64_t>(size, 1));
    if (n_bytes > kLimit / factor) throw shape.error("the number of bytes of this shape overflows");
    n_bytes *= factor;
  }
  return empty ? 0 : n_bytes;
}

TensorInfo parse_tensor(const Document& entry, uint64_t data_begin, uint64_t n_data) {
  entry.require_known_keys({"dtype", "shape", "data_offsets"});

  TensorInfo info;
  info.dtype = parse_dtype(entry.at("dtype"));
  const Document& shape = entry.at("shape");
  if (shape.items().size() > kMaxDimensions) throw shape.error(fmt::format("more than {} dimensions", kMaxDimensions));
  for (const Document& size : shape.items()) info.shape.push_back(static_cast<int64_t>(parse_size(size)));
  info.n_bytes = count_bytes(shape, info.shape, c10::elementSize(info.dtype));

  const Document& offsets = entry.at("data_offsets");
  if (offsets.items().size() != 2) throw offsets.error("expected two offsets, begin and end");
  const uint64_t begin = parse_size(offsets.items()[0]);
  const uint64_t end = parse_size(offsets.items()[1]);
  if (begin > end) throw offsets.error(fmt::format("the tensor ends ({}) before it begins ({})", end, begin));
  if (end > n_data) {
    throw offsets.error(
        fmt::format("the tensor ends at byte {} of the data, but the file holds {} bytes of data; "
                    "the file is probably cut short: download or copy it again",
                    end, n_data));
  }
  if (end - begin != info.n_bytes) {
    throw offsets.error(
        fmt::format("dtype and shape need {} bytes, but the offsets span {}", info.n_bytes, end - begin));
  }
  info.begin = data_begin + begin;
  return info;
}

/// Requires that every byte of the data belongs to exactly one tensor. Otherwise a file could hide
/// data, or share bytes between tensors.
void require_cover(const std::map<std::string, TensorInfo>& tensors, uint64_t data_begin, uint64_t n_data,
                   const std::string& source_name) {
  using Named = std::pair<const std::string, TensorInfo>;
  std::vector<const Named*> order;
  for (const Named& named : tensors) order.push_back(&named);
  std::stable_sort(order.begin(), order.end(), [](const Named* a, const Named* b) {
    return std::pair(a->second.begin, a->second.n_bytes) < std::pair(b->second.begin, b->second.n_bytes);
  });

  uint64_t covered = data_begin;
  const Named* previous = nullptr;
  for (const Named* named : order) {
    const uint64_t begin = named->second.begin;
    if (begin < covered) {
      throw input_error("{}: tensors '{}' and '{}' overlap: one ends at byte {} of the data, the other begins at {}",
                        source_name, previous->first, named->first, covered - data_begin, begin - data_begin);
    }
    if (begin > covered) {
      throw input_error("{}: {} bytes of data before tensor '{}' belong to no tensor", source_name, begin - covered,
                        named->first);
    }
    covered = begin + named->second.n_bytes;
    previous = named;
  }
  if (covered - data_begin != n_data) {
    throw input_error("{}: {} bytes at the end of the data belong to no tensor", source_name,
                      n_data - (covered - data_begin));
  }
}

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view bytes, const std::string& source_name) {
  if (bytes.size() < kSafetensorsPrefix) {
    throw input_error("{}: {} bytes are too few for a safetensors file; it is empty or cut short", source_name,
                      bytes.size());
  }
  uint64_t n_header = 0;
  for (size_t i = kSafetensorsPrefix; i-- > 0;) n_header = n_header << 8 | static_cast<uint8_t>(bytes[i]);
  if (n_header > kMaxHeader) {
    throw input_error("{}: the header would be {} bytes long, over the limit of {}; {}", source_name, n_header,
                      kMaxHeader, likely_cause(bytes));
  }
  if (n_header > bytes.size() - kSafetensorsPrefix) {
    throw input_error(
        "{}: the header should be {} bytes long, but only {} follow; the file is probably cut short: "
        "download or copy it again",
        source_name, n_header, bytes.size() - kSafetensorsPrefix);
  }
  const std::string_view text = bytes.substr(kSafetensorsPrefix, n_header);
  if (!text.starts_with('{'))
    throw input_error("{}: the header is not a JSON object; {}", source_name, likely_cause(bytes));

  const uint64_t data_begin = kSafetensorsPrefix + n_header;
  const uint64_t n_data = bytes.size() - data_begin;
  SafetensorsHeader header;
  const Document document = Document::parse_json(text, source_name + " (header)");
  for (const auto& [name, entry] : document.entries()) {
    if (name == kMetadata) {
      for (const auto& [key, value] : entry.entries()) {
        if (!value.is_quoted()) throw value.error("metadata must be text");
        header.metadata.emplace(key, value.as_text());
      }
    } else {
      header.tensors.emplace(name, parse_tensor(entry, data_begin, n_data));
    }
  }
  require_cover(header.tensors, data_begin, n_data, source_name);
  return header;
}

std::optional<std::string_view> safetensors_dtype(at::ScalarType dtype) {
  for (const DtypeName& known : kDtypes) {
    if (known.dtype == dtype) return known.name;
  }
  return std::nullopt;
}

}  // namespace cprobe
