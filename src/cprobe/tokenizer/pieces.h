#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/tokenizer/regex.h"

namespace cprobe {

/// A rewritten text, with the bytes of the original text that each of its bytes stands for.
struct RewrittenText {
  std::string text;
  std::vector<TextRange> origin;  ///< One for each byte of `text`.

  /// Appends bytes that all stand for the same range.
  void append(std::string_view bytes, TextRange stands_for);
  /// Appends bytes of another text together with their origin.
  void append(const RewrittenText& other, TextRange bytes);
};

/// A text on its way to tokens, cut into pieces. A piece is never empty. Either it is a token
/// already (an added token), or it will be tokenised on its own. Text outside the pieces is
/// dropped.
struct Pieces {
  struct Piece {
    TextRange range;               ///< In `content.text`.
    std::optional<int64_t> token;  ///< The id, if the piece is a token already.
  };

  RewrittenText content;
  std::vector<Piece> pieces;
  /// The text goes on behind another one, so that nothing is put before it.
  bool goes_on = false;

  /// Whether a piece begins where the original text does.
  bool begins_text(const Piece& piece) const { return content.origin[piece.range.begin].begin == 0; }

  std::string_view text_of(const Piece& piece) const {
    return std::string_view(content.text).substr(piece.range.begin, piece.range.end - piece.range.begin);
  }
};

/// The whole text as one piece; no piece if the text is empty.
Pieces one_piece(std::string_view text);

/// What happens to the matches when a piece is split at them.
enum class SplitBehavior {
  kRemoved,             ///< Each match is dropped.
  kIsolated,            ///< Each match is a piece.
  kMergedWithPrevious,  ///< A match joins the text before; in a row, only the first match does.
  kMergedWithNext,      ///< A match joins the text behind; in a row, only the last match does.
  kContiguous,          ///< Matches in a row are one piece.
};

/// Splits every piece that is no token yet at the matches of `pattern`. Each piece is matched on
/// its own.
/// @param invert  swaps roles: the text between matches counts as the matches.
/// @throws Error as Regex::matches.
void split_pieces(Pieces& pieces, const Regex& pattern, SplitBehavior behavior, bool invert);

/// Which pieces a text is put before.
enum class Prepend {
  kToAll,         ///< Every piece.
  kUnlessThere,   ///< Those that do not begin with the text.
  kAtTextsStart,  ///< The piece that begins the original text, unless it begins with the text.
};

/// Puts `text` before pieces that are no tokens. The text stands for no byte of the original.
/// Nothing is put before the start of a text that goes on behind another one.
void prepend_to_pieces(Pieces& pieces, std::string_view text, Prepend which);

/// Puts `content` in place of every match in the pieces that are no tokens. The content stands for
/// the bytes of its match. A piece of which nothing is left is dropped.
/// @throws Error as Regex::matches.
void replace_in_pieces(Pieces& pieces, const Regex& pattern, std::string_view content);

/// Replaces every byte of the pieces that are no tokens by its symbol in the byte-level alphabet.
void map_to_byte_symbols(Pieces& pieces);

/// Brings every piece that is no token into canonical composition (NFC), each piece on its own.
void compose_pieces(Pieces& pieces);

}  // namespace cprobe
