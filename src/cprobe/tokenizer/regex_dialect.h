#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace cprobe {

/// A pattern for PCRE2 (options UTF, UCP and MULTILINE), with the origin of each byte.
struct TranslatedPattern {
  std::string pattern;
  /// For each byte of `pattern`, the byte of the given pattern that it was made from.
  std::vector<size_t> origin;
};

/// Translates a pattern of Oniguruma (Ruby's syntax) for PCRE2. Accepts only patterns that the two
/// engines are known to match alike:
///   - text, `.`, `^`, `$`, `|`, groups `( )`, `(?: )`, `(?i: )`, `(?> )`, look-around `(?= )`,
///     `(?! )`, `(?<= )`, `(?<! )`;
///   - quantifiers `* + ? {n} {n,} {n,m}`, lazy with `?` (not `{n}?`) and possessive with `+` (not
///     after braces);
///   - classes `[ ]` of characters, ranges and sets; sets `\s \S \d \D`, `\p{..}` and `\P{..}` with
///     a general category of one or two letters or a few scripts, and `\w`, `\W` outside classes;
///   - escapes `\r \n \t \f \v \a \e`, `\x{..}`, `\uHHHH`, `\A`, `\z` and any punctuation;
///   - inside `(?i: )` only ASCII text without ss, ff, fi, fl and st (for which Oniguruma also
///     finds ß, ﬁ and the like), `\s` and `\d`.
///
/// The engines differ most visibly on the following sets, which are therefore written out: `\s`, to
/// which PCRE2's UCP adds U+180E; `\w`; `\v` and `\h`; scripts, which PCRE2 takes for script
/// extensions.
///
/// PCRE2 10.40 to 10.42 and Oniguruma 6.9.8, which is in Hugging Face's tokenizers 0.20, both know
/// Unicode 14. Another PCRE2 differs on characters that came or changed since.
///
/// @param where  place of the pattern, for messages.
/// @throws Error (kInput) naming `where`, the pattern, the byte offset and the construct.
TranslatedPattern to_pcre2(std::string_view oniguruma, const std::string& where);

/// A pattern for messages: at most its first 200 bytes.
std::string shown_pattern(std::string_view pattern);

}  // namespace cprobe
