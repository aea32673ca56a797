/// tokenizer.json -> TokenizerParts. A feature is either reproduced exactly or refused.
#include <algorithm>
#include <array>
#include <set>

#include "cprobe/core/utf8.h"
#include "cprobe/tokenizer/tokenizer_parts.h"

namespace cprobe {
namespace {

constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
/// Hugging Face's Digits knows the numbers of Unicode 15; its patterns know Unicode 14.
constexpr std::string_view kNumberPattern = R"([\p{N}\x{11F50}-\x{11F59}\x{1D2C0}-\x{1D2D3}\x{1E4F0}-\x{1E4F9}])";

/// The text of a JSON string; refuses numbers.
std::string string_of(const Document& value) {
  if (!value.is_scalar() || !value.is_quoted()) throw value.error("expected a string");
  return value.as_text();
}

bool flag(const Document& map, std::string_view key, bool otherwise) {
  const Document* value = map.given(key);
  return value == nullptr ? otherwise : value->as_bool();
}

std::string type_of(const Document& component) {
  return string_of(component.at("type"));
}

/// The error for a component that is not supported.
Error unsupported(const Document& component, std::string_view kind, std::string_view supported) {
  return component.at("type").error(
      fmt::format("the {} {} is not supported; supported are {}", kind, type_of(component), supported));
}

/// A string of one character.
char32_t character_of(const Document& value) {
  const std::string text = string_of(value);
  size_t offset = 0;
  const char32_t character = text.empty() ? 0 : next_code_point(text, offset);
  if (text.empty() || offset != text.size()) throw value.error(fmt::format("expected one character, found '{}'", text));
  return character;
}

/// The pattern of a component: a regular expression, or a text.
Regex read_pattern(const Document& pattern) {
  pattern.require_known_keys({"Regex", "String"});
  if (pattern.entries().size() != 1) throw pattern.error("expected either Regex or String");
  const auto& [kind, text] = pattern.entries().front();
  return kind == "Regex" ? Regex::compile(string_of(text), text.where())
                         : Regex::literal(string_of(text), text.where());
}

/// Refuses a text option of the model that is neither null nor empty.
void require_none(const Document& model, std::string_view key) {
  const Document* value = model.given(key);
  if (value != nullptr && !string_of(*value).empty()) {
    throw value->error(fmt::format("a {} ('{}') is not supported", key, value->as_text()));
  }
}

void read_merge(const Document& merge, Bpe& model) {
  const auto place = [&](std::string_view message) { return merge.error(message); };
  if (merge.is_list()) {
    const std::vector<Document>& pair = merge.items();
    if (pair.size() != 2) throw merge.error(fmt::format("expected two tokens, found {}", pair.size()));
    return add_merge(model, string_of(pair[0]), string_of(pair[1]), place);
  }
  add_merge_line(model, string_of(merge), place);
}

void read_model(const Document& json, Bpe& model) {
  if (json.given("type") != nullptr && type_of(json) != "BPE") throw unsupported(json, "model", "BPE");
  json.require_known_keys({"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
                           "fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges"});
  const Document* dropout = json.given("dropout");
  if (dropout != nullptr && dropout->as_number() != 0) throw dropout->error("dropout is not supported");
  require_none(json, "continuing_subword_prefix");
  require_none(json, "end_of_word_suffix");

  BpeOptions options = {.ignore_merges = flag(json, "ignore_merges", false),
                        .fuse_unk = flag(json, "fuse_unk", false),
                        .byte_fallback = flag(json, "byte_fallback", false)};
  if (const Document* unk_token = json.given("unk_token")) options.unk_token = string_of(*unk_token);
  model.set_options(std::move(options));
  read_vocabulary(json.at("vocab"), model);
  for (const Document& merge : json.at("merges").items()) read_merge(merge, model);
}

ReplaceStep read_replace(const Document& json) {
  json.require_known_keys({"type", "pattern", "content"});
  return {.pattern = read_pattern(json.at("pattern")), .content = string_of(json.at("content"))};
}

void read_normalizer(const Document& json, Normalizer& steps) {
  const std::string type = type_of(json);
  if (type == "Sequence") {
    json.require_known_keys({"type", "normalizers"});
    for (const Document& member : json.at("normalizers").items()) read_normalizer(member, steps);
  } else if (type == "NFC") {
    json.require_known_keys({"type"});
    steps.emplace_back(NfcStep{});
  } else if (type == "Prepend") {
    json.require_known_keys({"type", "prepend"});
    steps.emplace_back(PrependStep{.text = string_of(json.at("prepend"))});
  } else if (type == "Replace") {
    steps.emplace_back(read_replace(json));
  } else {
    throw unsupported(json, "normalizer", "NFC, Prepend, Replace and Sequence");
  }
}

SplitBehavior read_behavior(const Document& json) {
  constexpr std::array<std::pair<std::string_view, SplitBehavior>, 5> kBehaviors = {
      {{"Removed", SplitBehavior::kRemoved},
       {"Isolated", SplitBehavior::kIsolated},
       {"MergedWithPrevious", SplitBehavior::kMergedWithPrevious},
       {"MergedWithNext", SplitBehavior::kMergedWithNext},
       {"Contiguous", SplitBehavior::kContiguous}}};
  const std::string name = string_of(json);
  const auto* known =
      std::find_if(kBehaviors.begin(), kBehaviors.end(), [&](const auto& b) { return b.first == name; });
  if (known == kBehaviors.end()) {
    throw json.error(
        fmt::format("expected Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous, found '{}'", name));
  }
  return known->second;
}

SplitStep read_split(const Document& json) {
  json.require_known_keys({"type", "pattern", "behavior", "invert"});
  return {.pattern = read_pattern(json.at("pattern")),
          .behavior = read_behavior(json.at("behavior")),
          .invert = json.at("invert").as_bool()};
}

/// What Metaspace does at the start of a piece. Older files say so by add_prefix_space.
/// @return nothing for `never`.
std::optional<Prepend> read_prepend_scheme(const Document& json) {
  const Document* given = json.given("prepend_scheme");
  const std::string scheme = given == nullptr ? "always" : string_of(*given);
  if (scheme != "always" && scheme != "first" && scheme != "never") {
    throw given->error(fmt::format("expected always, first or never, found '{}'", scheme));
  }
  // Hugging Face's tokenizers refuse this file, too, or read it as `never`, depending on the
  // version.
  if (!flag(json, "add_prefix_space", true) && scheme != "never") {
    throw json.at("add_prefix_space").error(fmt::format("does not agree with prepend_scheme, which is {}", scheme));
  }
  if (scheme == "never") return std::nullopt;
  return scheme == "first" ? Prepend::kAtTextsStart : Prepend::kUnlessThere;
}

void read_metaspace(const Document& json, std::vector<PreTokenizerStep>& steps) {
  json.require_known_keys({"type", "replacement", "add_prefix_space", "prepend_scheme", "split", "str_rep"});
  character_of(json.at("replacement"));
  const std::string space = string_of(json.at("replacement"));
  steps.emplace_back(ReplaceStep{.pattern = Regex::literal(" ", json.where()), .content = space});
  if (const std::optional<Prepend> which = read_prepend_scheme(json)) {
    steps.emplace_back(PrefixSpaceStep{.space = space, .which = *which});
  }
  if (flag(json, "split", true)) {
    steps.emplace_back(
        SplitStep{.pattern = Regex::literal(space, json.where()), .behavior = SplitBehavior::kMergedWithNext});
  }
}

void read_pre_tokenizer(const Document& json, std::vector<PreTokenizerStep>& steps) {
  const std::string type = type_of(json);
  if (type == "Sequence") {
    json.require_known_keys({"type", "pretokenizers"});
    for (const Document& member : json.at("pretokenizers").items()) read_pre_tokenizer(member, steps);
  } else if (type == "ByteLevel") {
    json.require_known_keys({"type", "add_prefix_space", "trim_offsets", "use_regex"});
    for (PreTokenizerStep& step :
         byte_level_steps(json.at("add_prefix_space").as_bool(), flag(json, "use_regex", true), json.where())) {
      steps.push_back(std::move(step));
    }
  } else if (type == "Split") {
    steps.emplace_back(read_split(json));
  } else if (type == "Digits") {
    json.require_known_keys({"type", "individual_digits"});
    const bool individual = json.at("individual_digits").as_bool();
    steps.emplace_back(SplitStep{.pattern = Regex::compile(kNumberPattern, json.where()),
                                 .behavior = individual ? SplitBehavior::kIsolated : SplitBehavior::kContiguous});
  } else if (type == "Metaspace") {
    read_metaspace(json, steps);
  } else {
    throw unsupported(json, "pre-tokenizer", "ByteLevel, Metaspace, Split, Digits and Sequence");
  }
}

void read_decoder(const Document& json, std::vector<DecoderStep>& steps) {
  const std::string type = type_of(json);
  if (type == "Sequence") {
    json.require_known_keys({"type", "decoders"});
    for (const Document& member : json.at("decoders").items()) read_decoder(member, steps);
  } else if (type == "ByteLevel") {
    json.require_known_keys({"type", "add_prefix_space", "trim_offsets", "use_regex"});
    steps.emplace_back(DecodeByteSymbols{});
  } else if (type == "ByteFallback") {
    json.require_known_keys({"type"});
    steps.emplace_back(DecodeByteTokens{});
  } else if (type == "Fuse") {
    json.require_known_keys({"type"});
    steps.emplace_back(FuseTokens{});
  } else if (type == "Replace") {
    ReplaceStep replace = read_replace(json);
    steps.emplace_back(ReplaceInTokens{.pattern = replace.pattern, .content = std::move(replace.content)});
  } else if (type == "Strip") {
    json.require_known_keys({"type", "content", "start", "stop"});
    steps.emplace_back(StripTokens{.character = character_of(json.at("content")),
                                   .start = json.at("start").as_integer(),
                                   .stop = json.at("stop").as_integer()});
  } else if (type == "Metaspace") {
    json.require_known_keys({"type", "replacement", "add_prefix_space", "prepend_scheme", "split", "str_rep"});
    steps.emplace_back(DecodeMetaspace{.replacement = character_of(json.at("replacement")),
                                       .drops_first = read_prepend_scheme(json).has_value()});
  } else {
    throw unsupported(json, "decoder", "ByteLevel, ByteFallback, Fuse, Metaspace, Replace, Strip and Sequence");
  }
}

AddedToken read_added_token(const Document& json) {
  json.require_known_keys({"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"});
  AddedToken token = {.id = json.at("id").as_integer(),
                      .content = string_of(json.at("content")),
                      .single_word = json.at("single_word").as_bool(),
                      .lstrip = json.at("lstrip").as_bool(),
                      .rstrip = json.at("rstrip").as_bool(),
                      .normalized = json.at("normalized").as_bool(),
                      .special = json.at("special").as_bool()};
  if (token.content.empty()) throw json.at("content").error("an added token without text");
  return token;
}

/// Reads the added tokens. Hugging Face ignores their ids in the file: a token gets its id in the
/// vocabulary, or else the next one. An id in the file that differs is refused.
AddedTokens read_added_tokens(const Document& json, const Bpe& model) {
  std::vector<AddedToken> tokens;
  std::set<std::string> contents;
  for (const Document& item : json.items()) {
    tokens.push_back(read_added_token(item));
    if (!contents.insert(tokens.back().content).second) {
      throw item.at("content").error(fmt::format("the added token '{}' stands twice", tokens.back().content));
    }
  }
  AddedTokens added;
  added.add(tokens, model);
  for (size_t i = 0; i < tokens.size(); ++i) {
    require_added_id(added, model, tokens[i].content, tokens[i].id, json.items()[i].at("id"));
  }
  return added;
}

/// Refuses a template with ids that no token has.
void require_known_ids(const TokenizerParts& parts, const Document& processor) {
  for (const std::vector<int64_t>* ids : {&parts.around.before, &parts.around.behind}) {
    for (const int64_t id : *ids) {
      if (parts.added.find(id) != nullptr || parts.model->token(id) != nullptr) continue;
      throw processor.error(fmt::format("puts a token with id {} beside the text, but no token has this id", id));
    }
  }
}

/// Whether every match of a Replace is one character, as of " ".
bool replaces_characters(const Document& normalizer) {
  if (type_of(normalizer) == "Sequence")
    return std::ranges::all_of(normalizer.at("normalizers").items(), replaces_characters);
  if (type_of(normalizer) != "Replace") return true;
  const Document* text = normalizer.at("pattern").find("String");
  if (text == nullptr || text->as_text().empty()) return false;
  size_t offset = 0;
  next_code_point(text->as_text(), offset);
  return offset == text->as_text().size();
}

/// Refuses Metaspace with prepend_scheme `first` behind steps after which Hugging Face's tokenizers
/// take another piece for the first, or none.
void require_known_start(const TokenizerParts& parts, const Document& json, const Document& pre_tokenizer) {
  bool has_bytes = false;
  for (const PreTokenizerStep& step : parts.pre_tokenizer) {
    has_bytes = has_bytes || std::holds_alternative<ByteSymbolStep>(step);
    const auto* prefix = std::get_if<PrefixSpaceStep>(&step);
    if (prefix == nullptr || prefix->which != Prepend::kAtTextsStart) continue;
    const Document* normalizer = json.given("normalizer");
    if (!has_bytes && (normalizer == nullptr || replaces_characters(*normalizer))) return;
    throw pre_tokenizer.error(
        "Metaspace with prepend_scheme first is not supported behind ByteLevel, nor behind a Replace of other texts "
        "than single characters");
  }
}

/// Refuses a padding token that transformers would add to the tokenizer.
void require_known_padding(const TokenizerParts& parts, const Document& padding) {
  const Document* token = padding.given("pad_token");
  if (token == nullptr) return;
  const std::string text = string_of(*token);
  if (parts.added.find(text) != nullptr || parts.model->id(text)) return;
  throw token->error(fmt::format("'{}' is no token of this tokenizer", text));
}

}  // namespace

void require_added_id(const AddedTokens& added, const Bpe& model, const std::string& content, int64_t written,
                      const Document& place) {
  const int64_t id = added.find(content)->id;
  const bool in_model = model.id(content).has_value();
  if (written != id) {
    throw place.error(fmt::format(
        "the added token '{}' has id {} here, but Hugging Face's tokenizers would give it {} ({})", content, written,
        id, in_model ? "its id in model.vocab" : "the next after the vocabulary and earlier added tokens"));
  }
  if (id > Bpe::kLargestId || (!in_model && model.token(id) != nullptr)) {
    throw place.error(fmt::format(
        "the id {} of the added token '{}' is another token's in model.vocab, or over 2^31 - 1", id, content));
  }
}

std::vector<PreTokenizerStep> byte_level_steps(bool add_prefix_space, bool use_regex, const std::string& where) {
  std::vector<PreTokenizerStep> steps;
  if (add_prefix_space) steps.emplace_back(PrefixSpaceStep{.space = " "});
  if (use_regex) steps.emplace_back(SplitStep{.pattern = Regex::compile(kGpt2Pattern, where)});
  steps.emplace_back(ByteSymbolStep{});
  return steps;
}

void read_vocabulary(const Document& vocab, Bpe& model) {
  for (const auto& [token, value] : vocab.entries()) {
    const int64_t id = value.as_integer();
    if (id < 0 || id > Bpe::kLargestId)
      throw value.error(fmt::format("expected an id from 0 to 2^31 - 1, found {}", id));
    if (!model.add_token(token, id)) {
      throw value.error(fmt::format("the tokens '{}' and '{}' have the same id {}", *model.token(id), token, id));
    }
  }
}

void add_merge_line(Bpe& model, std::string_view line, const std::function<Error(std::string_view)>& place) {
  if (line.starts_with("#version")) return;
  const size_t space = line.find(' ');
  if (space == std::string_view::npos || line.find(' ', space + 1) != std::string_view::npos) {
    throw place(fmt::format("expected two tokens with one space between, found '{}'", line));
  }
  add_merge(model, line.substr(0, space), line.substr(space + 1), place);
}

void add_merge(Bpe& model, std::string_view left, std::string_view right,
               const std::function<Error(std::string_view)>& place) {
  const auto unknown = [&](std::string_view token) {
    return place(fmt::format("the merge of '{}' and '{}' needs the token '{}', which is not in the vocabulary", left,
                             right, token));
  };
  switch (model.add_merge(left, right)) {
    case Bpe::Added::kYes:
      return;
    case Bpe::Added::kTwice:
      throw place(fmt::format("the merge of '{}' and '{}' stands twice", left, right));
    case Bpe::Added::kLeftUnknown:
      throw unknown(left);
    case Bpe::Added::kRightUnknown:
      throw unknown(right);
    case Bpe::Added::kResultUnknown:
      throw unknown(std::string(left).append(right));
  }
}

TokenizerParts read_tokenizer_json(const Document& json) {
  json.require_known_keys({"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer",
                           "post_processor", "decoder", "model"});
  if (const Document* version = json.find("version"); version != nullptr && string_of(*version) != "1.0") {
    throw version->error(fmt::format("expected version 1.0, found {}", version->as_text()));
  }
  TokenizerParts parts;
  parts.source = json.where();
  const auto model = std::make_shared<Bpe>();
  read_model(json.at("model"), *model);
  parts.model = model;
  if (const Document* normalizer = json.given("normalizer")) read_normalizer(*normalizer, parts.normalizer);
  if (const Document* steps = json.given("pre_tokenizer")) {
    read_pre_tokenizer(*steps, parts.pre_tokenizer);
    require_known_start(parts, json, *steps);
    parts.is_byte_level = type_of(*steps) == "ByteLevel";
  }
  if (const Document* decoder = json.given("decoder")) {
    parts.has_decoder = true;
    read_decoder(*decoder, parts.decoder);
  }
  if (const Document* added = json.find("added_tokens")) parts.added = read_added_tokens(*added, *model);
  parts.added.prepare(parts.normalizer);
  if (const Document* processor = json.given("post_processor")) {
    parts.around = read_post_processor(*processor);
    require_known_ids(parts, *processor);
  }
  if (const Document* padding = json.given("padding")) require_known_padding(parts, *padding);
  return parts;
}

}  // namespace cprobe
