#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cprobe/tokenizer/bpe.h"
#include "cprobe/tokenizer/normalizer.h"
#include "cprobe/tokenizer/pieces.h"
#include "cprobe/tokenizer/regex.h"

namespace cprobe {

/// A token that is found in the text before all other steps, such as `<|endoftext|>`. The fields
/// are those of tokenizer.json.
struct AddedToken {
  int64_t id = 0;
  std::string content;       ///< Not empty.
  bool single_word = false;  ///< Found only with no word character directly before or behind.
  bool lstrip = false;       ///< Takes the white space before it along.
  bool rstrip = false;       ///< Takes the white space behind it along.
  bool normalized = false;   ///< Normalised itself, and looked for in the normalised text.
  bool special = false;

  friend bool operator==(const AddedToken&, const AddedToken&) = default;
};

/// The added tokens of a tokenizer.
class AddedTokens {
 public:
  /// Adds tokens as Hugging Face's tokenizers do.
  ///   - Ids: a token's id is the one that it has, here or in the model. Otherwise it is the next
  ///     after the model's tokens and those added earlier. `AddedToken::id` is not read.
  ///   - A token that is added again takes the new flags. What it looks for stays as `normalized`
  ///     was at first: as given or normalised. (One that is not special is then looked for in both
  ///     ways.)
  /// Call `prepare` before `extract`.
  void add(const std::vector<AddedToken>& tokens, const Bpe& model);

  /// Gets ready to find the tokens.
  /// @param normalizer  of the tokenizer.
  /// @throws Error (kInput) if a token is normalised to nothing.
  void prepare(const Normalizer& normalizer);

  /// Cuts added tokens out of the pieces that are no token yet. Of overlapping tokens the leftmost
  /// is found, and of several that begin there the longest.
  /// @param normalized  which tokens to look for: those whose field `normalized` has this value.
  /// @throws Error (kInput) if an added token with `lstrip` lies inside the white space that
  ///         another added token took along, and so has no text left (Hugging Face's implementation
  ///         ends the program there).
  void extract(Pieces& pieces, bool normalized) const;

  const AddedToken* find(int64_t id) const;  ///< nullptr if there is none.
  const AddedToken* find(std::string_view content) const;
  int64_t largest_id() const { return largest_id_; }  ///< -1 without tokens.
  const std::vector<AddedToken>& tokens() const { return tokens_; }

 private:
  /// A set of texts. Finds the longest of them at a place, in one pass over the bytes there.
  class Matcher {
   public:
    void add(std::string_view text, size_t token);
    bool is_empty() const { return edges_.empty(); }

    struct Match {
      size_t token = 0;
      size_t end = 0;
    };
    std::optional<Match> longest_at(std::string_view text, size_t begin) const;

   private:
    /// (node, byte) -> node of a trie whose root is 0.
    std::unordered_map<uint64_t, size_t> edges_;
    std::unordered_map<size_t, size_t> ends_;  ///< Node at which a text ends -> its token.
    std::array<bool, 256> first_bytes_{};
    size_t n_nodes_ = 1;
  };

  /// What is looked for to find a token.
  struct Pattern {
    std::string content;
    bool normalized = false;
  };

  std::vector<Pieces::Piece> split(std::string_view text, const Matcher& matcher) const;
  bool stands_alone(std::string_view text, TextRange match) const;
  std::vector<AddedToken> tokens_;  ///< Distinct in content and in id, in order of addition.
  std::unordered_map<int64_t, size_t> by_id_;
  std::unordered_map<std::string, size_t> by_content_;
  /// Special tokens come before others: of equal texts the first is found.
  std::vector<Pattern> special_patterns_, other_patterns_;
  std::set<std::string> special_;  ///< Contents of `special_patterns_`.
  int64_t largest_id_ = -1;
  Matcher as_given_;
  Matcher normalized_;
  std::optional<Regex> word_;  ///< Matches a word character; set if any token is `single_word`.
};

}  // namespace cprobe
