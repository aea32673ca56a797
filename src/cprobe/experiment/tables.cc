#include "cprobe/experiment/tables.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "cprobe/core/text_table.h"

namespace cprobe {
namespace {

/// Column of results.csv and heading of each grid dimension that is not always shown.
constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kGrid = {{{"model_seed", "seed"},
                                                                                 {"probe index", "position"},
                                                                                 {"lr", "learning rate"},
                                                                                 {"batch_size", "batch size"},
                                                                                 {"mask_init", "mask init"}}};

std::string decimals(const std::string& number) {
  return number.empty() ? "-" : fmt::format("{:.3f}", std::stod(number));
}

std::string with_sd(const std::string& mean, const std::string& sd) {
  return sd.empty() ? decimals(mean) : fmt::format("{} ± {:.3f}", decimals(mean), std::stod(sd));
}

}  // namespace

std::string value_of(const Store::Fields& row, std::string_view column) {
  const auto found = std::ranges::find(row, column, &Store::Field::name);
  return found == row.end() ? std::string() : found->text;
}

std::string results_table(const Store& store) {
  const std::vector<Store::Fields> rows = store.results();
  std::vector<std::string> heading = {"variable", "site"};
  std::vector<std::string_view> varied;
  for (const auto& [column, name] : kGrid) {
    std::set<std::string> values;
    for (const Store::Fields& row : rows) values.insert(value_of(row, column));
    if (values.size() < 2) continue;
    varied.push_back(column);
    heading.emplace_back(name);
  }
  for (const char* name :
       {"kNN circuit", "kNN full", "majority", "weights", "vanilla", "ablated", "random", "p", "circuit"}) {
    heading.emplace_back(name);
  }
  std::vector<std::vector<std::string>> lines = {heading};
  constexpr std::string_view kVanilla = " vanilla acc ";
  for (const Store::Fields& row : rows) {
    const auto value = [&](std::string_view column) { return value_of(row, column); };
    // The first behaviour data set; the others are in results.csv.
    const auto vanilla = std::ranges::find_if(row, [&](const Store::Field& f) { return f.name.starts_with(kVanilla); });
    const std::string label = vanilla == row.end() ? std::string() : vanilla->name.substr(kVanilla.size());
    std::vector<std::string> line = {value("variable"),
                                     fmt::format("L{}.{}", value("target_layer"), value("operation"))};
    for (const std::string_view column : varied) line.push_back(value(column));
    const double share = std::stod(value("L0 Norm")) / std::stod(value("L0 Max"));
    for (const std::string& figure :
         {with_sd(value("knn test acc"), value("knn test sd")),
          with_sd(value("full model knn test acc"), value("full model knn test sd")),
          decimals(value("test majority acc")), fmt::format("{:.1f} %", 100 * share),
          decimals(value(" vanilla acc " + label)), decimals(value(" ablated acc " + label)),
          with_sd(value("random ablate acc mean " + label), value("random ablate acc std " + label)),
          decimals(value("ablated p " + label)), value("circuit")}) {
      line.push_back(figure);
    }
    lines.push_back(line);
  }
  return text_table(lines);
}

std::string results_json(const Store& store) {
  std::string lines;
  for (const Store::Fields& fields : store.results()) {
    nlohmann::ordered_json object;
    for (const Store::Field& f : fields) {
      if (f.text.empty()) {
        object[f.name] = nullptr;
      } else if (f.is_text) {
        object[f.name] = f.text;
      } else {
        object[f.name] = nlohmann::json::parse(f.text);
      }
    }
    lines += object.dump() + "\n";
  }
  return lines;
}

}  // namespace cprobe
