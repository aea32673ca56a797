#include "cprobe/benchmark/knob_levels.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>

namespace cprobe {
namespace {

constexpr std::string_view kDefault = "default";

/// The knob that a model moves, and how far.
struct Moved {
  std::string key;   ///< Of BenchmarkRow::knobs.
  std::string name;  ///< As in BenchmarkRow::knob.
};

/// None for a model at default knobs.
std::optional<Moved> moved_knob(const BenchmarkRow& row) {
  std::optional<Moved> moved;
  for (const auto& [key, value] : row.knobs) {
    std::string words = key;
    std::ranges::replace(words, '_', ' ');
    const bool is_flag = row.knob == words;
    if (!is_flag && !row.knob.ends_with(fmt::format("{} {}", words, value))) continue;
    // "distractor gain 0.5" ends with a level of "gain", too.
    if (moved && moved->key.size() > key.size()) continue;
    moved = {key, is_flag ? words : row.knob.substr(0, row.knob.size() - value.size() - 1)};
  }
  return moved;
}

std::string block_of(const BenchmarkRow& row) {
  const auto found = row.knobs.find("component");
  return found == row.knobs.end() ? "" : std::string(to_string(parse_component(found->second).block));
}

std::optional<double> number_in(const std::string& text) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stop == end ? std::optional(number) : std::nullopt;
}

/// Numbers before texts, in ascending order.
bool comes_before(const std::string& a, const std::string& b) {
  const std::optional<double> x = number_in(a), y = number_in(b);
  if (x && y) return *x < *y;
  return x.has_value() != y.has_value() ? x.has_value() : a < b;
}

/// A knob, and the rows of its levels.
struct Knob {
  std::string key, name;
  std::set<std::string> blocks;  ///< That compute in the models that move the knob.
  std::vector<const BenchmarkRow*> moved;
};

std::vector<Knob> knobs_of(const std::vector<BenchmarkRow>& rows) {
  std::vector<Knob> knobs;
  for (const BenchmarkRow& row : rows) {
    const std::optional<Moved> moved = row.knob == kDefault ? std::nullopt : moved_knob(row);
    if (!moved) continue;
    auto knob = std::ranges::find(knobs, moved->name, &Knob::name);
    if (knob == knobs.end()) knob = knobs.insert(knob, {.key = moved->key, .name = moved->name});
    knob->blocks.insert(block_of(row));
    knob->moved.push_back(&row);
  }
  return knobs;
}

}  // namespace

std::vector<KnobLevel> knob_levels(const std::vector<BenchmarkRow>& rows) {
  using Rows = std::vector<const BenchmarkRow*>;
  std::vector<KnobLevel> all;
  for (const Knob& knob : knobs_of(rows)) {
    std::vector<std::string> methods;
    std::map<std::string, std::map<std::string, Rows, decltype(&comes_before)>> of_methods;
    std::set<std::string> default_levels;
    const auto add = [&](const BenchmarkRow& row) {
      const auto [levels, is_new] = of_methods.try_emplace(row.method, &comes_before);
      if (is_new) methods.push_back(row.method);
      levels->second[row.knobs.at(knob.key)].push_back(&row);
    };
    for (const BenchmarkRow* row : knob.moved) add(*row);
    for (const BenchmarkRow& row : rows) {
      const bool is_alike = row.knob == kDefault && knob.blocks.contains(block_of(row)) && row.knobs.contains(knob.key);
      if (!is_alike || !of_methods.contains(row.method)) continue;
      default_levels.insert(row.knobs.at(knob.key));
      add(row);
    }
    for (const std::string& method : methods) {
      for (const auto& [level, of_level] : of_methods.at(method)) {
        std::set<std::string> models;
        for (const BenchmarkRow* row : of_level) models.insert(row->model);
        all.push_back({.knob = knob.name,
                       .level = level,
                       .is_default = default_levels.contains(level),
                       .method = method,
                       .n_models = std::ssize(models),
                       .figures = figures_of(of_level)});
      }
    }
  }
  return all;
}

}  // namespace cprobe
