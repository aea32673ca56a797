#include "cprobe/tokenizer/tokenizer.h"

#include <algorithm>

#include "cprobe/core/error.h"
#include "cprobe/core/utf8.h"
#include "cprobe/tokenizer/tokenizer_parts.h"

namespace cprobe {
namespace {

void require_utf8(std::string_view text) {
  const size_t valid = utf8_prefix(text);
  if (valid != text.size()) throw input_error("the text is not UTF-8 at byte {} of its {}", valid, text.size());
}

/// Runs a step of the pre-tokenizer on all pieces.
struct RunStep {
  Pieces& pieces;

  void operator()(const SplitStep& step) const { split_pieces(pieces, step.pattern, step.behavior, step.invert); }
  void operator()(const PrefixSpaceStep& step) const { prepend_to_pieces(pieces, step.space, step.which); }
  void operator()(const ReplaceStep& step) const { replace_in_pieces(pieces, step.pattern, step.content); }
  void operator()(const ByteSymbolStep&) const { map_to_byte_symbols(pieces); }
};

/// Prepares a text for the model: cuts out added tokens, normalises and splits the rest.
/// @param goes_on  as Pieces::goes_on.
Pieces pieces_of(std::string_view text, const TokenizerParts& parts, bool goes_on) {
  Pieces pieces = one_piece(text);
  pieces.goes_on = goes_on;
  parts.added.extract(pieces, false);
  normalize_pieces(pieces, parts.normalizer);
  parts.added.extract(pieces, true);
  for (const PreTokenizerStep& step : parts.pre_tokenizer) std::visit(RunStep{pieces}, step);
  return pieces;
}

void append(Encoding& encoding, int64_t id, const RewrittenText& content, TextRange bytes) {
  encoding.ids.push_back(id);
  encoding.begin.push_back(content.origin[bytes.begin].begin);
  encoding.end.push_back(content.origin[bytes.end - 1].end);
}

/// The tokens of a text alone. @param goes_on  as Pieces::goes_on.
Encoding encode_text(std::string_view text, const TokenizerParts& parts, bool goes_on) {
  require_utf8(text);
  const Pieces pieces = pieces_of(text, parts, goes_on);
  Encoding encoding;
  std::vector<BpeToken> tokens;
  for (const Pieces::Piece& piece : pieces.pieces) {
    if (piece.token) {
      append(encoding, *piece.token, pieces.content, piece.range);
      continue;
    }
    tokens.clear();
    parts.model->encode(pieces.text_of(piece), tokens);
    for (const BpeToken& token : tokens) {
      append(encoding, token.id, pieces.content,
             {.begin = piece.range.begin + token.begin, .end = piece.range.begin + token.end});
    }
  }
  return encoding;
}

/// Puts tokens that cover no bytes before (`at` 0) or behind (`at` the number of tokens) the
/// others.
void insert(Encoding& encoding, size_t at, const std::vector<int64_t>& ids) {
  const auto place = static_cast<std::ptrdiff_t>(at);
  const size_t byte = at == 0 ? 0 : encoding.end.back();
  encoding.ids.insert(encoding.ids.begin() + place, ids.begin(), ids.end());
  encoding.begin.insert(encoding.begin.begin() + place, ids.size(), byte);
  encoding.end.insert(encoding.end.begin() + place, ids.size(), byte);
}

std::string joined(const std::vector<std::string>& tokens, std::string_view separator) {
  std::string text;
  for (size_t i = 0; i < tokens.size(); ++i) text.append(i == 0 ? "" : separator).append(tokens[i]);
  return text;
}

/// A part of the message about a folder without a tokenizer, if the folder has a SentencePiece
/// model.
std::string about_sentencepiece(const std::filesystem::path& folder) {
  for (const char* name : {"tokenizer.model", "spiece.model", "sentencepiece.bpe.model"}) {
    if (!std::filesystem::exists(folder / name)) continue;
    return fmt::format(
        "; {} is a SentencePiece model, which transformers turns into a tokenizer.json "
        "(AutoTokenizer.from_pretrained(..).save_pretrained(..))",
        name);
  }
  return "";
}

}  // namespace

Tokenizer::Tokenizer(TokenizerParts parts) : parts_(std::make_shared<TokenizerParts>(std::move(parts))) {
  file_ = parts_;
}

Tokenizer Tokenizer::load(const std::filesystem::path& folder) {
  const std::filesystem::path json = folder / "tokenizer.json";
  if (std::filesystem::exists(json)) {
    const auto file = std::make_shared<const TokenizerParts>(read_tokenizer_json(Document::read_json(json)));
    TokenizerParts parts = *file;
    apply_tokenizer_config(folder, parts);
    return {std::make_shared<const TokenizerParts>(std::move(parts)), file};
  }
  if (!std::filesystem::exists(folder / "vocab.json")) {
    throw input_error("{}: no tokenizer here: expected tokenizer.json, or vocab.json and merges.txt{}", folder.string(),
                      about_sentencepiece(folder));
  }
  return Tokenizer(read_gpt2_files(folder));
}

Tokenizer Tokenizer::parse(const Document& tokenizer_json) {
  return Tokenizer(read_tokenizer_json(tokenizer_json));
}

Tokenizer Tokenizer::without_config() const {
  TokenizerParts parts = *file_;
  parts.around = {};
  return Tokenizer(std::move(parts));
}

Encoding Tokenizer::encode(std::string_view text, TemplateTokens around) const {
  Encoding encoding = encode_text(text, *parts_, false);
  const auto& [before, behind] = parts_->around;
  const bool has_them =
      encoding.ids.size() >= before.size() && std::equal(before.begin(), before.end(), encoding.ids.begin());
  if (around == TemplateTokens::kAll || (around == TemplateTokens::kBefore && !has_them)) {
    insert(encoding, 0, before);
    encoding.n_before = before.size();
  }
  if (around == TemplateTokens::kAll) insert(encoding, encoding.ids.size(), behind);
  return encoding;
}

std::vector<int64_t> Tokenizer::encode_continuation(std::string_view text) const {
  return encode_text(text, *parts_, true).ids;
}

const TokenTemplate& Tokenizer::token_template() const {
  return parts_->around;
}

std::string Tokenizer::decode(std::span<const int64_t> ids) const {
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const int64_t id : ids) tokens.push_back(token(id));
  return joined(decoded(std::move(tokens), parts_->decoder), parts_->has_decoder ? "" : " ");
}

const std::string& Tokenizer::token(int64_t id) const {
  if (const AddedToken* added = parts_->added.find(id)) return added->content;
  if (const std::string* token = parts_->model->token(id)) return *token;
  throw input_error("{}: no token has the id {}; the largest is {}", parts_->source, id, size() - 1);
}

bool Tokenizer::has(int64_t id) const {
  return parts_->added.find(id) != nullptr || parts_->model->token(id) != nullptr;
}

std::optional<int64_t> Tokenizer::find(std::string_view token) const {
  if (const AddedToken* added = parts_->added.find(token)) return added->id;
  return parts_->model->id(token);
}

int64_t Tokenizer::size() const {
  return 1 + std::max(file_->model->largest_id(), file_->added.largest_id());
}

int64_t single_token(const Tokenizer& tokenizer, std::string_view text, std::string_view where) {
  const std::vector<int64_t> ids = tokenizer.encode_continuation(text);
  if (ids.size() == 1) return ids[0];
  throw input_error(
      "{}{}the continuation '{}' is {} tokens of this tokenizer; expected one, the next token (most words begin with "
      "a space, as ' are')",
      where, where.empty() ? "" : ": ", text, ids.size());
}

TokenSpan tokens_covering(const Encoding& encoding, size_t begin, size_t end) {
  TokenSpan span;
  if (begin >= end) return span;
  for (size_t i = 0; i < encoding.ids.size(); ++i) {
    if (encoding.begin[i] >= end || encoding.end[i] <= begin || encoding.begin[i] == encoding.end[i]) continue;
    if (span.first == span.last) span.first = i;
    span.last = i + 1;
  }
  return span;
}

size_t byte_of_character(std::string_view text, size_t index) {
  require_utf8(text);
  size_t offset = 0;
  for (size_t n = 0; n < index; ++n) {
    if (offset == text.size()) throw input_error("the text has {} characters; there is no character {}", n, index);
    next_code_point(text, offset);
  }
  return offset;
}

}  // namespace cprobe
