#include "cprobe/plant/truth.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cprobe/core/error.h"
#include "cprobe/core/name_of.h"
#include "cprobe/io/atomic_file.h"
#include "cprobe/io/document.h"
#include "cprobe/io/document_values.h"
#include "cprobe/model/architecture.h"

namespace cprobe {
namespace {

using Json = nlohmann::ordered_json;
using Units = std::vector<int64_t>;

struct NamedList {
  const char* key;
  Units PlantedUnits::*list;
};
constexpr std::array kLists = {NamedList{"units", &PlantedUnits::units}, NamedList{"shared", &PlantedUnits::shared},
                               NamedList{"route", &PlantedUnits::route}, NamedList{"other", &PlantedUnits::other},
                               NamedList{"dead", &PlantedUnits::dead}};

/// Per value, the coordinates that are not 0: [[[coordinate, number], ...], ...].
Json code_json(const at::Tensor& code) {
  Json json = Json::array();
  const auto numbers = code.accessor<float, 2>();
  for (int64_t value = 0; value < code.size(0); ++value) {
    Json row = Json::array();
    for (int64_t i = 0; i < code.size(1); ++i) {
      if (numbers[value][i] != 0) row.push_back({i, numbers[value][i]});
    }
    json.push_back(std::move(row));
  }
  return json;
}

at::Tensor parse_code(const Document& json, int64_t d_model) {
  const std::vector<Document>& values = json.items();
  at::Tensor code = at::zeros({static_cast<int64_t>(values.size()), d_model});
  for (size_t value = 0; value < values.size(); ++value) {
    for (const Document& pair : values[value].items()) {
      if (pair.items().size() != 2) throw pair.error("expected a coordinate and a number");
      const int64_t i = as_count(pair.items()[0], 0);
      if (i >= d_model) throw pair.error(fmt::format("coordinate {} of a stream with {} of them", i, d_model));
      code[static_cast<int64_t>(value)][i] = pair.items()[1].as_number();
    }
  }
  return code;
}

Units parse_units(const Document& json, const MatrixInfo& matrix) {
  Units units;
  for (const Document& item : json.items()) {
    units.push_back(as_count(item, 0));
    if (units.back() >= matrix.n_out) {
      throw item.error(fmt::format("unit {}, but {} has {} of them", units.back(), matrix.short_name, matrix.n_out));
    }
  }
  return units;
}

PlantedUnits parse_matrix(const Document& json, const MatrixInfo& matrix) {
  PlantedUnits planted;
  std::vector<bool> seen(static_cast<size_t>(matrix.n_out));
  json.require_known_keys({"units", "shared", "route", "other", "dead", "importance"});
  for (const NamedList& list : kLists) {
    planted.*list.list = parse_units(json.at(list.key), matrix);
    for (const int64_t unit : planted.*list.list) {
      if (seen[static_cast<size_t>(unit)]) throw json.error(fmt::format("unit {} stands in two lists", unit));
      seen[static_cast<size_t>(unit)] = true;
    }
  }
  if (const auto left_out = std::ranges::find(seen, false); left_out != seen.end()) {
    throw json.error(fmt::format("unit {} stands in no list", left_out - seen.begin()));
  }
  if_given(json, "importance", [&](const Document& numbers) {
    for (const Document& number : numbers.items()) planted.importance.push_back(number.as_number());
    if (planted.importance.size() != seen.size()) {
      throw numbers.error(
          fmt::format("{} numbers, expected one for each of {} units", planted.importance.size(), matrix.n_out));
    }
  });
  return planted;
}

ComponentRef parse_component_of(const Document& json, const ModelConfig& config) {
  try {
    const ComponentRef component = parse_component(json.as_text());
    require_component(config, component);
    return component;
  } catch (const Error& error) {
    throw json.error(error.what());
  }
}

Json variable_json(const PlantedVariable& variable, const ModelConfig& config) {
  Json json = {{"name", variable.name}, {"status", to_string(variable.status)}};
  json["component"] = variable.component ? Json(to_string(*variable.component)) : Json(nullptr);
  json["received_by"] = Json::array();
  for (const ComponentRef& component : variable.received_by) json["received_by"].push_back(to_string(component));
  if (variable.matrices.empty()) return json;
  if (variable.code.defined()) json["code"] = code_json(variable.code);
  const std::vector<MatrixInfo> matrices = matrices_of(config, *variable.component);
  for (size_t m = 0; m < matrices.size(); ++m) {
    Json& matrix = json["matrices"][matrices[m].short_name];
    for (const NamedList& list : kLists) matrix[list.key] = variable.matrices[m].*list.list;
    if (!variable.matrices[m].importance.empty()) matrix["importance"] = variable.matrices[m].importance;
  }
  for (const std::vector<Units>& copy : variable.alternatives) {
    Json& of_copy = json["alternatives"].emplace_back(Json::object());
    for (size_t m = 0; m < matrices.size(); ++m) of_copy[matrices[m].short_name] = copy[m];
  }
  return json;
}

PlantedVariable parse_variable(const Document& json, const ModelConfig& config) {
  json.require_known_keys({"name", "status", "component", "received_by", "code", "matrices", "alternatives"});
  PlantedVariable variable{.name = json.at("name").as_text(), .status = choice(json.at("status"), kPlantedStatuses)};
  if_given(json, "component", [&](const Document& c) { variable.component = parse_component_of(c, config); });
  for (const Document& c : json.at("received_by").items()) {
    variable.received_by.push_back(parse_component_of(c, config));
  }
  const bool is_absent = variable.status == PlantedStatus::kAbsent;
  if (is_absent == variable.component.has_value()) {
    throw json.error(is_absent ? "an absent variable has no component" : "a variable that is not absent needs one");
  }
  if (is_absent || variable.status == PlantedStatus::kCopied) return variable;
  if_given(json, "code", [&](const Document& code) { variable.code = parse_code(code, config.d_model); });
  if (!variable.code.defined() && variable.status == PlantedStatus::kIdle) {
    throw json.error("an idle variable needs a code: no answer shows what its units do");
  }
  const std::vector<MatrixInfo> matrices = matrices_of(config, *variable.component);
  std::vector<std::string_view> names;
  names.reserve(matrices.size());
  for (const MatrixInfo& matrix : matrices) names.push_back(matrix.short_name);
  const Document& lists = json.at("matrices");
  lists.require_known_keys(names);
  for (const MatrixInfo& matrix : matrices) {
    variable.matrices.push_back(parse_matrix(lists.at(matrix.short_name), matrix));
  }
  if_given(json, "alternatives", [&](const Document& copies) {
    for (const Document& copy : copies.items()) {
      copy.require_known_keys(names);
      std::vector<Units>& units = variable.alternatives.emplace_back();
      for (const MatrixInfo& matrix : matrices) units.push_back(parse_units(copy.at(matrix.short_name), matrix));
    }
  });
  return variable;
}

}  // namespace

std::string_view to_string(PlantedStatus status) {
  switch (status) {
    case PlantedStatus::kUsed:
      return "used";
    case PlantedStatus::kIdle:
      return "idle";
    case PlantedStatus::kCopied:
      return "copied";
    case PlantedStatus::kAbsent:
      return "absent";
  }
  throw failure("a status without a name");
}

const PlantedVariable& Truth::variable(std::string_view name) const {
  const auto found = std::ranges::find(variables, name, &PlantedVariable::name);
  if (found == variables.end()) throw input_error("the truth file knows no variable '{}'", name);
  return *found;
}

void save_truth(const Truth& truth, const ModelConfig& config, const std::filesystem::path& path) {
  Json json = {{"tier", truth.tier}, {"seed", truth.seed}, {"knobs", truth.knobs}, {"variables", Json::array()}};
  for (const PlantedVariable& variable : truth.variables) json["variables"].push_back(variable_json(variable, config));
  write_file(path, json.dump() + "\n");
}

Truth load_truth(const std::filesystem::path& path, const ModelConfig& config) {
  const Document json = Document::read_json(path);
  json.require_known_keys({"tier", "seed", "knobs", "variables"});
  Truth truth{.tier = json.at("tier").as_text(), .seed = static_cast<uint64_t>(as_count(json.at("seed"), 0))};
  for (const auto& [key, value] : json.at("knobs").entries()) truth.knobs[key] = value.as_text();
  for (const Document& variable : json.at("variables").items()) {
    truth.variables.push_back(parse_variable(variable, config));
  }
  return truth;
}

double knob_number(const Truth& truth, const std::string& name) {
  const auto found = truth.knobs.find(name);
  if (found == truth.knobs.end()) throw input_error("a truth of tier '{}' needs the knob '{}'", truth.tier, name);
  return Document::parse_json(found->second, fmt::format("knob '{}'", name)).as_number();
}

std::vector<at::Tensor> needed_units(const PlantedVariable& variable, const ModelConfig& config) {
  const std::vector<MatrixInfo> matrices = matrices_of(config, variable.component.value());
  std::vector<at::Tensor> needed;
  for (size_t m = 0; m < matrices.size(); ++m) {
    at::Tensor units = at::zeros({matrices[m].n_out}, at::kBool);
    for (const int64_t unit : variable.matrices[m].units) units[unit] = true;
    for (const int64_t unit : variable.matrices[m].shared) units[unit] = true;
    needed.push_back(units);
  }
  return needed;
}

}  // namespace cprobe
