#include <system_error>

#include "cprobe/core/error.h"
#include "cprobe/core/text.h"
#include "cprobe/io/document.h"
#include "cprobe/io/safetensors.h"

namespace cprobe {
namespace fs = std::filesystem;
namespace {

constexpr const char* kSingle = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";

/// The path of a shard that the index names. Must not reach outside the folder: an index may come
/// from anywhere.
fs::path shard_path(const fs::path& folder, const Document& value) {
  const fs::path name = value.as_text();
  if (name.empty() || name != name.filename() || name == "." || name == "..") {
    throw value.error(fmt::format("'{}' is not the plain name of a file in this folder", value.as_text()));
  }
  std::error_code ignored;
  if (!fs::exists(folder / name, ignored)) {
    throw value.error(fmt::format("the file '{}' is missing; the download is probably incomplete", name.string()));
  }
  return folder / name;
}

Error no_model(const fs::path& folder) {
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) return input_error("{}: there is no such model folder", folder.string());
  const bool pickled =
      fs::exists(folder / "pytorch_model.bin", ignored) || fs::exists(folder / "pytorch_model.bin.index.json", ignored);
  return input_error("{}: neither {} nor {} is here{}", folder.string(), kSingle, kIndex,
                     pickled ? "; only pytorch_model.bin is: save the model with safe_serialization=True" : "");
}

}  // namespace

TensorFolder TensorFolder::open(const fs::path& folder) {
  TensorFolder result;
  result.folder_ = folder;
  std::error_code ignored;
  if (fs::exists(folder / kSingle, ignored)) {
    result.files_.push_back(SafetensorsFile::open(folder / kSingle));
    for (const auto& [name, info] : result.files_[0].tensors()) result.file_of_[name] = 0;
    return result;
  }
  if (!fs::exists(folder / kIndex, ignored)) throw no_model(folder);

  const Document index = Document::read_json(folder / kIndex);
  std::map<fs::path, size_t> file_at;
  for (const auto& [name, value] : index.at("weight_map").entries()) {
    const fs::path path = shard_path(folder, value);
    const auto [entry, is_new] = file_at.emplace(path, result.files_.size());
    if (is_new) result.files_.push_back(SafetensorsFile::open(path));
    if (!result.files_[entry->second].contains(name)) {
      throw value.error(fmt::format("'{}' does not hold tensor '{}'; index and shards are of different models",
                                    path.filename().string(), name));
    }
    result.file_of_[name] = entry->second;
  }
  return result;
}

std::vector<std::string> TensorFolder::names() const {
  std::vector<std::string> result;
  for (const auto& [name, file] : file_of_) result.push_back(name);
  return result;
}

bool TensorFolder::contains(const std::string& name) const {
  return file_of_.count(name) > 0;
}

const SafetensorsFile& TensorFolder::file(const std::string& name) const {
  const auto found = file_of_.find(name);
  if (found == file_of_.end()) {
    throw input_error("{}: no tensor '{}'; the nearest name is '{}'", folder_.string(), name, nearest(name, names()));
  }
  return files_[found->second];
}

const TensorInfo& TensorFolder::info(const std::string& name) const {
  return file(name).tensors().at(name);
}

at::Tensor TensorFolder::tensor(const std::string& name) const {
  return file(name).tensor(name);
}

std::string TensorFolder::where(const std::string& name) const {
  return fmt::format("{}: tensor '{}'", file(name).path().string(), name);
}

}  // namespace cprobe
