/// tokenizer_config.json, special_tokens_map.json and added_tokens.json -> changes of a
/// tokenizer.json's parts, as AutoTokenizer of transformers 4.57 makes them:
///   1. Tokens of `added_tokens_decoder` are added to those of tokenizer.json, or change their
///      flags. Files without this key have such tokens in added_tokens.json.
///   2. Special tokens (`bos_token`, ...) that are no added tokens yet are added, those included
///      that the tokenizer's class has by default.
///   3. `add_prefix_space` takes the place of the value in tokenizer.json.
///   4. Some classes replace the template by their own: `add_bos_token`, `add_eos_token`.
/// What other versions read differently is refused.
#include <algorithm>
#include <array>
#include <set>

#include "cprobe/tokenizer/tokenizer_class.h"
#include "cprobe/tokenizer/tokenizer_parts.h"

namespace cprobe {
namespace {

/// Special tokens by their keys, in the order in which transformers adds them.
constexpr std::array kSpecialKeys = {"bos_token", "eos_token", "unk_token", "sep_token",
                                     "pad_token", "cls_token", "mask_token"};
constexpr const char* kMoreSpecialTokens = "additional_special_tokens";

/// A token as a file gives it: with flags, or as a text.
struct GivenToken {
  std::string content;
  bool single_word = false, lstrip = false, rstrip = false, special = false;
  std::optional<bool> normalized = {};  ///< Not set: only special tokens are looked for in the text as given.
  bool is_text = false;

  AddedToken added(bool is_special) const {
    return {.content = content,
            .single_word = single_word,
            .lstrip = lstrip,
            .rstrip = rstrip,
            .normalized = normalized.value_or(!is_special),
            .special = is_special};
  }
};

/// Whether transformers takes two tokens for the same.
bool is_same(const GivenToken& a, const GivenToken& b) {
  return !a.is_text && !b.is_text && a.added(a.special) == b.added(b.special);
}

/// Reads a token that is a text, or a map of flags.
GivenToken read_token(const Document& json) {
  if (!json.is_map()) {
    if (!json.is_scalar() || !json.is_quoted()) throw json.error("expected a token: a string, or a map with 'content'");
    return {.content = json.as_text(), .is_text = true};
  }
  json.require_known_keys({"__type", "content", "single_word", "lstrip", "rstrip", "normalized", "special"});
  const auto is_on = [&](std::string_view key) {
    const Document* value = json.given(key);
    return value != nullptr && value->as_bool();
  };
  GivenToken token = {.content = json.at("content").as_text(),
                      .single_word = is_on("single_word"),
                      .lstrip = is_on("lstrip"),
                      .rstrip = is_on("rstrip"),
                      .special = is_on("special")};
  if (json.given("normalized") != nullptr) token.normalized = is_on("normalized");
  if (token.content.empty()) throw json.at("content").error("a token without text");
  return token;
}

/// The id that is the key of an entry of `added_tokens_decoder`.
int64_t id_of_key(const std::string& key, const Document& place) {
  const bool is_number = !key.empty() && key.size() < 11 && key.find_first_not_of("0123456789") == std::string::npos;
  if (!is_number) throw place.error(fmt::format("expected an id as key, found '{}'", key));
  return std::stoll(key);
}

std::optional<Document> read_if_there(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  return Document::read_json(path);
}

/// The value of an optional flag.
std::optional<bool> flag_of(const std::optional<Document>& json, std::string_view key) {
  const Document* value = json ? json->given(key) : nullptr;
  return value == nullptr ? std::nullopt : std::optional(value->as_bool());
}

class ConfigReader {
 public:
  ConfigReader(const std::filesystem::path& folder, TokenizerParts& parts)
      : config_(read_if_there(folder / "tokenizer_config.json")),
        special_map_(read_if_there(folder / "special_tokens_map.json")),
        added_tokens_(read_if_there(folder / "added_tokens.json")),
        parts_(parts) {}

  void run() {
    if (!config_ && !special_map_ && !added_tokens_) return;
    refuse_options();
    class_ = tokenizer_class_of(config_ ? config_->given("tokenizer_class") : nullptr);
    read_listed();
    read_special();
    add_tokens();
    if (config_) set_prefix_space();
    set_template();
    parts_.added.prepare(parts_.normalizer);
  }

 private:
  /// A token with the id that a file gives it.
  struct ListedToken {
    int64_t id = 0;
    GivenToken token;
    const Document* place = nullptr;  ///< Unset for those of tokenizer.json itself.
    bool is_of_added_tokens_json = false;
  };

  Error error_at(std::string_view key, std::string_view message) const { return config_->at(key).error(message); }

  void refuse_options() const {
    for (const char* key : {"split_special_tokens", "from_slow", "do_lower_case"}) {
      if (flag_of(config_, key).value_or(false)) throw error_at(key, fmt::format("{} is not supported", key));
    }
  }

  /// Reads added tokens with ids. Those of tokenizer.json count where tokenizer_config.json has
  /// none.
  void read_listed() {
    if (const Document* decoder = config_ ? config_->find("added_tokens_decoder") : nullptr) {
      for (const auto& [key, value] : decoder->entries()) {
        if (!value.is_map()) throw value.error("expected a map with the token's 'content'");
        listed_.push_back({.id = id_of_key(key, value), .token = read_token(value), .place = &value});
      }
    } else {
      for (const AddedToken& token : parts_.added.tokens()) {
        listed_.push_back({.id = token.id,
                           .token = {.content = token.content,
                                     .single_word = token.single_word,
                                     .lstrip = token.lstrip,
                                     .rstrip = token.rstrip,
                                     .special = token.special,
                                     .normalized = token.normalized}});
      }
      if (added_tokens_) read_added_tokens_json();
    }
    std::ranges::stable_sort(listed_, {}, &ListedToken::id);
  }

  /// Tokens of added_tokens.json, except for ids that tokenizer.json has. As in transformers, a map
  /// of flags in tokenizer_config.json does not make such a token special.
  void read_added_tokens_json() {
    std::set<std::string> special;
    const auto add = [&](const Document& json, bool is_config) {
      const GivenToken token = read_token(json);
      if (token.is_text || !is_config) special.insert(token.content);
    };
    for (const Document* json : {config_ ? &*config_ : nullptr, special_map_ ? &*special_map_ : nullptr}) {
      if (json == nullptr) continue;
      const bool is_config = config_ && json == &*config_;
      for (const char* key : kSpecialKeys) {
        if (const Document* token = json->given(key)) add(*token, is_config);
      }
      if (const Document* more = json->given(kMoreSpecialTokens)) {
        for (const Document& token : more->items()) add(token, is_config);
      }
    }
    for (const auto& [content, value] : added_tokens_->entries()) {
      const int64_t id = value.as_integer();
      if (std::ranges::find(listed_, id, &ListedToken::id) != listed_.end()) continue;
      const bool is_special = special.contains(content);
      listed_.push_back({.id = id,
                         .token = {.content = content, .special = is_special, .normalized = !is_special},
                         .place = &value,
                         .is_of_added_tokens_json = true});
    }
  }

  /// The token that a special token's key stands for: with the flags of an added token of that
  /// text, if there is one.
  GivenToken with_listed_flags(GivenToken token) const {
    // The last of equal texts counts, as in a Python dictionary.
    for (auto one = listed_.rbegin(); one != listed_.rend(); ++one) {
      // transformers forgets those of added_tokens.json here.
      if (one->token.content == token.content && !one->is_of_added_tokens_json) return one->token;
    }
    return token;
  }

  /// A special token of tokenizer_config.json, which must say there that its map is a token.
  static GivenToken read_special_of_config(const Document& json) {
    const Document* type = json.is_map() ? json.find("__type") : nullptr;
    if (json.is_map() && type == nullptr) throw json.error("a special token with flags needs '__type': 'AddedToken'");
    return read_token(json);
  }

  /// Reads the special tokens: of special_tokens_map.json, if tokenizer_config.json has no
  /// `added_tokens_decoder`; else of tokenizer_config.json; else of the class.
  void read_special() {
    const bool has_decoder = config_ && config_->find("added_tokens_decoder") != nullptr;
    const Document* map = special_map_ && !has_decoder ? &*special_map_ : nullptr;
    const std::array<std::string_view, kSpecialKeys.size()> defaults = {class_.bos, class_.eos, class_.unk, "",
                                                                        class_.pad, "",         ""};
    for (size_t i = 0; i < kSpecialKeys.size(); ++i) {
      const Document* in_map = map == nullptr ? nullptr : map->find(kSpecialKeys[i]);
      const Document* in_config = config_ ? config_->find(kSpecialKeys[i]) : nullptr;
      std::optional<GivenToken> token;
      if (in_map != nullptr) {
        if (!in_map->is_null()) token = read_token(*in_map);
        if (token && !token->is_text) token->special = true;
      } else if (in_config != nullptr) {
        if (!in_config->is_null()) token = read_special_of_config(*in_config);
      } else if (!defaults[i].empty()) {
        token = GivenToken{.content = std::string(defaults[i]), .is_text = true};
      }
      if (!token) continue;
      if (in_map != nullptr || in_config != nullptr) token = with_listed_flags(*token);
      if (class_.adds_special_again && token->is_text && i != 3 && i < 5) {
        token->is_text = false;
        token->special = true;
        token->normalized = false;
      }
      if (i == 0) bos_ = token->content;
      if (i == 1) eos_ = token->content;
      special_.push_back({*token});
    }
    read_more_special(map);
  }

  /// Reads `additional_special_tokens`, a list, and `extra_special_tokens`, a map.
  void read_more_special(const Document* map) {
    std::vector<GivenToken> tokens;
    if (const Document* more = config_ ? config_->given(kMoreSpecialTokens) : nullptr) {
      for (const Document& token : more->items()) tokens.push_back(read_special_of_config(token));
    }
    if (const Document* more = map == nullptr ? nullptr : map->given(kMoreSpecialTokens)) {
      for (const Document& token : more->items()) {
        tokens.push_back(read_token(token));
        if (!tokens.back().is_text) tokens.back().special = true;
      }
    }
    special_.push_back(std::move(tokens));
    const Document* extra = config_ ? config_->given("extra_special_tokens") : nullptr;
    if (extra == nullptr || (extra->is_list() && extra->items().empty())) return;
    if (!extra->is_map()) throw extra->error("expected a map; versions of transformers read a list differently");
    for (const auto& [name, token] : extra->entries()) special_.push_back({read_special_of_config(token)});
  }

  void add_tokens() {
    std::set<std::string> known, special;
    for (const AddedToken& token : parts_.added.tokens()) known.insert(token.content);
    std::vector<GivenToken> tokens;
    for (const ListedToken& one : listed_) {
      tokens.push_back(one.token);
      known.insert(one.token.content);
    }
    const std::vector<GivenToken> listed = tokens;
    for (const std::vector<GivenToken>& of_key : special_) {
      // A list may name a token twice, with and without flags.
      const std::set<std::string> of_earlier_keys = special;
      for (const GivenToken& token : of_key) {
        if (of_earlier_keys.contains(token.content)) continue;
        special.insert(token.content);
        const auto is_listed = [&](const GivenToken& other) { return is_same(token, other); };
        const bool is_there = token.is_text ? known.contains(token.content) : std::ranges::any_of(listed, is_listed);
        if (!is_there) tokens.push_back(token);
      }
    }
    std::vector<AddedToken> added;
    added.reserve(tokens.size());
    for (const GivenToken& token : tokens)
      added.push_back(token.added(token.special || special.contains(token.content)));
    parts_.added.add(added, *parts_.model);
    for (const ListedToken& one : listed_) {
      if (one.place != nullptr) require_added_id(parts_.added, *parts_.model, one.token.content, one.id, *one.place);
    }
    for (const AddedToken& token : parts_.added.tokens()) {
      if (token.id <= Bpe::kLargestId && (parts_.model->id(token.content) || !parts_.model->token(token.id))) continue;
      throw input_error("{}: the added token '{}' would get the id {}, which is another token's, or over 2^31 - 1",
                        parts_.source, token.content, token.id);
    }
  }

  /// Whether tokenizer.json is what transformers makes of a SentencePiece model for Llama.
  bool is_made_for_llama(bool prefix_space) const {
    const auto is_space_replace = [](const auto& step) {
      const auto* replace = std::get_if<ReplaceStep>(&step);
      return replace != nullptr && replace->content == "\u2581";
    };
    if (flag_of(config_, "legacy").value_or(true)) {
      const Normalizer& steps = parts_.normalizer;
      if (!parts_.pre_tokenizer.empty() || steps.size() != (prefix_space ? 2U : 1U)) return false;
      return is_space_replace(steps.back()) && (!prefix_space || std::holds_alternative<PrependStep>(steps.front()));
    }
    const std::vector<PreTokenizerStep>& steps = parts_.pre_tokenizer;
    if (!parts_.normalizer.empty() || steps.size() != (prefix_space ? 2U : 1U) || !is_space_replace(steps.front())) {
      return false;
    }
    const auto* prefix = std::get_if<PrefixSpaceStep>(&steps.back());
    return !prefix_space || (prefix != nullptr && prefix->which == Prepend::kAtTextsStart);
  }

  /// Whether every ByteLevel of the pre-tokenizer puts a space before pieces.
  bool puts_spaces_before_bytes() const {
    const auto n_of = [&](const auto& is_one) { return std::ranges::count_if(parts_.pre_tokenizer, is_one); };
    return n_of([](const auto& step) { return std::holds_alternative<ByteSymbolStep>(step); }) ==
           n_of([](const auto& step) {
             const auto* prefix = std::get_if<PrefixSpaceStep>(&step);
             return prefix != nullptr && prefix->space == " ";
           });
  }

  void set_prefix_space() {
    const std::optional<bool> given = flag_of(config_, "add_prefix_space");
    if (class_.is_llama) {
      if (!given || is_made_for_llama(*given)) return;
      throw error_at("add_prefix_space",
                     "with this class, transformers makes the tokenizer anew from tokenizer.model, and tokenizer.json "
                     "is not what would come of it; leave the key out, or save the tokenizer again");
    }
    if (parts_.is_byte_level) {
      const Document* written = config_->find("add_prefix_space");
      if (written != nullptr && written->is_null()) return;
      const bool wanted = given.value_or(false);
      std::vector<PreTokenizerStep>& steps = parts_.pre_tokenizer;
      if (wanted == std::holds_alternative<PrefixSpaceStep>(steps.front())) return;
      if (wanted) {
        steps.insert(steps.begin(), PrefixSpaceStep{.space = " "});
      } else {
        steps.erase(steps.begin());
      }
      return;
    }
    const bool must_spread = class_.spreads_prefix_space && given.value_or(false);
    if (!given || (must_spread ? puts_spaces_before_bytes() : *given == has_prefix_space(parts_))) return;
    throw error_at("add_prefix_space",
                   fmt::format("is {}, but the pre-tokenizer of {} says otherwise; versions of transformers differ in "
                               "what they do then",
                               *given, parts_.source));
  }

  std::vector<int64_t> id_of_special(bool is_added, const std::string& token, std::string_view key) const {
    if (!is_added) return {};
    if (token.empty()) throw config_->error(fmt::format("add_{} is true, but there is no {}", key, key));
    return {parts_.added.find(token) != nullptr ? parts_.added.find(token)->id : parts_.model->id(token).value()};
  }

  void set_template() {
    const std::optional<bool> bos = flag_of(config_, "add_bos_token"), eos = flag_of(config_, "add_eos_token");
    if (class_.makes_template) {
      // A key without a value is false.
      const auto is_on = [&](std::string_view key, std::optional<bool> given, bool otherwise) {
        return config_->find(key) == nullptr ? otherwise : given.value_or(false);
      };
      parts_.around = {
          .before = id_of_special(is_on("add_bos_token", bos, class_.adds_bos), bos_, "bos_token"),
          .behind = id_of_special(is_on("add_eos_token", eos, false), eos_, "eos_token"),
      };
      return;
    }
    const auto check = [&](std::string_view key, std::optional<bool> given, bool in_file) {
      if (!given || *given == in_file) return;
      throw error_at(key, fmt::format("is {}, but the template (post_processor) of {} has {}; versions of transformers "
                                      "differ in what they do then",
                                      *given, parts_.source, in_file ? "such a token" : "no such token"));
    };
    check("add_bos_token", bos, !parts_.around.before.empty());
    check("add_eos_token", eos, !parts_.around.behind.empty());
  }

  std::optional<Document> config_, special_map_, added_tokens_;
  TokenizerParts& parts_;
  TokenizerClass class_;
  std::vector<ListedToken> listed_;               ///< By id.
  std::vector<std::vector<GivenToken>> special_;  ///< By key.
  std::string bos_, eos_;
};

}  // namespace

bool has_prefix_space(const TokenizerParts& parts) {
  const auto& before = parts.normalizer;
  const auto& steps = parts.pre_tokenizer;
  return std::ranges::any_of(before, [](const auto& step) { return std::holds_alternative<PrependStep>(step); }) ||
         std::ranges::any_of(steps, [](const auto& step) { return std::holds_alternative<PrefixSpaceStep>(step); });
}

void apply_tokenizer_config(const std::filesystem::path& folder, TokenizerParts& parts) {
  ConfigReader(folder, parts).run();
}

}  // namespace cprobe
