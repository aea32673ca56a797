#include "cprobe/data/row_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>

#include "cprobe/core/error.h"

namespace cprobe {
namespace {

/// Numbers the values of a part. @param values  per data set and row.
template <typename Value>
RowPart numbered(std::string name, const std::vector<std::vector<Value>>& values) {
  std::map<Value, int64_t> numbers;
  for (const std::vector<Value>& set : values) {
    for (const Value& value : set) numbers.try_emplace(value, 0);
  }
  RowPart part{.name = std::move(name)};
  for (auto& [value, number] : numbers) number = part.n_values++;
  for (const std::vector<Value>& set : values) {
    std::vector<int64_t>& of_rows = part.of_rows.emplace_back();
    for (const Value& value : set) of_rows.push_back(numbers.at(value));
  }
  return part;
}

using Words = std::vector<std::vector<std::vector<std::string_view>>>;  // per data set and row

RowPart word_part(const Words& words, int64_t position) {
  std::vector<std::vector<std::string_view>> values;
  for (const std::vector<std::vector<std::string_view>>& set : words) {
    std::vector<std::string_view>& of_set = values.emplace_back();
    for (const std::vector<std::string_view>& row : set) {
      of_set.push_back(row[static_cast<size_t>(position < 0 ? position + std::ssize(row) : position)]);
    }
  }
  RowPart part = numbered(fmt::format("word {}", position), values);
  part.word = {.word = position};
  return part;
}

}  // namespace

RowPart token_part(Sets sets, int64_t position) {
  std::vector<std::vector<int64_t>> values;
  for (const Dataset* set : sets) {
    const at::Tensor tokens = set->trie.token.index_select(0, set->trie.nodes_at(position, set->source));
    const int64_t* begin = tokens.data_ptr<int64_t>();
    values.emplace_back(begin, begin + tokens.size(0));
  }
  RowPart part = numbered(fmt::format("token {}", position), values);
  part.position = position;
  return part;
}

RowPart column_part(Sets sets, const std::string& column) {
  std::vector<std::vector<std::string>> values;
  for (const Dataset* set : sets) {
    const auto found = set->type_columns.find(column);
    if (found == set->type_columns.end()) {
      throw input_error("{}: no column '{}', which types or blocks are to be told by", set->source, column);
    }
    values.push_back(found->second);
  }
  RowPart part = numbered("column " + column, values);
  part.word = {.column = column};
  return part;
}

std::vector<RowPart> tokens_or_words(Sets sets) {
  const bool has_texts = std::ranges::all_of(sets, [](const Dataset* set) { return !set->texts.empty(); });
  Words words;
  int64_t shortest = std::numeric_limits<int64_t>::max(), longest = 0;
  const auto note_length = [&](int64_t length) {
    shortest = std::min(shortest, length);
    longest = std::max(longest, length);
  };
  for (const Dataset* set : sets) {
    if (has_texts) {
      std::vector<std::vector<std::string_view>>& of_set = words.emplace_back();
      for (const std::string& text : set->texts) {
        of_set.push_back(words_of(text));
        note_length(std::ssize(of_set.back()));
      }
    } else {
      for (int64_t row = 0; row < n_rows_of(*set); ++row) note_length(std::ssize(set->trie.row(row)));
    }
  }
  std::vector<RowPart> parts;
  const auto add = [&](int64_t position) {
    parts.push_back(has_texts ? word_part(words, position) : token_part(sets, position));
  };
  for (int64_t position = 0; position < shortest; ++position) add(position);
  // In rows of one length, positions from the end are the same ones.
  for (int64_t position = -1; shortest < longest && position >= -shortest; --position) add(position);
  return parts;
}

}  // namespace cprobe
