#include "cprobe/data/null_variables.h"

#include <fmt/ranges.h>

#include <map>
#include <set>

#include "cprobe/core/hash.h"
#include "cprobe/core/name_of.h"
#include "cprobe/core/seed.h"

namespace cprobe {
namespace {

using Values = std::vector<int64_t>;

Values to_list(const at::Tensor& tensor) {
  const at::Tensor contiguous = tensor.contiguous();
  const int64_t* begin = contiguous.data_ptr<int64_t>();
  return {begin, begin + contiguous.numel()};
}

/// How values group the known types: numbers of groups in the order of first appearance.
Values partition(const Values& values, const at::Tensor& is_known) {
  std::map<int64_t, int64_t> groups;
  Values partition;
  for (size_t type = 0; type < values.size(); ++type) {
    if (!is_known.data_ptr<bool>()[type]) continue;
    partition.push_back(groups.try_emplace(values[type], std::ssize(groups)).first->second);
  }
  return partition;
}

/// The types of all combinations of parts.
class Combinations {
 public:
  explicit Combinations(const Types& types) : types_(types), parts_(to_list(types.part_of_type)) {
    for (int64_t type = 0; type < types.n_types(); ++type) type_of_[parts_of(type)] = type;
  }

  Values parts_of(int64_t type) const {
    const auto begin = parts_.begin() + type * n_parts();
    return {begin, begin + n_parts()};
  }

  /// The known type of a combination; -1 if there is none.
  int64_t known(const Values& parts) const {
    const auto found = type_of_.find(parts);
    return found != type_of_.end() && types_.is_known.data_ptr<bool>()[found->second] ? found->second : -1;
  }

  bool are_all_known() const {
    int64_t n = 1;
    for (const int64_t of_part : types_.n_values) n *= of_part;
    return n == types_.n_types() && types_.is_known.all().item<bool>();
  }

  /// Whether exchanging the two parts never changes the value.
  bool is_symmetric() const {
    if (n_parts() != 2 || types_.n_values[0] != types_.n_values[1]) return false;
    const int64_t* value = types_.value.data_ptr<int64_t>();
    for (int64_t type = 0; type < types_.n_types(); ++type) {
      const Values parts = parts_of(type);
      const int64_t other = known({parts[1], parts[0]});
      if (other < 0 || value[other] != value[type]) return false;
    }
    return true;
  }

 private:
  int64_t n_parts() const { return std::ssize(types_.parts); }

  const Types& types_;
  Values parts_;
  std::map<Values, int64_t> type_of_;
};

class Maker {
 public:
  explicit Maker(const Types& types)
      : types_(types),
        combinations_(types),
        values_(to_list(types.value)),
        is_symmetric_(combinations_.is_symmetric()) {}

  NullKind kind() const {
    if (types_.are_rows()) return NullKind::kShuffledRows;
    return combinations_.are_all_known() && !types_.block.defined() ? NullKind::kPermutedParts
                                                                    : NullKind::kShuffledTypes;
  }

  Values make(Seed seed) const { return kind() == NullKind::kPermutedParts ? permuted(seed) : shuffled(seed); }

 private:
  Values permuted(Seed seed) const {
    std::vector<Values> permutations;
    for (size_t p = 0; p < types_.parts.size(); ++p) {
      const std::string stream = is_symmetric_ ? "parts" : "part " + std::to_string(p);
      permutations.push_back(to_list(at::randperm(types_.n_values[p], seed.derive(stream).generator(), at::kLong)));
    }
    Values made;
    for (int64_t type = 0; type < types_.n_types(); ++type) {
      Values parts = combinations_.parts_of(type);
      for (size_t p = 0; p < parts.size(); ++p) parts[p] = permutations[p][static_cast<size_t>(parts[p])];
      made.push_back(values_[static_cast<size_t>(combinations_.known(parts))]);
    }
    return made;
  }

  /// Shuffles values among the known types of each group: of each block, or, if rows are types, of
  /// each data set, so that every data set keeps its classes' sizes.
  Values shuffled(Seed seed) const {
    std::vector<at::Tensor> groups;
    if (types_.are_rows()) {
      groups = types_.of_rows;
    } else if (types_.block.defined()) {
      for (int64_t block = 0; block <= types_.block.max().item<int64_t>(); ++block) {
        groups.push_back(types_.block.eq(block).nonzero().squeeze(1));
      }
    } else {
      groups = {at::arange(types_.n_types())};
    }
    at::Generator generator = seed.derive("shuffle").generator();
    at::Tensor made = types_.value.clone();
    for (const at::Tensor& group : groups) {
      const at::Tensor known = group.index_select(0, types_.is_known.index_select(0, group).nonzero().squeeze(1));
      const at::Tensor order = at::randperm(known.size(0), generator, at::kLong);
      made.index_copy_(0, known, types_.value.index_select(0, known.index_select(0, order)));
    }
    return to_list(made);
  }

  const Types& types_;
  Combinations combinations_;
  Values values_;
  bool is_symmetric_;
};

}  // namespace

std::string_view to_string(NullKind kind) {
  return name_of(kind, {"permuted tokens", "shuffled types", "shuffled rows"});
}

NullVariables null_variables(const Types& types, int64_t n_wanted,
                             const std::function<bool(const at::Tensor& values)>& may_use) {
  const Maker maker(types);
  NullVariables nulls{.kind = maker.kind(), .values = at::empty({0, types.n_types()}, at::kLong)};
  const Seed stream = Seed(hash(types.text())).derive("null variables");
  std::set<Values> seen = {partition(to_list(types.value), types.is_known)};
  std::vector<at::Tensor> made(static_cast<size_t>(n_wanted));
  // Draws every b that has none yet again. Where only a few partitions exist, most draws repeat
  // one; so many rounds miss hardly any.
  constexpr int64_t kRounds = 50;
  for (int64_t round = 0; round < kRounds; ++round) {
    for (size_t b = 0; b < made.size(); ++b) {
      if (made[b].defined()) continue;
      const Seed of_b = stream.derive(std::to_string(b));
      const Values values = maker.make(round == 0 ? of_b : of_b.derive("round " + std::to_string(round)));
      if (!seen.insert(partition(values, types.is_known)).second) continue;
      const at::Tensor tensor = at::tensor(values, at::kLong);
      if (!may_use || may_use(tensor)) made[b] = tensor;
    }
  }
  std::erase_if(made, [](const at::Tensor& values) { return !values.defined(); });
  if (!made.empty()) nulls.values = at::stack(made);
  return nulls;
}

}  // namespace cprobe
