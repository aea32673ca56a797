#include "cprobe/tokenizer/bpe.h"

#include <algorithm>
#include <queue>
#include <tuple>

#include "cprobe/core/error.h"
#include "cprobe/core/utf8.h"

namespace cprobe {
namespace {

constexpr size_t kNone = SIZE_MAX;

uint64_t pair_key(int64_t left, int64_t right) {
  return static_cast<uint64_t>(left) << 32U | static_cast<uint64_t>(right);
}

}  // namespace

/// Merges the characters of one piece: a linked list of symbols, and a queue of the merges that
/// were possible when their symbols became neighbours.
class Bpe::Merger {
 public:
  Merger(const Bpe& bpe, std::vector<BpeToken>& tokens, size_t first) : bpe_(bpe), tokens_(tokens), first_(first) {
    const size_t n = tokens.size() - first;
    links_.reserve(n);
    for (size_t i = 0; i < n; ++i)
      links_.push_back({.before = i == 0 ? kNone : i - 1, .after = i + 1 < n ? i + 1 : kNone});
    for (size_t i = 0; i + 1 < n; ++i) propose(i);
  }

  void run() {
    while (!queue_.empty()) {
      const Candidate candidate = queue_.top();
      queue_.pop();
      apply(candidate);
    }
    size_t kept = first_;
    for (size_t i = 0; i < links_.size(); ++i) {
      if (!links_[i].merged_away) tokens_[kept++] = symbol(i);
    }
    tokens_.resize(kept);
  }

 private:
  struct Link {
    size_t before = kNone;
    size_t after = kNone;
    bool merged_away = false;
  };
  struct Candidate {
    uint32_t rank = 0;
    size_t left = 0;
    int64_t id = 0;

    bool operator<(const Candidate& other) const { return std::tie(other.rank, other.left) < std::tie(rank, left); }
  };

  BpeToken& symbol(size_t i) { return tokens_[first_ + i]; }

  /// Queues the merge of a symbol with the one after it, if there is one.
  void propose(size_t left) {
    const size_t right = links_[left].after;
    if (right == kNone) return;
    const Merge* merge = bpe_.merge(symbol(left).id, symbol(right).id);
    if (merge != nullptr) queue_.push({.rank = merge->rank, .left = left, .id = merge->id});
  }

  void apply(const Candidate& candidate) {
    const size_t left = candidate.left;
    const size_t right = links_[left].after;
    if (links_[left].merged_away || right == kNone) return;
    // The right neighbour may have changed since the merge was queued. As in Hugging Face's
    // implementation, the merge still takes place if the result is the token that was queued.
    const Merge* merge = bpe_.merge(symbol(left).id, symbol(right).id);
    if (merge == nullptr || merge->id != candidate.id) return;

    symbol(left).id = candidate.id;
    // An unknown character comes behind the bytes that follow it (append_characters).
    symbol(left).begin = std::min(symbol(left).begin, symbol(right).begin);
    symbol(left).end = std::max(symbol(left).end, symbol(right).end);
    links_[right].merged_away = true;
    links_[left].after = links_[right].after;
    if (links_[left].after != kNone) links_[links_[left].after].before = left;
    if (links_[left].before != kNone) propose(links_[left].before);
    propose(left);
  }

  const Bpe& bpe_;
  std::vector<BpeToken>& tokens_;
  size_t first_;  ///< Index in `tokens_` of this piece's first symbol.
  std::vector<Link> links_;
  std::priority_queue<Candidate> queue_;
};

std::optional<unsigned char> byte_of_token(std::string_view token) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return std::nullopt;
  const size_t high = kDigits.find(token[3]), low = kDigits.find(token[4]);
  if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
  return static_cast<unsigned char>(high * kDigits.size() + low);
}

bool Bpe::add_token(std::string token, int64_t id) {
  if (tokens_.contains(id)) return false;
  const auto [entry, is_new] = ids_.emplace(std::move(token), id);
  if (!is_new) return false;
  tokens_.emplace(id, &entry->first);
  if (const auto byte = byte_of_token(entry->first)) byte_ids_[*byte] = id;
  largest_id_ = std::max(largest_id_, id);
  return true;
}

Bpe::Added Bpe::add_merge(std::string_view left, std::string_view right) {
  const std::optional<int64_t> left_id = id(left);
  if (!left_id) return Added::kLeftUnknown;
  const std::optional<int64_t> right_id = id(right);
  if (!right_id) return Added::kRightUnknown;
  const std::optional<int64_t> result = id(std::string(left).append(right));
  if (!result) return Added::kResultUnknown;
  const Merge merge = {.rank = static_cast<uint32_t>(merges_.size()), .id = *result};
  return merges_.emplace(pair_key(*left_id, *right_id), merge).second ? Added::kYes : Added::kTwice;
}

void Bpe::encode(std::string_view piece, std::vector<BpeToken>& tokens) const {
  if (options_.ignore_merges) {
    if (const std::optional<int64_t> whole = id(piece)) {
      tokens.push_back({.id = *whole, .begin = 0, .end = piece.size()});
      return;
    }
  }
  const size_t first = tokens.size();
  append_characters(piece, tokens);
  if (tokens.size() - first > 1) Merger(*this, tokens, first).run();
}

void Bpe::append_characters(std::string_view piece, std::vector<BpeToken>& tokens) const {
  std::optional<BpeToken> unknown;  // Not appended yet, as more characters may join it.
  const auto append_unknown = [&] {
    if (unknown) tokens.push_back(*unknown);
    unknown.reset();
  };
  for (size_t end = 0; end < piece.size();) {
    const size_t begin = end;
    next_code_point(piece, end);
    if (const std::optional<int64_t> known = id(piece.substr(begin, end - begin))) {
      append_unknown();
      tokens.push_back({.id = *known, .begin = begin, .end = end});
    } else if (options_.byte_fallback && append_bytes(piece, begin, end, tokens)) {
      // As in Hugging Face's implementation, an unknown character before the bytes stays pending.
      // So the unk_token of a character that lacks a byte comes behind the bytes of the next one.
      continue;
    } else if (options_.unk_token && unknown && options_.fuse_unk) {
      unknown->end = end;
    } else if (options_.unk_token) {
      append_unknown();
      unknown = BpeToken{.id = unk_id(), .begin = begin, .end = end};
    }
  }
  append_unknown();
}

/// Appends the tokens of the bytes [begin, end) of a piece. @return false if a byte has no token;
/// nothing is appended then.
bool Bpe::append_bytes(std::string_view piece, size_t begin, size_t end, std::vector<BpeToken>& tokens) const {
  const auto id_of = [&](size_t i) { return byte_ids_[static_cast<unsigned char>(piece[i])]; };
  for (size_t i = begin; i < end; ++i) {
    if (!id_of(i)) return false;
  }
  for (size_t i = begin; i < end; ++i) tokens.push_back({.id = *id_of(i), .begin = i, .end = i + 1});
  return true;
}

int64_t Bpe::unk_id() const {
  const std::optional<int64_t> known = id(*options_.unk_token);
  if (!known) {
    throw input_error(
        "the text has a character without a token, and the tokenizer's unk_token '{}' is not in its vocabulary",
        *options_.unk_token);
  }
  return *known;
}

std::optional<int64_t> Bpe::id(std::string_view token) const {
  const auto found = ids_.find(token);
  return found == ids_.end() ? std::nullopt : std::optional(found->second);
}

const std::string* Bpe::token(int64_t id) const {
  const auto found = tokens_.find(id);
  return found == tokens_.end() ? nullptr : found->second;
}

const Bpe::Merge* Bpe::merge(int64_t left, int64_t right) const {
  const auto found = merges_.find(pair_key(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

}  // namespace cprobe
