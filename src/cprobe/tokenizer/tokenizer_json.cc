/// tokenizer.json -> TokenizerParts. A feature is either reproduced exactly or refused.
#include <algorithm>
#include <array>

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
  if (flag(json, "byte_fallback", false)) throw json.at("byte_fallback").error("byte_fallback is not supported");
  require_none(json, "continuing_subword_prefix");
  require_none(json, "end_of_word_suffix");

  BpeOptions options = {.ignore_merges = flag(json, "ignore_merges", false), .fuse_unk = flag(json, "fuse_unk", false)};
  if (const Document* unk_token = json.given("unk_token")) options.unk_token = string_of(*unk_token);
  model.set_options(std::move(options));
  read_vocabulary(json.at("vocab"), model);
  for (const Document& merge : json.at("merges").items()) read_merge(merge, model);
}

/// Whether a normaliser composes (NFC); false for an empty sequence.
bool read_normalizer(const Document& json) {
  const std::string type = type_of(json);
  if (type == "NFC") {
    json.require_known_keys({"type"});
    return true;
  }
  if (type != "Sequence") throw unsupported(json, "normalizer", "NFC and Sequence");
  json.require_known_keys({"type", "normalizers"});
  bool nfc = false;
  for (const Document& member : json.at("normalizers").items()) nfc = read_normalizer(member) || nfc;
  return nfc;
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
  const Document& pattern = json.at("pattern");
  pattern.require_known_keys({"Regex", "String"});
  if (pattern.entries().size() != 1) throw pattern.error("expected either Regex or String");
  const auto& [kind, text] = pattern.entries().front();
  return {.pattern = kind == "Regex" ? Regex::compile(string_of(text), text.where())
                                     : Regex::literal(string_of(text), text.where()),
          .behavior = read_behavior(json.at("behavior")),
          .invert = json.at("invert").as_bool()};
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
  } else {
    throw unsupported(json, "pre-tokenizer", "ByteLevel, Split, Digits and Sequence");
  }
}

void read_decoder(const Document& json, std::vector<DecoderStep>& steps) {
  const std::string type = type_of(json);
  if (type == "Sequence") {
    json.require_known_keys({"type", "decoders"});
    for (const Document& member : json.at("decoders").items()) read_decoder(member, steps);
  } else if (type == "ByteLevel") {
    json.require_known_keys({"type", "add_prefix_space", "trim_offsets", "use_regex"});
    steps.push_back(DecoderStep::kByteLevel);
  } else if (type == "Fuse") {
    json.require_known_keys({"type"});
    steps.push_back(DecoderStep::kFuse);
  } else {
    throw unsupported(json, "decoder", "ByteLevel, Fuse and Sequence");
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
std::vector<AddedToken> read_added_tokens(const Document& json, const Bpe& model) {
  std::vector<AddedToken> tokens;
  std::unordered_map<std::string, int64_t> ids;
  const auto n_model = static_cast<int64_t>(model.n_tokens());
  int64_t largest = -1;
  for (const Document& item : json.items()) {
    AddedToken token = read_added_token(item);
    const std::optional<int64_t> in_model = model.id(token.content);
    const int64_t id = in_model ? *in_model : std::max(largest + 1, n_model);
    if (token.id != id) {
      throw item.at("id").error(fmt::format(
          "the added token '{}' has id {} here, but Hugging Face's tokenizers would give it {} ({})", token.content,
          token.id, id, in_model ? "its id in model.vocab" : "the next after the vocabulary and earlier added tokens"));
    }
    if (id > Bpe::kLargestId || (!in_model && model.token(id) != nullptr)) {
      throw item.at("id").error(
          fmt::format("the id {} of the added token '{}' is another token's in model.vocab, or over "
                      "2^31 - 1",
                      id, token.content));
    }
    if (!ids.emplace(token.content, id).second) {
      throw item.at("content").error(fmt::format("the added token '{}' stands twice", token.content));
    }
    largest = std::max(largest, id);
    tokens.push_back(std::move(token));
  }
  return tokens;
}

}  // namespace

std::vector<PreTokenizerStep> byte_level_steps(bool add_prefix_space, bool use_regex, const std::string& where) {
  std::vector<PreTokenizerStep> steps;
  if (add_prefix_space) steps.emplace_back(PrefixSpaceStep{});
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
  read_model(json.at("model"), parts.model);
  if (const Document* normalizer = json.given("normalizer")) parts.nfc = read_normalizer(*normalizer);
  if (const Document* steps = json.given("pre_tokenizer")) read_pre_tokenizer(*steps, parts.pre_tokenizer);
  if (const Document* decoder = json.given("decoder")) {
    parts.has_decoder = true;
    read_decoder(*decoder, parts.decoder);
  }
  if (const Document* added = json.find("added_tokens")) {
    parts.added = AddedTokens(read_added_tokens(*added, parts.model), parts.nfc);
  }
  return parts;
}

}  // namespace cprobe
