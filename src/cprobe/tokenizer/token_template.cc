#include "cprobe/tokenizer/token_template.h"

#include <fmt/format.h>

namespace cprobe {
namespace {

/// The ids of a special token of TemplateProcessing.
std::vector<int64_t> ids_of(const Document& special_tokens, const Document& name) {
  const Document* token = special_tokens.find(name.as_text());
  if (token == nullptr) {
    throw name.error(fmt::format("the special token '{}' is not among the template's special_tokens", name.as_text()));
  }
  token->require_known_keys({"id", "ids", "tokens"});
  std::vector<int64_t> ids;
  for (const Document& id : token->at("ids").items()) ids.push_back(id.as_integer());
  return ids;
}

TokenTemplate read_template(const Document& json) {
  json.require_known_keys({"type", "single", "pair", "special_tokens"});
  TokenTemplate result;
  bool has_text = false;
  for (const Document& piece : json.at("single").items()) {
    piece.require_known_keys({"SpecialToken", "Sequence"});
    if (const Document* token = piece.find("SpecialToken")) {
      std::vector<int64_t>& ids = has_text ? result.behind : result.before;
      const std::vector<int64_t> more = ids_of(json.at("special_tokens"), token->at("id"));
      ids.insert(ids.end(), more.begin(), more.end());
      continue;
    }
    const Document& text = piece.at("Sequence").at("id");
    if (text.as_text() != "A" || has_text) {
      throw text.error("expected the text A once, and no other: a template for one text is all that is supported");
    }
    has_text = true;
  }
  if (!has_text) throw json.at("single").error("a template without the text itself (Sequence A)");
  return result;
}

/// The id of `cls` or `sep`, which are pairs of a token and its id.
int64_t id_of_pair(const Document& pair) {
  if (pair.items().size() != 2) throw pair.error("expected a token and its id");
  return pair.items()[1].as_integer();
}

}  // namespace

TokenTemplate read_post_processor(const Document& json) {
  const std::string type = json.at("type").as_text();
  if (type == "ByteLevel") {
    json.require_known_keys({"type", "add_prefix_space", "trim_offsets", "use_regex"});
    return {};
  }
  if (type == "TemplateProcessing") return read_template(json);
  if (type == "BertProcessing" || type == "RobertaProcessing") {
    json.require_known_keys({"type", "sep", "cls", "trim_offsets", "add_prefix_space"});
    return {.before = {id_of_pair(json.at("cls"))}, .behind = {id_of_pair(json.at("sep"))}};
  }
  if (type != "Sequence") {
    throw json.at("type").error(
        fmt::format("the post-processor {} is not supported; supported are TemplateProcessing, ByteLevel, "
                    "BertProcessing, RobertaProcessing and Sequence",
                    type));
  }
  json.require_known_keys({"type", "processors"});
  TokenTemplate result;
  for (const Document& member : json.at("processors").items()) {
    const TokenTemplate around = read_post_processor(member);
    result.before.insert(result.before.begin(), around.before.begin(), around.before.end());
    result.behind.insert(result.behind.end(), around.behind.begin(), around.behind.end());
  }
  return result;
}

}  // namespace cprobe
