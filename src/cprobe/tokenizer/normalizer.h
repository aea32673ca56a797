#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "cprobe/tokenizer/pieces.h"
#include "cprobe/tokenizer/regex.h"

namespace cprobe {

/// Canonical composition (tokenizer/nfc.h).
struct NfcStep {};
/// Puts a text before every piece.
struct PrependStep {
  std::string text;
};
/// Puts a text in place of every match.
struct ReplaceStep {
  Regex pattern;
  std::string content;
};
using NormalizerStep = std::variant<NfcStep, PrependStep, ReplaceStep>;

/// The steps of a tokenizer's normaliser, in order. Empty: text stays as it is.
using Normalizer = std::vector<NormalizerStep>;

/// Normalises every piece that is no token, each on its own. @throws Error as Regex::matches.
void normalize_pieces(Pieces& pieces, const Normalizer& normalizer);

/// The normalised form of a text that is one piece. @throws Error as Regex::matches.
std::string normalized(std::string_view text, const Normalizer& normalizer);

}  // namespace cprobe
