#include "cli/loaded_model.h"

#include <fmt/format.h>

#include "cprobe/io/digest_cache.h"

namespace cprobe {

Model loaded_model(const std::filesystem::path& folder) {
  Model model = load_model(folder, user_digest_cache());
  for (const std::string& note : model.notes) fmt::print(stderr, "note: {}\n", note);
  return model;
}

}  // namespace cprobe
