#include "cli/loaded_model.h"

#include "cli/events.h"
#include "cprobe/io/digest_cache.h"

namespace cprobe {

Model loaded_model(const std::filesystem::path& folder) {
  Model model = load_model(folder, user_digest_cache());
  for (const std::string& note : model.notes) say(Message::Kind::kNote, note);
  return model;
}

}  // namespace cprobe
