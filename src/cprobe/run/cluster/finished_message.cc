#include "cprobe/run/cluster/finished_message.h"

#include <nlohmann/json.hpp>

namespace cprobe {
namespace {

using Json = nlohmann::json;

Json optional_json(const std::optional<double>& value) {
  return value ? Json(*value) : Json();
}

std::optional<double> optional_of(const Json& value) {
  return value.is_null() ? std::optional<double>() : value.get<double>();
}

FieldValue field_of(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return value.get<double>();
  return value.get<int64_t>();
}

}  // namespace

Json to_json(const Store::Finished& finished) {
  Json metrics = Json::array(), row = Json::array(), curve = Json::array();
  // Unpacked, so that a member that is added cannot be forgotten here.
  for (const auto& [metric, value, n, sd, control, p, draws, note] : finished.metrics) {
    metrics.push_back({metric, value, n, optional_json(sd), control, optional_json(p), note, draws});
  }
  for (const auto& [name, field] : finished.row) {
    row.push_back({name, std::visit([](const auto& value) { return Json(value); }, field)});
  }
  for (const auto& [loss, objective, l0_term, temperature, n_kept] : finished.curve) {
    curve.push_back({loss, objective, l0_term, temperature, n_kept});
  }
  return {{"variable", finished.variable},
          {"site", finished.site},
          {"position", finished.position},
          {"seed", finished.seed},
          {"seconds", finished.seconds},
          {"metrics", metrics},
          {"row", row},
          {"curve", curve},
          {"circuit_file", finished.circuit_file},
          {"circuit", Json::binary({finished.circuit.begin(), finished.circuit.end()})}};
}

Store::Finished finished_of(const Json& message) {
  Store::Finished finished{.variable = message.at("variable"),
                           .site = message.at("site"),
                           .position = message.at("position"),
                           .seed = message.at("seed"),
                           .seconds = message.at("seconds"),
                           .circuit_file = message.at("circuit_file")};
  for (const Json& m : message.at("metrics")) {
    finished.metrics.push_back({.metric = m[0],
                                .value = m[1],
                                .n = m[2],
                                .sd = optional_of(m[3]),
                                .control = m[4],
                                .p = optional_of(m[5]),
                                .draws = m[7].get<std::vector<double>>(),
                                .note = m[6]});
  }
  for (const Json& field : message.at("row")) finished.row.emplace_back(field[0], field_of(field[1]));
  for (const Json& e : message.at("curve")) finished.curve.push_back({e[0], e[1], e[2], e[3], e[4]});
  const auto& circuit = message.at("circuit").get_binary();
  finished.circuit.assign(circuit.begin(), circuit.end());
  return finished;
}

}  // namespace cprobe
