#include "cprobe/tokenizer/tokenizer.h"

#include <algorithm>

#include "cprobe/core/error.h"
#include "cprobe/core/utf8.h"
#include "cprobe/tokenizer/byte_alphabet.h"
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
  void operator()(const PrefixSpaceStep&) const { add_prefix_spaces(pieces); }
  void operator()(const ByteSymbolStep&) const { map_to_byte_symbols(pieces); }
};

/// Prepares a text for the model: cuts out added tokens, normalises and splits the rest.
Pieces pieces_of(std::string_view text, const TokenizerParts& parts) {
  Pieces pieces = one_piece(text);
  parts.added.extract(pieces, false);
  if (parts.nfc) normalize_pieces(pieces);
  parts.added.extract(pieces, true);
  for (const PreTokenizerStep& step : parts.pre_tokenizer) std::visit(RunStep{pieces}, step);
  return pieces;
}

void append(Encoding& encoding, int64_t id, const RewrittenText& content, TextRange bytes) {
  encoding.ids.push_back(id);
  encoding.begin.push_back(content.origin[bytes.begin].begin);
  encoding.end.push_back(content.origin[bytes.end - 1].end);
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
    return fmt::format("; {} is a SentencePiece model, which is not supported", name);
  }
  return "";
}

/// The text whose bytes the tokens stand for. A token with a character outside the alphabet stands
/// for itself.
std::string decode_byte_level(const std::vector<std::string>& tokens) {
  std::string bytes;
  for (const std::string& token : tokens) bytes += bytes_of_symbols(token).value_or(token);
  return replace_invalid_utf8(bytes);
}

}  // namespace

Tokenizer Tokenizer::load(const std::filesystem::path& folder) {
  const std::filesystem::path json = folder / "tokenizer.json";
  if (std::filesystem::exists(json)) return parse(Document::read_json(json));
  if (!std::filesystem::exists(folder / "vocab.json")) {
    throw input_error("{}: no tokenizer here: expected tokenizer.json, or vocab.json and merges.txt{}", folder.string(),
                      about_sentencepiece(folder));
  }
  return Tokenizer(std::make_shared<const TokenizerParts>(read_gpt2_files(folder)));
}

Tokenizer Tokenizer::parse(const Document& tokenizer_json) {
  return Tokenizer(std::make_shared<const TokenizerParts>(read_tokenizer_json(tokenizer_json)));
}

Encoding Tokenizer::encode(std::string_view text) const {
  require_utf8(text);
  const Pieces pieces = pieces_of(text, *parts_);
  Encoding encoding;
  std::vector<BpeToken> tokens;
  for (const Pieces::Piece& piece : pieces.pieces) {
    if (piece.token) {
      append(encoding, *piece.token, pieces.content, piece.range);
      continue;
    }
    tokens.clear();
    parts_->model.encode(pieces.text_of(piece), tokens);
    for (const BpeToken& token : tokens) {
      append(encoding, token.id, pieces.content,
             {.begin = piece.range.begin + token.begin, .end = piece.range.begin + token.end});
    }
  }
  return encoding;
}

std::string Tokenizer::decode(std::span<const int64_t> ids) const {
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const int64_t id : ids) tokens.push_back(token(id));
  for (const DecoderStep step : parts_->decoder) {
    tokens = {step == DecoderStep::kByteLevel ? decode_byte_level(tokens) : joined(tokens, "")};
  }
  return joined(tokens, parts_->has_decoder ? "" : " ");
}

const std::string& Tokenizer::token(int64_t id) const {
  if (const AddedToken* added = parts_->added.find(id)) return added->content;
  if (const std::string* token = parts_->model.token(id)) return *token;
  throw input_error("{}: no token has the id {}; the largest is {}", parts_->source, id, size() - 1);
}

bool Tokenizer::has(int64_t id) const {
  return parts_->added.find(id) != nullptr || parts_->model.token(id) != nullptr;
}

std::optional<int64_t> Tokenizer::find(std::string_view token) const {
  if (const AddedToken* added = parts_->added.find(token)) return added->id;
  return parts_->model.id(token);
}

int64_t Tokenizer::size() const {
  return 1 + std::max(parts_->model.largest_id(), parts_->added.largest_id());
}

int64_t single_token(const Tokenizer& tokenizer, std::string_view text, std::string_view where) {
  const std::vector<int64_t> ids = tokenizer.encode(text).ids;
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
