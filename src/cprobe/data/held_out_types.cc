#include "cprobe/data/held_out_types.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "cprobe/core/error.h"
#include "cprobe/core/hash.h"
#include "cprobe/core/seed.h"

namespace cprobe {
namespace {

constexpr int64_t kLeastTypesOfValue = 2;

/// The distinct types of some rows, ascending.
std::vector<int64_t> types_of(const at::Tensor& of_rows) {
  const at::Tensor contiguous = of_rows.contiguous();
  const int64_t* begin = contiguous.data_ptr<int64_t>();
  const std::set<int64_t> types(begin, begin + contiguous.numel());
  return {types.begin(), types.end()};
}

/// The training rows' types in the units that are drawn: blocks or, without blocks, single types.
std::vector<std::vector<int64_t>> units_of(const Types& types, const at::Tensor& of_train) {
  std::map<int64_t, std::vector<int64_t>> units;
  for (const int64_t type : types_of(of_train)) {
    units[types.block.defined() ? types.block[type].item<int64_t>() : type].push_back(type);
  }
  std::vector<std::vector<int64_t>> list;
  for (auto& [name, members] : units) list.push_back(std::move(members));
  return list;
}

/// Value -> number of types among the training rows, without those held out.
std::map<int64_t, int64_t> types_left(const at::Tensor& values, const at::Tensor& of_train,
                                      const at::Tensor& held_out) {
  std::map<int64_t, int64_t> left;
  for (const int64_t type : types_of(of_train)) {
    left[values[type].item<int64_t>()] += held_out.defined() && held_out[type].item<bool>() ? 0 : 1;
  }
  return left;
}

}  // namespace

bool may_hold_out(const at::Tensor& values, const at::Tensor& of_train, const at::Tensor& held_out) {
  if (!held_out.defined()) return true;
  const at::Tensor of_held_out = values.index_select(0, held_out.nonzero().squeeze(1));
  if (of_held_out.numel() > 1 && at::equal(of_held_out.min(), of_held_out.max())) return false;
  return std::ranges::all_of(types_left(values, of_train, held_out),
                             [](const auto& value) { return value.second >= kLeastTypesOfValue; });
}

at::Tensor held_out_types(const Types& types, const at::Tensor& of_train, double share, const std::string& variable) {
  if (share == 0 || types.are_rows()) return {};
  const std::vector<std::vector<int64_t>> units = units_of(types, of_train);
  const auto n_units = static_cast<double>(units.size());
  const auto n_held_out = std::max<int64_t>(1, std::llround(share * n_units));
  const Seed stream = Seed(hash(types.text())).derive("held-out types");
  // As many rounds as null variables get: where fewer splits would do, null variables would be few.
  constexpr int64_t kRounds = 50;
  for (int64_t round = 0; round < kRounds; ++round) {
    const at::Tensor order =
        at::randperm(std::ssize(units), stream.derive("round " + std::to_string(round)).generator(), at::kLong);
    at::Tensor held_out = at::zeros({types.n_types()}, at::kBool);
    for (int64_t i = 0; i < n_held_out; ++i) {
      for (const int64_t type : units[static_cast<size_t>(order[i].item<int64_t>())]) held_out[type] = true;
    }
    if (may_hold_out(types.value, of_train, held_out)) return held_out;
  }
  const std::map<int64_t, int64_t> of_value = types_left(types.value, of_train, {});
  const auto& [value, n_types] =
      *std::ranges::min_element(of_value, {}, [](const auto& entry) { return entry.second; });
  throw input_error(
      "evaluate.held_out_types {}: '{}' cannot spare {} of its {} {} ({}). Each value must keep two types to train on, "
      "and those held out must have two values; the value {} has {} in the training data. Hold out fewer, or none (0)",
      share, variable, n_held_out, units.size(), types.block.defined() ? "blocks" : "types", types.text(), value,
      n_types == 1 ? "1 type" : fmt::format("{} types", n_types));
}

at::Tensor rows_not_held_out(const at::Tensor& of_rows, const at::Tensor& held_out) {
  return held_out.index_select(0, of_rows).logical_not().nonzero().squeeze(1);
}

at::Tensor rows_of_unseen_types(const at::Tensor& of_rows, const at::Tensor& of_train, const at::Tensor& held_out) {
  at::Tensor is_seen = at::zeros_like(held_out);
  is_seen.index_fill_(0, of_train.index_select(0, rows_not_held_out(of_train, held_out)), true);
  return is_seen.index_select(0, of_rows).logical_not().nonzero().squeeze(1);
}

}  // namespace cprobe
