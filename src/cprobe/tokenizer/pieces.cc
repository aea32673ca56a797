#include "cprobe/tokenizer/pieces.h"

#include <algorithm>

#include "cprobe/tokenizer/byte_alphabet.h"
#include "cprobe/tokenizer/nfc.h"

namespace cprobe {
namespace {

struct Cut {
  TextRange range;
  bool is_match = false;
};

/// The matches and the text between them, in order. A match may be empty.
std::vector<Cut> cuts(std::string_view text, const Regex& pattern, bool invert) {
  std::vector<Cut> result;
  size_t end = 0;
  for (const TextRange& match : pattern.matches(text)) {
    if (end != match.begin) result.push_back({.range = {.begin = end, .end = match.begin}, .is_match = invert});
    result.push_back({.range = match, .is_match = !invert});
    end = match.end;
  }
  if (end != text.size()) result.push_back({.range = {.begin = end, .end = text.size()}, .is_match = invert});
  return result;
}

/// Joins a cut to the one before if `joins(this one is a match, the one before is a match)`. Before
/// the first cut, there is no match.
template <typename Joins>
std::vector<TextRange> joined(const std::vector<Cut>& cuts, Joins joins) {
  std::vector<TextRange> result;
  bool before = false;
  for (const Cut& cut : cuts) {
    if (!result.empty() && joins(cut.is_match, before)) {
      // If the cuts are in reverse order, the one before is further right in the text.
      result.back().begin = std::min(result.back().begin, cut.range.begin);
      result.back().end = std::max(result.back().end, cut.range.end);
    } else {
      result.push_back(cut.range);
    }
    before = cut.is_match;
  }
  return result;
}

std::vector<TextRange> split(std::vector<Cut> cuts, SplitBehavior behavior) {
  const auto never = [](bool, bool) { return false; };
  const auto equal = [](bool matches, bool before) { return matches == before; };
  const auto first_match = [](bool matches, bool before) { return matches && !before; };
  std::vector<TextRange> result;
  switch (behavior) {
    case SplitBehavior::kRemoved:
      std::erase_if(cuts, [](const Cut& cut) { return cut.is_match; });
      return joined(cuts, never);
    case SplitBehavior::kIsolated:
      return joined(cuts, never);
    case SplitBehavior::kContiguous:
      return joined(cuts, equal);
    case SplitBehavior::kMergedWithPrevious:
      return joined(cuts, first_match);
    case SplitBehavior::kMergedWithNext:
      std::reverse(cuts.begin(), cuts.end());
      result = joined(cuts, first_match);
      std::reverse(result.begin(), result.end());
  }
  return result;
}

/// Writes the text anew, piece by piece: `rewrite(piece, target)` appends the new text of a piece
/// that is no token.
template <typename Rewrite>
void rewrite_pieces(Pieces& pieces, Rewrite rewrite) {
  RewrittenText result;
  result.text.reserve(pieces.content.text.size());
  result.origin.reserve(pieces.content.text.size());
  for (Pieces::Piece& piece : pieces.pieces) {
    const size_t begin = result.text.size();
    if (piece.token) {
      result.append(pieces.content, piece.range);
    } else {
      rewrite(piece, result);
    }
    piece.range = {.begin = begin, .end = result.text.size()};
  }
  std::erase_if(pieces.pieces, [](const Pieces::Piece& piece) { return piece.range.begin == piece.range.end; });
  pieces.content = std::move(result);
}

}  // namespace

void RewrittenText::append(std::string_view bytes, TextRange stands_for) {
  text += bytes;
  origin.resize(text.size(), stands_for);
}

void RewrittenText::append(const RewrittenText& other, TextRange bytes) {
  text.append(other.text, bytes.begin, bytes.end - bytes.begin);
  origin.insert(origin.end(), other.origin.begin() + static_cast<std::ptrdiff_t>(bytes.begin),
                other.origin.begin() + static_cast<std::ptrdiff_t>(bytes.end));
}

Pieces one_piece(std::string_view text) {
  Pieces result;
  result.content.text = text;
  result.content.origin.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) result.content.origin.push_back({.begin = i, .end = i + 1});
  if (!text.empty()) result.pieces.push_back({.range = {.begin = 0, .end = text.size()}, .token = {}});
  return result;
}

void split_pieces(Pieces& pieces, const Regex& pattern, SplitBehavior behavior, bool invert) {
  std::vector<Pieces::Piece> result;
  result.reserve(pieces.pieces.size());
  for (const Pieces::Piece& piece : pieces.pieces) {
    if (piece.token) {
      result.push_back(piece);
      continue;
    }
    for (const TextRange& part : split(cuts(pieces.text_of(piece), pattern, invert), behavior)) {
      if (part.begin == part.end) continue;
      result.push_back(
          {.range = {.begin = piece.range.begin + part.begin, .end = piece.range.begin + part.end}, .token = {}});
    }
  }
  pieces.pieces = std::move(result);
}

void prepend_to_pieces(Pieces& pieces, std::string_view text, Prepend which) {
  rewrite_pieces(pieces, [&](const Pieces::Piece& piece, RewrittenText& target) {
    const bool is_first = pieces.begins_text(piece);
    const bool is_there = which != Prepend::kToAll && pieces.text_of(piece).starts_with(text);
    if (!is_there && (is_first ? !pieces.goes_on : which != Prepend::kAtTextsStart)) {
      const size_t begin = pieces.content.origin[piece.range.begin].begin;
      target.append(text, {.begin = begin, .end = begin});
    }
    target.append(pieces.content, piece.range);
  });
}

void replace_in_pieces(Pieces& pieces, const Regex& pattern, std::string_view content) {
  rewrite_pieces(pieces, [&](const Pieces::Piece& piece, RewrittenText& target) {
    const std::vector<TextRange>& origin = pieces.content.origin;
    size_t done = piece.range.begin;
    for (const TextRange& match : pattern.matches(pieces.text_of(piece))) {
      const TextRange range = {.begin = piece.range.begin + match.begin, .end = piece.range.begin + match.end};
      target.append(pieces.content, {.begin = done, .end = range.begin});
      done = range.end;
      const size_t begin = range.begin < piece.range.end ? origin[range.begin].begin : origin[range.begin - 1].end;
      const size_t end = range.begin < range.end ? origin[range.end - 1].end : begin;
      target.append(content, {.begin = begin, .end = end});
    }
    target.append(pieces.content, {.begin = done, .end = piece.range.end});
  });
}

void map_to_byte_symbols(Pieces& pieces) {
  rewrite_pieces(pieces, [&pieces](const Pieces::Piece& piece, RewrittenText& target) {
    for (size_t i = piece.range.begin; i < piece.range.end; ++i) {
      target.append(byte_symbol(static_cast<unsigned char>(pieces.content.text[i])), pieces.content.origin[i]);
    }
  });
}

void compose_pieces(Pieces& pieces) {
  rewrite_pieces(pieces, [&pieces](const Pieces::Piece& piece, RewrittenText& target) {
    for (const NormalizedSegment& segment : normalize_nfc(pieces.text_of(piece))) {
      const TextRange source = {.begin = piece.range.begin + segment.source.begin,
                                .end = piece.range.begin + segment.source.end};
      if (!segment.changed) {
        target.append(pieces.content, source);
        continue;
      }
      target.append(segment.text, {.begin = pieces.content.origin[source.begin].begin,
                                   .end = pieces.content.origin[source.end - 1].end});
    }
  });
}

}  // namespace cprobe
