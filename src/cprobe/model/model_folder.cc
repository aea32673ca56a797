#include "cprobe/model/model_folder.h"

#include <algorithm>
#include <array>
#include <system_error>

#include "cprobe/core/error.h"

namespace cprobe {
namespace fs = std::filesystem;
namespace {

constexpr std::array<std::string_view, 5> kRecomputed = {"rotary_emb.inv_freq", "rotary_emb.original_inv_freq",
                                                         "rotary_emb.cos_cached", "rotary_emb.sin_cached",
                                                         "position_ids"};

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

/// The files of a folder with an ending, or the folders in it if the ending is empty.
std::vector<fs::path> entries(const fs::path& folder, std::string_view ending) {
  std::vector<fs::path> found;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    const bool fits = ending.empty() ? entry.is_directory(ignored) : entry.path().extension() == ending;
    if (fits) found.push_back(entry.path());
  }
  std::ranges::sort(found);
  return found;
}

}  // namespace

std::string what_instead_of_a_model(const fs::path& folder) {
  const bool has_config = is_there(folder / "config.json");
  if (is_there(folder / "adapter_config.json")) {
    return fmt::format(
        "{} a PEFT adapter (adapter_config.json: LoRA or its like){}; merge it into its model (merge_and_unload of the "
        "library peft), save the result and give that folder",
        has_config ? "holds" : "is", has_config ? ", which would change the model's numbers" : ", without the model");
  }
  if (has_config) return {};
  if (const std::vector<fs::path> versions = entries(folder / "snapshots", ""); !versions.empty()) {
    return fmt::format("is a cache of the Hugging Face Hub; give the folder of one version of the model, such as {}",
                       versions.front().string());
  }
  if (const std::vector<fs::path> files = entries(folder, ".gguf"); !files.empty()) {
    return fmt::format(
        "holds a GGUF file ({}), which is for other programs; give the model's Hugging Face folder, with config.json "
        "and model.safetensors",
        files.front().filename().string());
  }
  return {};
}

void require_model_folder(const fs::path& folder) {
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) {
    throw input_error("{}: no such folder; expected a Hugging Face model folder with config.json and model.safetensors",
                      folder.string());
  }
  if (const std::string instead = what_instead_of_a_model(folder); !instead.empty()) {
    throw input_error("{}: {}", folder.string(), instead);
  }
}

std::string class_of_its_own(const Document& config) {
  const Document* map = config.given("auto_map");
  if (map == nullptr || !map->is_map()) return {};
  for (const char* loader : {"AutoModelForCausalLM", "AutoModel"}) {
    if (const Document* name = map->given(loader); name != nullptr && name->is_scalar()) return name->as_text();
  }
  return {};
}

std::string wrapper_of(const fs::path& folder, const std::vector<std::string>& names,
                       std::span<const std::string> expected) {
  for (const std::string& name : expected) {
    if (std::ranges::binary_search(names, name)) return {};
  }
  for (const std::string& name : expected) {
    std::vector<std::string> wrappers;
    for (const std::string& whole : names) {
      if (whole.ends_with("." + name)) wrappers.push_back(whole.substr(0, whole.size() - name.size()));
    }
    if (wrappers.size() > 1) {
      throw input_error("{}: holds several models, whose tensors begin with '{}'; save one of them alone",
                        folder.string(), fmt::join(wrappers, "', '"));
    }
    if (!wrappers.empty()) return wrappers.front();
  }
  return {};
}

bool is_recomputed(std::string_view tensor) {
  return std::ranges::any_of(kRecomputed, [&](std::string_view ending) { return tensor.ends_with(ending); });
}

bool is_beside_the_model(std::string_view tensor) {
  return tensor.starts_with("v_head.");
}

}  // namespace cprobe
