/// GPT-2's vocab.json and merges.txt -> TokenizerParts, as transformers' GPT2TokenizerFast reads
/// them.

#include "cprobe/core/text.h"
#include "cprobe/core/utf8.h"
#include "cprobe/io/atomic_file.h"
#include "cprobe/tokenizer/tokenizer_parts.h"

namespace cprobe {
namespace {

constexpr std::string_view kEndOfText = "<|endoftext|>";
constexpr std::string_view kAdvice =
    "; save the tokenizer as tokenizer.json (transformers: AutoTokenizer.from_pretrained(..).save_pretrained(..))";

void read_merges(const std::filesystem::path& path, Bpe& model) {
  const std::string text = read_file(path);
  const size_t valid = utf8_prefix(text);
  if (valid != text.size()) throw input_error("{}:{}: not UTF-8", path.string(), place_of(text, valid).line);
  // Refuses files that programs read differently: transformers takes any first line for the header
  // and skips text behind the last line feed; other programs do not.
  if (!text.starts_with("#version"))
    throw input_error("{}:1: expected a line that begins with '#version'", path.string());
  if (!text.ends_with('\n')) throw input_error("{}: the last line does not end with a line feed", path.string());

  std::string_view rest = text;
  for (size_t line = 1; !rest.empty(); ++line) {
    std::string_view merge = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(merge.size() + 1);
    if (merge.ends_with('\r')) merge.remove_suffix(1);
    const auto place = [&](std::string_view message) { return input_error("{}:{}: {}", path.string(), line, message); };
    add_merge_line(model, merge, place);
  }
}

/// Refuses any special token but <|endoftext|> without flags. A special token is a string, or a map
/// with flags.
void require_end_of_text(const Document& token) {
  if (token.is_null()) return;
  const Document& content = token.is_map() ? token.at("content") : token;
  bool plain = content.is_scalar() && content.as_text() == kEndOfText;
  if (token.is_map()) {
    for (const std::string_view name : {"lstrip", "rstrip", "single_word"}) {
      const Document* value = token.find(name);
      plain = plain && (value == nullptr || !value->as_bool());
    }
  }
  if (!plain) throw token.error(fmt::format("a special token other than {}{}", kEndOfText, kAdvice));
}

void check_special_tokens_map(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return;
  const Document json = Document::read_json(path);
  for (const auto& [name, value] : json.entries()) {
    if (!value.is_list()) {
      require_end_of_text(value);
      continue;
    }
    for (const Document& token : value.items()) require_end_of_text(token);
  }
}

void check_added_tokens(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return;
  const Document json = Document::read_json(path);
  for (const auto& [token, id] : json.entries()) {
    if (token != kEndOfText) throw id.error(fmt::format("the added token '{}' is not read{}", token, kAdvice));
  }
}

/// Checks what matters in tokenizer_config.json: the tokenizer's class, and the options that change
/// ids.
/// @return whether <|endoftext|> is put before every text.
bool check_config(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return false;
  const Document json = Document::read_json(path);
  if (const Document* name = json.given("tokenizer_class")) {
    const std::string text = name->as_text();
    if (text != "GPT2Tokenizer" && text != "GPT2TokenizerFast") {
      throw name->error(fmt::format("expected GPT2Tokenizer, found {}{}", text, kAdvice));
    }
  }
  const Document* prefix = json.given("add_prefix_space");
  if (prefix != nullptr && prefix->as_bool()) {
    throw prefix->error(fmt::format("add_prefix_space is not supported with vocab.json{}", kAdvice));
  }
  if (const Document* added = json.given("added_tokens_decoder")) {
    for (const auto& [id, token] : added->entries()) require_end_of_text(token);
  }
  for (const char* key : {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}) {
    if (const Document* token = json.find(key)) require_end_of_text(*token);
  }
  for (const char* key : {"additional_special_tokens", "extra_special_tokens"}) {
    const Document* more = json.given(key);
    const bool is_empty = more == nullptr || (more->is_map() ? more->entries().empty() : more->items().empty());
    if (!is_empty) throw more->error(fmt::format("special tokens other than {}{}", kEndOfText, kAdvice));
  }
  for (const char* key : {"add_eos_token", "split_special_tokens", "do_lower_case", "from_slow"}) {
    const Document* value = json.given(key);
    if (value != nullptr && value->as_bool()) {
      throw value->error(fmt::format("{} is not supported with vocab.json{}", key, kAdvice));
    }
  }
  const Document* bos = json.given("add_bos_token");
  return bos != nullptr && bos->as_bool();
}

}  // namespace

TokenizerParts read_gpt2_files(const std::filesystem::path& folder) {
  check_special_tokens_map(folder / "special_tokens_map.json");
  check_added_tokens(folder / "added_tokens.json");
  const bool adds_bos = check_config(folder / "tokenizer_config.json");

  TokenizerParts parts;
  const Document vocab = Document::read_json(folder / "vocab.json");
  parts.source = vocab.where();
  const auto model = std::make_shared<Bpe>();
  read_vocabulary(vocab, *model);
  read_merges(folder / "merges.txt", *model);
  const std::optional<int64_t> end_of_text = model->id(kEndOfText);
  if (!end_of_text) {
    throw vocab.error(fmt::format("the token {} is missing, so this is not GPT-2's vocabulary{}", kEndOfText, kAdvice));
  }
  parts.added.add({{.content = std::string(kEndOfText), .normalized = true, .special = true}}, *model);
  parts.added.prepare({});
  parts.model = model;
  if (adds_bos) parts.around.before = {*end_of_text};
  parts.pre_tokenizer = byte_level_steps(false, true, parts.source);
  parts.has_decoder = true;
  parts.decoder = {DecodeByteSymbols{}};
  return parts;
}

}  // namespace cprobe
