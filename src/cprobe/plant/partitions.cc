#include "cprobe/plant/partitions.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "cprobe/core/error.h"

namespace cprobe {
namespace {

/// The function with its classes numbered in the order of their first element.
std::vector<int64_t> numbered_by_appearance(const std::vector<int64_t>& function) {
  std::map<int64_t, int64_t> number;
  std::vector<int64_t> numbered;
  numbered.reserve(function.size());
  for (const int64_t value : function) {
    numbered.push_back(number.try_emplace(value, static_cast<int64_t>(number.size())).first->second);
  }
  return numbered;
}

}  // namespace

std::vector<int64_t> shuffled(int64_t n, Seed seed) {
  const at::Tensor order = at::randperm(n, seed.generator(), at::kLong);
  const int64_t* begin = order.data_ptr<int64_t>();
  return {begin, begin + n};
}

std::vector<int64_t> Partitions::draw(const std::string& name, int64_t n, int64_t n_classes) {
  for (int attempt = 0; attempt < 100; ++attempt) {
    std::vector<int64_t> function = shuffled(n, seed_.derive(fmt::format("{}/{}", name, attempt)));
    for (int64_t& value : function) value %= n_classes;
    const std::vector<int64_t> numbered = numbered_by_appearance(function);
    if (std::ranges::count(seen_, numbered) > 0) continue;
    seen_.push_back(numbered);
    return function;
  }
  throw input_error(
      "{}: found no further way to group {} values in {} classes; choose more operands or fewer variables", name, n,
      n_classes);
}

void Partitions::add(const std::vector<int64_t>& function) {
  seen_.push_back(numbered_by_appearance(function));
}

}  // namespace cprobe
