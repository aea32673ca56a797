#include "cprobe/io/document_builder.h"

namespace cprobe {

DocumentBuilder::DocumentBuilder(const std::string& source_name)
    : source_(std::make_shared<const std::string>(source_name)) {
  root_ = start({});
}

bool DocumentBuilder::expects_key() const {
  return !levels_.empty() && levels_.back().value.is_map() && !levels_.back().has_key;
}

void DocumentBuilder::key(TextPlace place, std::string name) {
  Level& level = levels_.back();
  const auto [earlier, is_new] = level.keys.emplace(name, place);
  if (!is_new) {
    throw error(place, fmt::format("the key '{}' stands twice in one map, first at line {}, column {}", name,
                                   earlier->second.line, earlier->second.column));
  }
  level.key = std::move(name);
  level.key_place = place;
  level.has_key = true;
}

void DocumentBuilder::scalar(TextPlace place, std::string text, bool quoted) {
  Document value = start(place);
  value.kind_ = Document::Kind::kScalar;
  value.text_ = std::move(text);
  value.quoted_ = quoted;
  add(std::move(value));
}

void DocumentBuilder::end() {
  Document value = std::move(levels_.back().value);
  levels_.pop_back();
  add(std::move(value));
}

Error DocumentBuilder::error(TextPlace place, std::string_view message) const {
  return input_error("{}:{}:{}: {}", *source_, place.line, place.column, message);
}

Document DocumentBuilder::start(TextPlace place) const {
  Document value;
  value.source_ = source_;
  value.place_ = place;
  value.key_place_ = place;
  if (levels_.empty()) return value;

  const Level& level = levels_.back();
  const std::string& parent = level.value.key_path_;
  if (level.value.is_list()) {
    value.key_path_ = fmt::format("{}[{}]", parent, level.value.items_.size());
  } else {
    value.key_path_ = parent.empty() ? level.key : fmt::format("{}.{}", parent, level.key);
    value.key_place_ = level.key_place;
  }
  return value;
}

void DocumentBuilder::open(TextPlace place, Document::Kind kind) {
  constexpr size_t kMaxNesting = 100;
  if (levels_.size() == kMaxNesting) {
    throw error(place, fmt::format("lists and maps are nested more than {} levels deep", kMaxNesting));
  }
  Level level;
  level.value = start(place);
  level.value.kind_ = kind;
  levels_.push_back(std::move(level));
}

void DocumentBuilder::add(Document value) {
  if (levels_.empty()) {
    root_ = std::move(value);
    return;
  }
  Level& level = levels_.back();
  if (level.value.is_list()) {
    level.value.items_.push_back(std::move(value));
  } else {
    level.value.entries_.emplace_back(std::move(level.key), std::move(value));
    level.has_key = false;
  }
}

}  // namespace cprobe
