#include "cprobe/data/types.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <optional>

#include "cprobe/core/error.h"
#include "cprobe/data/row_parts.h"

namespace cprobe {
namespace {

constexpr int64_t kMostTokens = 3, kMostWords = 2;
constexpr int64_t kLeastRowsPerType = 5;

/// Numbers rows by their parts.
class Numbering {
 public:
  /// @param parts  at least one.
  Numbering(Sets sets, std::vector<const RowPart*> parts) : sets_(sets), parts_(std::move(parts)) {
    for (size_t s = 0; s < sets_.size(); ++s) {
      const int64_t n = n_rows_of(*sets_[s]);
      std::vector<int64_t> of_rows;
      for (int64_t row = 0; row < n; ++row) {
        std::vector<int64_t> key;
        for (const RowPart* part : parts_) key.push_back(part->of_rows[s][static_cast<size_t>(row)]);
        of_rows.push_back(types_.try_emplace(std::move(key), std::ssize(types_)).first->second);
      }
      of_rows_.push_back(std::move(of_rows));
      n_rows_ += n;
    }
  }

  int64_t rows_per_type() const { return n_rows_ / std::max<int64_t>(1, std::ssize(types_)); }

  /// Two rows of one type with different values of the variable, as text; none if the variable is
  /// a function of the type.
  /// @param sets  numbers of the data sets to look at; those without the variable are left out.
  std::optional<std::string> contradiction(const std::string& variable, const std::vector<size_t>& sets) const {
    struct First {
      int64_t value = 0;
      size_t set = 0;
      int64_t row = 0;
    };
    std::map<int64_t, First> firsts;  // by type
    for (const size_t s : sets) {
      const auto found = sets_[s]->variables.find(variable);
      if (found == sets_[s]->variables.end()) continue;
      const at::Tensor values = found->second.contiguous();
      for (int64_t row = 0; row < values.size(0); ++row) {
        const int64_t value = values.data_ptr<int64_t>()[row];
        const auto [entry, is_new] = firsts.try_emplace(of_rows_[s][static_cast<size_t>(row)], First{value, s, row});
        const First& first = entry->second;
        if (is_new || first.value == value) continue;
        return fmt::format("{}, row {} has the value {}, and {}, row {} has {}", sets_[first.set]->source,
                           first.row + 1, first.value, sets_[s]->source, row + 1, value);
      }
    }
    return std::nullopt;
  }

  std::optional<std::string> contradiction(const std::string& variable) const {
    std::vector<size_t> all(sets_.size());
    std::iota(all.begin(), all.end(), size_t{0});
    return contradiction(variable, all);
  }

  /// The largest choice of data sets, taken in order, in which the variable is one function of the
  /// types.
  std::vector<size_t> agreeing(const std::string& variable) const {
    std::vector<size_t> sets;
    for (size_t s = 0; s < sets_.size(); ++s) {
      sets.push_back(s);
      if (contradiction(variable, sets)) sets.pop_back();
    }
    return sets;
  }

  /// @param sets  numbers of the data sets that have the variable.
  Types types(const std::string& variable, const std::vector<size_t>& sets) const {
    Types types;
    const auto n_types = std::ssize(types_);
    types.part_of_type = at::empty({n_types, std::ssize(parts_)}, at::kLong);
    auto part_of_type = types.part_of_type.accessor<int64_t, 2>();
    for (size_t p = 0; p < parts_.size(); ++p) {
      types.parts.push_back(parts_[p]->name);
      if (parts_[p]->position) types.positions.push_back(*parts_[p]->position);
      if (parts_[p]->word) types.words.push_back(*parts_[p]->word);
      types.n_values.push_back(parts_[p]->n_values);
      for (const auto& [key, type] : types_) part_of_type[type][static_cast<int64_t>(p)] = key[p];
    }
    if (types.positions.size() != types.parts.size()) types.positions.clear();
    if (types.words.size() != types.parts.size()) types.words.clear();
    add_rows_and_values(types, variable, n_types, sets);
    return types;
  }

 private:
  void add_rows_and_values(Types& types, const std::string& variable, int64_t n_types,
                           const std::vector<size_t>& sets) const {
    types.value = at::zeros({n_types}, at::kLong);
    types.is_known = at::zeros({n_types}, at::kBool);
    for (size_t s = 0; s < sets_.size(); ++s) {
      types.of_rows.push_back(at::tensor(of_rows_[s], at::kLong));
      const auto found = sets_[s]->variables.find(variable);
      const bool has_it = found != sets_[s]->variables.end() && std::ranges::find(sets, s) != sets.end();
      types.has_variable.push_back(has_it);
      if (!has_it) continue;
      types.value.index_put_({types.of_rows.back()}, found->second);
      types.is_known.index_fill_(0, types.of_rows.back(), true);
    }
  }

  Sets sets_;
  std::vector<const RowPart*> parts_;
  std::map<std::vector<int64_t>, int64_t> types_;
  std::vector<std::vector<int64_t>> of_rows_;
  int64_t n_rows_ = 0;
};

/// Numbers distinct rows of tokens over all data sets, in the order of their first appearance: per
/// data set, [n_rows] int64.
std::vector<at::Tensor> distinct_rows(Sets sets) {
  std::map<std::vector<int64_t>, int64_t> numbers;
  std::vector<at::Tensor> of_rows;
  for (const Dataset* set : sets) {
    const at::Tensor token = set->trie.token.contiguous();
    std::vector<int64_t> of_set;
    for (int64_t row = 0; row < n_rows_of(*set); ++row) {
      std::vector<int64_t> tokens;
      for (const int64_t node : set->trie.row(row)) tokens.push_back(token.data_ptr<int64_t>()[node]);
      of_set.push_back(numbers.try_emplace(std::move(tokens), std::ssize(numbers)).first->second);
    }
    of_rows.push_back(at::tensor(of_set, at::kLong));
  }
  return of_rows;
}

/// Whether rows with equal numbers have equal values of the variable.
bool is_function_of(const std::vector<at::Tensor>& of_rows, Sets sets, const std::string& variable) {
  std::map<int64_t, int64_t> values;
  for (size_t s = 0; s < sets.size(); ++s) {
    const auto found = sets[s]->variables.find(variable);
    if (found == sets[s]->variables.end()) continue;
    const at::Tensor labels = found->second.contiguous();
    for (int64_t row = 0; row < labels.size(0); ++row) {
      const int64_t value = labels.data_ptr<int64_t>()[row];
      if (values.try_emplace(of_rows[s].data_ptr<int64_t>()[row], value).first->second != value) return false;
    }
  }
  return true;
}

/// Each row as a type of its own. Rows of equal tokens are one type, unless the variable tells them
/// apart: a circuit that recognises a row from training would else decode the row's copy.
Types row_types(Sets sets, const std::string& variable) {
  Types types{.of_rows = distinct_rows(sets)};
  int64_t n_types = 0;
  if (is_function_of(types.of_rows, sets, variable)) {
    for (const at::Tensor& of_set : types.of_rows) n_types = std::max(n_types, of_set.max().item<int64_t>() + 1);
  } else {
    for (at::Tensor& of_set : types.of_rows) {
      of_set = at::arange(n_types, n_types + of_set.size(0));
      n_types += of_set.size(0);
    }
  }
  types.value = at::zeros({n_types}, at::kLong);
  types.is_known = at::zeros({n_types}, at::kBool);
  for (size_t s = 0; s < sets.size(); ++s) {
    const auto found = sets[s]->variables.find(variable);
    types.has_variable.push_back(found != sets[s]->variables.end());
    if (!types.has_variable.back()) continue;
    types.value.index_put_({types.of_rows[s]}, found->second);
    types.is_known.index_fill_(0, types.of_rows[s], true);
  }
  types.part_of_type = at::empty({n_types, 0}, at::kLong);
  return types;
}

void add_blocks(Types& types, Sets sets, const std::string& column) {
  const RowPart part = column_part(sets, column);
  std::vector<int64_t> of_type(static_cast<size_t>(types.n_types()), -1);
  for (size_t s = 0; s < sets.size(); ++s) {
    const at::Tensor types_of_rows = types.of_rows[s].contiguous();
    for (int64_t row = 0; row < n_rows_of(*sets[s]); ++row) {
      int64_t& block = of_type[static_cast<size_t>(types_of_rows.data_ptr<int64_t>()[row])];
      const int64_t here = part.of_rows[s][static_cast<size_t>(row)];
      if (block >= 0 && block != here) {
        throw input_error("{}, row {}: rows of its type ({}) lie in two blocks of column '{}'", sets[s]->source,
                          row + 1, types.text(), column);
      }
      block = here;
    }
  }
  types.block = at::tensor(of_type, at::kLong);
}

/// Calls `use` with every set of `size` of the parts, in order.
template <typename Use>
void for_each_choice(const std::vector<RowPart>& parts, int64_t size, const Use& use) {
  std::vector<const RowPart*> chosen;
  const std::function<void(size_t)> extend = [&](size_t from) {
    if (std::ssize(chosen) == size) return use(chosen);
    for (size_t i = from; i < parts.size(); ++i) {
      chosen.push_back(&parts[i]);
      extend(i + 1);
      chosen.pop_back();
    }
  };
  extend(0);
}

std::string names_of(const std::vector<const RowPart*>& parts) {
  std::vector<std::string> names;
  names.reserve(parts.size());
  for (const RowPart* part : parts) names.push_back(part->name);
  return fmt::format("{}", fmt::join(names, " and "));
}

Types found_types(Sets sets, const std::string& variable) {
  const std::vector<RowPart> parts = tokens_or_words(sets);
  const bool are_words = !parts.empty() && !parts.front().position;
  for (int64_t size = 1; size <= (are_words ? kMostWords : kMostTokens); ++size) {
    std::vector<std::pair<std::string, Types>> fits;
    for_each_choice(parts, size, [&](const std::vector<const RowPart*>& chosen) {
      const Numbering numbering(sets, chosen);
      if (numbering.rows_per_type() < kLeastRowsPerType || numbering.contradiction(variable)) return;
      Types types = numbering.types(variable, numbering.agreeing(variable));
      // Equal partitions of the rows under two names are one answer: the first.
      for (const auto& [names, other] : fits) {
        if (std::ranges::equal(types.of_rows, other.of_rows,
                               [](const at::Tensor& a, const at::Tensor& b) { return at::equal(a, b); })) {
          return;
        }
      }
      fits.emplace_back(names_of(chosen), std::move(types));
    });
    if (fits.size() > 1) {
      std::vector<std::string> names;
      names.reserve(fits.size());
      for (const auto& [name, types] : fits) names.push_back(name);
      throw input_error(
          "{}: the variable '{}' could depend on {}; say on which, so that null variables can be made: "
          "'task.type: [COLUMN, ...]', with columns of the data or, for tokens, positions",
          sets.front()->source, variable, fmt::join(names, ", or on "));
    }
    if (!fits.empty()) return std::move(fits.front().second);
  }
  return row_types(sets, variable);
}

bool has_column(Sets sets, const std::string& column) {
  return std::ranges::all_of(sets, [&](const Dataset* set) { return set->type_columns.contains(column); });
}

}  // namespace

std::vector<std::string_view> words_of(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\v\f\r";
  std::vector<std::string_view> words;
  size_t end = 0;
  for (size_t begin = text.find_first_not_of(kSpace); begin != std::string_view::npos;
       begin = text.find_first_not_of(kSpace, end)) {
    end = std::min(text.find_first_of(kSpace, begin), text.size());
    words.push_back(text.substr(begin, end - begin));
  }
  return words;
}

std::string Types::text() const {
  if (are_rows()) return "each row";
  return fmt::format("{}", fmt::join(parts, " and "));
}

Types find_types(std::span<const Dataset* const> sets, const std::string& variable, const TypeOptions& options) {
  std::vector<RowPart> named;
  for (const TypeOptions::Part& part : options.parts) {
    const auto* column = std::get_if<std::string>(&part);
    named.push_back(column != nullptr ? column_part(sets, *column) : token_part(sets, std::get<int64_t>(part)));
  }
  const auto own_positions = sets.front()->type_positions.find(variable);
  if (named.empty() && own_positions != sets.front()->type_positions.end()) {
    for (const int64_t position : own_positions->second) named.push_back(token_part(sets, position));
  }
  if (named.empty() && has_column(sets, "type")) named.push_back(column_part(sets, "type"));
  const bool is_asked = !options.parts.empty();
  std::optional<Types> types;
  if (!named.empty()) {
    std::vector<const RowPart*> parts;
    parts.reserve(named.size());
    for (const RowPart& part : named) parts.push_back(&part);
    const Numbering numbering(sets, parts);
    // Another task's data may have another variable of this name.
    const std::optional<std::string> why =
        is_asked ? numbering.contradiction(variable)
                 : numbering.contradiction(variable, {0, std::min<size_t>(1, sets.size() - 1)});
    if (why && is_asked) {
      throw input_error("the variable '{}' is no function of {}: {}", variable, names_of(parts), *why);
    }
    // The data's own columns are those of another variable if this one is no function of them.
    if (!why) types = numbering.types(variable, numbering.agreeing(variable));
  }
  const bool has_own_parts = types && !is_asked;
  for (const std::string& column : sets.front()->word_columns) {
    if (types) break;
    const RowPart word = column_part(sets, column);
    const Numbering numbering(sets, {&word});
    if (!numbering.contradiction(variable, {0, std::min<size_t>(1, sets.size() - 1)})) {
      types = numbering.types(variable, numbering.agreeing(variable));
    }
  }
  if (!types) types = found_types(sets, variable);
  if (!options.block.empty()) {
    add_blocks(*types, sets, options.block);
  } else if (has_own_parts && has_column(sets, "block")) {
    add_blocks(*types, sets, "block");
  }
  return *std::move(types);
}

}  // namespace cprobe
