#include "cprobe/tokenizer/added_tokens.h"

#include <algorithm>

#include "cprobe/core/error.h"
#include "cprobe/core/utf8.h"

namespace cprobe {
namespace {

/// A character of Rust's \w (Unicode Technical Standard 18): letters, marks, digits, number
/// letters, connectors, circled and squared letters, joiners. Rust knows Unicode 16 and PCRE2
/// Unicode 14, so that later characters are written out.
constexpr std::string_view kWord =
    R"([\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{24B6}-\x{24E9}\x{1F130}-\x{1F149}\x{1F150}-\x{1F169}\x{1F170}-\x{1F189})"
    R"(\x{200C}\x{200D})"
    R"(\x{897}\x{CF3}\x{ECE}\x{1C89}-\x{1C8A}\x{A7CB}-\x{A7CD}\x{A7DA}-\x{A7DC}\x{105C0}-\x{105F3})"
    R"(\x{10D40}-\x{10D65}\x{10D69}-\x{10D6D}\x{10D6F}-\x{10D85}\x{10EC2}-\x{10EC4}\x{10EFC}-\x{10EFF})"
    R"(\x{1123F}-\x{11241}\x{11380}-\x{11389}\x{1138B}\x{1138E}\x{11390}-\x{113B5}\x{113B7}-\x{113C0})"
    R"(\x{113C2}\x{113C5}\x{113C7}-\x{113CA}\x{113CC}-\x{113D3}\x{113E1}-\x{113E2}\x{116D0}-\x{116E3})"
    R"(\x{11BC0}-\x{11BE0}\x{11BF0}-\x{11BF9}\x{11F00}-\x{11F10}\x{11F12}-\x{11F3A}\x{11F3E}-\x{11F42})"
    R"(\x{11F50}-\x{11F5A}\x{1342F}\x{13440}-\x{13455}\x{13460}-\x{143FA}\x{16100}-\x{16139})"
    R"(\x{16D40}-\x{16D6C}\x{16D70}-\x{16D79}\x{18CFF}\x{1B132}\x{1B155}\x{1CCF0}-\x{1CCF9})"
    R"(\x{1DF25}-\x{1DF2A}\x{1E030}-\x{1E06D}\x{1E08F}\x{1E4D0}-\x{1E4F9}\x{1E5D0}-\x{1E5FA}\x{2B739})"
    R"(\x{2EBF0}-\x{2EE5D}\x{31350}-\x{323AF}])";

bool is_white_space(char32_t c) {
  return (c >= 0x9 && c <= 0xD) || c == ' ' || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
         c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

/// The first byte of the white space that ends at `end`; `end` if there is none.
size_t begin_of_space(std::string_view text, size_t end) {
  while (end > 0) {
    const size_t begin = previous_begin(text, end);
    size_t offset = begin;
    if (!is_white_space(next_code_point(text, offset))) break;
    end = begin;
  }
  return end;
}

/// The byte behind the white space that begins at `begin`; `begin` if there is none.
size_t end_of_space(std::string_view text, size_t begin) {
  while (begin < text.size()) {
    size_t offset = begin;
    if (!is_white_space(next_code_point(text, offset))) break;
    begin = offset;
  }
  return begin;
}

}  // namespace

void AddedTokens::Matcher::add(std::string_view text, size_t token) {
  size_t node = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const auto [edge, is_new] = edges_.emplace(node * first_bytes_.size() + byte, n_nodes_);
    if (is_new) ++n_nodes_;
    node = edge->second;
  }
  if (!text.empty()) first_bytes_[static_cast<unsigned char>(text.front())] = true;
  ends_.emplace(node, token);
}

std::optional<AddedTokens::Matcher::Match> AddedTokens::Matcher::longest_at(std::string_view text, size_t begin) const {
  if (!first_bytes_[static_cast<unsigned char>(text[begin])]) return std::nullopt;
  std::optional<Match> longest;
  size_t node = 0;
  for (size_t i = begin; i < text.size(); ++i) {
    const auto edge = edges_.find(node * first_bytes_.size() + static_cast<unsigned char>(text[i]));
    if (edge == edges_.end()) break;
    node = edge->second;
    const auto end = ends_.find(node);
    if (end != ends_.end()) longest = Match{.token = end->second, .end = i + 1};
  }
  return longest;
}

void AddedTokens::add(const std::vector<AddedToken>& tokens, const Bpe& model) {
  for (const AddedToken& token : tokens) {
    if (token.special && special_.insert(token.content).second) {
      special_patterns_.push_back({.content = token.content, .normalized = token.normalized});
    }
  }
  const auto n_model = static_cast<int64_t>(model.n_tokens());
  for (const AddedToken& token : tokens) {
    AddedToken added = token;
    const auto [known, is_new] = by_content_.emplace(token.content, tokens_.size());
    if (is_new) {
      added.id = model.id(token.content).value_or(std::max(largest_id_ + 1, n_model));
      largest_id_ = std::max(largest_id_, added.id);
      by_id_.emplace(added.id, tokens_.size());
      tokens_.push_back(added);
    } else {
      AddedToken& before = tokens_[known->second];
      added.id = before.id;
      if (added == before) continue;
      before = added;
    }
    if (!special_.contains(token.content)) {
      other_patterns_.push_back({.content = token.content, .normalized = token.normalized});
    }
  }
}

void AddedTokens::prepare(const Normalizer& normalizer) {
  as_given_ = {};
  normalized_ = {};
  for (const std::vector<Pattern>* patterns : {&special_patterns_, &other_patterns_}) {
    for (const Pattern& pattern : *patterns) {
      const size_t token = by_content_.at(pattern.content);
      if (!pattern.normalized) {
        as_given_.add(pattern.content, token);
        continue;
      }
      const std::string text = cprobe::normalized(pattern.content, normalizer);
      if (text.empty()) throw input_error("the added token '{}' is normalised to nothing", pattern.content);
      normalized_.add(text, token);
    }
  }
  const bool has_words = std::ranges::any_of(tokens_, [](const AddedToken& token) { return token.single_word; });
  if (has_words && !word_) word_ = Regex::compile(kWord, "added_tokens");
}

void AddedTokens::extract(Pieces& pieces, bool normalized) const {
  const Matcher& matcher = normalized ? normalized_ : as_given_;
  if (matcher.is_empty()) return;
  std::vector<Pieces::Piece> result;
  for (const Pieces::Piece& piece : pieces.pieces) {
    if (piece.token) {
      result.push_back(piece);
      continue;
    }
    for (Pieces::Piece part : split(pieces.text_of(piece), matcher)) {
      part.range.begin += piece.range.begin;
      part.range.end += piece.range.begin;
      result.push_back(part);
    }
  }
  pieces.pieces = std::move(result);
}

std::vector<Pieces::Piece> AddedTokens::split(std::string_view text, const Matcher& matcher) const {
  std::vector<Pieces::Piece> result;
  size_t done = 0;  // The text before is in pieces already.
  for (size_t begin = 0; begin < text.size();) {
    const std::optional<Matcher::Match> match = matcher.longest_at(text, begin);
    if (!match) {
      ++begin;
      continue;
    }
    const AddedToken& token = tokens_[match->token];
    TextRange range = {.begin = begin, .end = match->end};
    begin = match->end;
    if (token.single_word && !stands_alone(text, range)) continue;
    if (token.lstrip) range.begin = std::max(begin_of_space(text, range.begin), done);
    if (token.rstrip) range.end = end_of_space(text, range.end);
    if (range.begin > range.end) {
      throw input_error("no text is left for the added token '{}': another added token takes this white space along",
                        token.content);
    }
    if (done < range.begin) result.push_back({.range = {.begin = done, .end = range.begin}, .token = {}});
    if (range.begin < range.end) result.push_back({.range = range, .token = token.id});
    done = range.end;
  }
  if (done != text.size()) result.push_back({.range = {.begin = done, .end = text.size()}, .token = {}});
  return result;
}

bool AddedTokens::stands_alone(std::string_view text, TextRange match) const {
  const auto is_word = [this](std::string_view character) { return !word_->matches(character).empty(); };
  if (match.begin > 0) {
    const size_t before = previous_begin(text, match.begin);
    if (is_word(text.substr(before, match.begin - before))) return false;
  }
  if (match.end < text.size()) {
    size_t behind = match.end;
    next_code_point(text, behind);
    if (is_word(text.substr(match.end, behind - match.end))) return false;
  }
  return true;
}

const AddedToken* AddedTokens::find(int64_t id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &tokens_[found->second];
}

const AddedToken* AddedTokens::find(std::string_view content) const {
  const auto found = by_content_.find(std::string(content));
  return found == by_content_.end() ? nullptr : &tokens_[found->second];
}

}  // namespace cprobe
