#include "cprobe/io/safetensors.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <system_error>

#include "cprobe/core/error.h"
#include "cprobe/core/text.h"
#include "cprobe/core/utf8.h"
#include "cprobe/io/atomic_file.h"
#include "cprobe/io/safetensors_header.h"

namespace cprobe {
namespace fs = std::filesystem;
namespace {

Error cannot_open(const fs::path& path, int error_number) {
  return input_error("{}: cannot open: {}", path.string(), std::generic_category().message(error_number));
}

/// Maps a file into memory for as long as the object lives.
class MappedBytes {
 public:
  explicit MappedBytes(const fs::path& path) {
    // O_NONBLOCK: opening a named pipe must not wait for a writer.
    const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) throw cannot_open(path, errno);
    struct stat status = {};
    const bool known = fstat(descriptor, &status) == 0;
    if (known && S_ISREG(status.st_mode) && status.st_size > 0) {
      size_ = static_cast<size_t>(status.st_size);
      void* address = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
      address_ = address == MAP_FAILED ? nullptr : address;
    }
    const int error_number = errno;
    close(descriptor);
    if (!known || (size_ > 0 && address_ == nullptr)) throw cannot_open(path, error_number);
    if (!S_ISREG(status.st_mode)) throw input_error("{}: cannot open: it is not a regular file", path.string());
    identity_ = identity_of(status);
  }
  ~MappedBytes() {
    if (address_ != nullptr) munmap(address_, size_);
  }
  MappedBytes(const MappedBytes&) = delete;
  MappedBytes& operator=(const MappedBytes&) = delete;

  std::string_view view() const { return {static_cast<const char*>(address_), size_}; }
  const FileIdentity& identity() const { return identity_; }
  int64_t opened_at() const { return opened_at_; }

 private:
  int64_t opened_at_ = nanoseconds_now();
  FileIdentity identity_;
  void* address_ = nullptr;  ///< nullptr for an empty file, which cannot be mapped.
  size_t size_ = 0;
};

}  // namespace

struct SafetensorsFile::Mapping {
  explicit Mapping(const fs::path& file)
      : path(file), bytes(file), header(parse_safetensors_header(bytes.view(), file.string())) {}

  fs::path path;
  MappedBytes bytes;
  SafetensorsHeader header;
};

SafetensorsFile SafetensorsFile::open(const fs::path& path) {
  SafetensorsFile file;
  file.mapping_ = std::make_shared<const Mapping>(path);
  return file;
}

const fs::path& SafetensorsFile::path() const {
  return mapping_->path;
}

const FileIdentity& SafetensorsFile::identity() const {
  return mapping_->bytes.identity();
}

int64_t SafetensorsFile::opened_at() const {
  return mapping_->bytes.opened_at();
}

const std::map<std::string, TensorInfo>& SafetensorsFile::tensors() const {
  return mapping_->header.tensors;
}

const std::map<std::string, std::string>& SafetensorsFile::metadata() const {
  return mapping_->header.metadata;
}

bool SafetensorsFile::contains(const std::string& name) const {
  return tensors().count(name) > 0;
}

at::Tensor SafetensorsFile::tensor(const std::string& name) const {
  const auto found = tensors().find(name);
  if (found == tensors().end()) {
    std::vector<std::string> names;
    for (const auto& [known, info] : tensors()) names.push_back(known);
    throw input_error("{}: no tensor '{}'; the nearest name is '{}'", path().string(), name, nearest(name, names));
  }
  const TensorInfo& info = found->second;
  const std::string_view data = mapping_->bytes.view().substr(info.begin, info.n_bytes);
  if (info.dtype == at::kBool && std::any_of(data.begin(), data.end(), [](char c) { return c != 0 && c != 1; })) {
    throw input_error("{}: tensor '{}': a BOOL holds a byte other than 0 and 1", path().string(), name);
  }

  const auto options = at::TensorOptions().dtype(info.dtype);
  // The mapping begins at a page.
  const bool aligned = info.begin % c10::elementSize(info.dtype) == 0;
  if (!aligned || data.empty()) {
    at::Tensor copy = at::empty(info.shape, options);
    std::copy(data.begin(), data.end(), static_cast<char*>(copy.data_ptr()));
    return copy;
  }
  // libtorch has no read-only tensors. The caller promises not to write (see the header).
  void* address = const_cast<char*>(data.data());
  return at::from_blob(
      address, info.shape, [keep = mapping_](void*) {}, options);
}

namespace {

/// A safetensors file in parts: everything before the data, then the tensors in order.
struct Encoded {
  std::string header;
  std::vector<at::Tensor> tensors;
};

/// @param where  begins the error messages.
Encoded encode(const std::string& where, const std::map<std::string, at::Tensor>& tensors,
               const std::map<std::string, std::string>& metadata) {
  // The file has the tensors in the map's order: by name, compared as bytes.
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  for (const auto& [key, value] : metadata) {
    if (!is_utf8(key) || !is_utf8(value)) throw input_error("{}: metadata '{}' is not UTF-8", where, key);
    header["__metadata__"][key] = value;
  }
  Encoded encoded;
  uint64_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    if (!is_utf8(name) || name == "__metadata__") {
      throw input_error("{}: '{}' cannot be the name of a tensor", where, name);
    }
    if (!tensor.defined() || tensor.layout() != at::kStrided) {
      throw input_error("{}: tensor '{}' is not a dense tensor", where, name);
    }
    const auto dtype = safetensors_dtype(tensor.scalar_type());
    if (!dtype) {
      throw input_error("{}: tensor '{}': dtype {} cannot be written", where, name,
                        c10::toString(tensor.scalar_type()));
    }
    encoded.tensors.push_back(tensor.detach().to(at::kCPU).contiguous());
    const uint64_t n_bytes = encoded.tensors.back().nbytes();
    header[name] = {{"dtype", *dtype}, {"shape", tensor.sizes().vec()}, {"data_offsets", {offset, offset + n_bytes}}};
    offset += n_bytes;
  }

  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // Aligns the beginning of the data.
  for (size_t i = 0; i < kSafetensorsPrefix; ++i) {
    encoded.header += static_cast<char>(uint64_t{text.size()} >> (8 * i) & 0xFF);
  }
  encoded.header += text;
  return encoded;
}

}  // namespace

void write_safetensors(const fs::path& path, const std::map<std::string, at::Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  const Encoded encoded = encode(path.string(), tensors, metadata);
  AtomicFile file(path);
  file.write(encoded.header);
  for (const at::Tensor& tensor : encoded.tensors) file.write(tensor.data_ptr(), tensor.nbytes());
  file.commit();
}

std::string safetensors_bytes(const std::map<std::string, at::Tensor>& tensors,
                              const std::map<std::string, std::string>& metadata) {
  Encoded encoded = encode("safetensors", tensors, metadata);
  for (const at::Tensor& tensor : encoded.tensors) {
    encoded.header.append(static_cast<const char*>(tensor.data_ptr()), tensor.nbytes());
  }
  return std::move(encoded.header);
}

}  // namespace cprobe
