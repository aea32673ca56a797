#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace cprobe {

/// A token of a piece and the bytes of the piece that it was made from.
struct BpeToken {
  int64_t id = 0;
  size_t begin = 0;
  size_t end = 0;
};

struct BpeOptions {
  bool ignore_merges = false;            ///< A piece that is in the vocabulary is not split.
  std::optional<std::string> unk_token;  ///< Replaces characters without a token; unset drops them.
  bool fuse_unk = false;                 ///< Unknown characters in a row become one unk_token.
  /// A character without a token becomes the tokens of its UTF-8 bytes, `<0x00>` to `<0xFF>`, if
  /// the vocabulary has all of them.
  bool byte_fallback = false;
};

/// The byte that a token such as `<0x0A>` stands for; nothing for all other tokens. Only capital
/// hexadecimal digits count.
std::optional<unsigned char> byte_of_token(std::string_view token);

/// Byte pair encoding (Sennrich et al. 2016, arXiv 1508.07909). A piece begins as its characters.
/// Neighbours that have a merge are then merged, the lowest rank first and of one rank the leftmost
/// first, until no neighbours have a merge. A character without a token becomes the tokens of its
/// bytes (byte_fallback), else the unk_token. Without an unk_token, such characters are dropped
/// before merging, so that their neighbours may merge.
class Bpe {
 public:
  static constexpr int64_t kLargestId = INT32_MAX;

  Bpe() = default;
  Bpe(Bpe&&) = default;
  Bpe& operator=(Bpe&&) = default;
  Bpe(const Bpe&) = delete;
  Bpe& operator=(const Bpe&) = delete;
  ~Bpe() = default;

  /// @param id  from 0 to kLargestId.
  /// @return false if the token or the id was added before; nothing is added then.
  bool add_token(std::string token, int64_t id);

  /// Adds the merge of two tokens, ranked behind all earlier ones.
  enum class Added { kYes, kTwice, kLeftUnknown, kRightUnknown, kResultUnknown };
  Added add_merge(std::string_view left, std::string_view right);

  void set_options(BpeOptions options) { options_ = std::move(options); }

  /// Appends the tokens of `piece`, well-formed UTF-8, to `tokens`. Takes O(n log n) time for n
  /// characters.
  /// @throws Error (kInput) if the piece needs the unk_token and the vocabulary has none.
  void encode(std::string_view piece, std::vector<BpeToken>& tokens) const;

  std::optional<int64_t> id(std::string_view token) const;
  const std::string* token(int64_t id) const;  ///< nullptr if there is none.
  size_t n_tokens() const { return ids_.size(); }
  int64_t largest_id() const { return largest_id_; }  ///< -1 without tokens.

 private:
  struct Merge {
    uint32_t rank = 0;
    int64_t id = 0;
  };
  /// Hashes strings and string views alike, so that a lookup constructs no string.
  struct TextHash {
    using is_transparent = void;  // NOLINT(readability-identifier-naming): the standard's name
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  class Merger;

  const Merge* merge(int64_t left, int64_t right) const;
  void append_characters(std::string_view piece, std::vector<BpeToken>& tokens) const;
  bool append_bytes(std::string_view piece, size_t begin, size_t end, std::vector<BpeToken>& tokens) const;
  int64_t unk_id() const;

  BpeOptions options_;
  std::unordered_map<std::string, int64_t, TextHash, std::equal_to<>> ids_;
  std::unordered_map<int64_t, const std::string*> tokens_;  ///< Keys of `ids_`, which never move.
  std::array<std::optional<int64_t>, 256> byte_ids_;        ///< Of `<0x00>` to `<0xFF>`.
  std::unordered_map<uint64_t, Merge> merges_;              ///< By left id (upper half) and right.
  int64_t largest_id_ = -1;
};

}  // namespace cprobe
