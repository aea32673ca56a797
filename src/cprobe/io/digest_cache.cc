#include "cprobe/io/digest_cache.h"

#include <charconv>
#include <cstdlib>
#include <exception>
#include <nlohmann/json.hpp>

#include "cprobe/core/error.h"
#include "cprobe/core/hash.h"
#include "cprobe/io/atomic_file.h"

namespace cprobe {
namespace fs = std::filesystem;
namespace {

/// The version of the file's form and of the digests in it.
constexpr int kFormat = 1;

fs::path file_in(const DigestCache& cache, const SafetensorsFile& file) {
  std::error_code unknown;
  const fs::path path = fs::weakly_canonical(file.path(), unknown);
  // With the device, whose number may differ between the machines that share a home folder.
  const std::string name = fmt::format("{} {}", file.identity().device, (unknown ? file.path() : path).string());
  return cache.folder / (to_hex(hash(name)) + ".json");
}

nlohmann::ordered_json identity_json(const FileIdentity& identity) {
  return {{"device", identity.device},
          {"inode", identity.inode},
          {"bytes", identity.n_bytes},
          {"modified", identity.modified},
          {"changed", identity.changed}};
}

/// A checksum and, in the next line, what is kept.
std::string encoded(const FileIdentity& identity, const Digests& digests) {
  nlohmann::ordered_json json = {
      {"format", kFormat}, {"file", identity_json(identity)}, {"digests", nlohmann::ordered_json::object()}};
  for (const auto& [name, digest] : digests) json["digests"][name] = to_hex(digest);
  const std::string text = json.dump();
  return fmt::format("{}\n{}\n", to_hex(hash(text)), text);
}

/// The digests in what `encoded` made of the same identity; empty for any other text.
Digests decoded(std::string_view content, const FileIdentity& identity) {
  const size_t line_end = content.find('\n');
  if (line_end == std::string_view::npos || !content.ends_with('\n')) return {};
  const std::string_view text = content.substr(line_end + 1, content.size() - line_end - 2);
  if (content.substr(0, line_end) != to_hex(hash(text))) return {};
  const nlohmann::ordered_json json = nlohmann::ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || json.value("format", 0) != kFormat) return {};
  if (json.at("file") != identity_json(identity)) return {};
  Digests digests;
  for (const auto& [name, value] : json.at("digests").items()) {
    const auto& hex = value.get_ref<const std::string&>();
    const char* end = hex.data() + hex.size();
    const auto [stop, error] = std::from_chars(hex.data(), end, digests[name], 16);
    if (error != std::errc() || stop != end) return {};
  }
  return digests;
}

}  // namespace

DigestCache user_digest_cache() {
  const auto folder = [](const char* variable) {
    const char* value = std::getenv(variable);
    // The XDG specification has relative paths ignored.
    return value != nullptr && fs::path(value).is_absolute() ? fs::path(value) : fs::path();
  };
  if (const fs::path caches = folder("XDG_CACHE_HOME"); !caches.empty()) return {.folder = caches / "cprobe"};
  if (const fs::path home = folder("HOME"); !home.empty()) return {.folder = home / ".cache" / "cprobe"};
  return {};
}

Digests kept_digests(const DigestCache& cache, const SafetensorsFile& file) {
  if (cache.folder.empty() || file.identity().n_bytes < cache.least_bytes) return {};
  try {
    return decoded(read_file(file_in(cache, file)), file.identity());
  } catch (const std::exception&) {  // The file is missing or unreadable, or another program's.
    return {};
  }
}

void keep_digests(const DigestCache& cache, const SafetensorsFile& file, const Digests& digests) {
  const FileIdentity& identity = file.identity();
  if (cache.folder.empty() || identity.n_bytes < cache.least_bytes) return;
  if (file.opened_at() - identity.changed < cache.least_age || identity_of(file.path()) != identity) return;
  try {
    write_file(file_in(cache, file), encoded(identity, digests));
  } catch (const Error&) {  // The next process reads the weights again.
  }
}

}  // namespace cprobe
