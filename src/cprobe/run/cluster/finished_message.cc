#include "cprobe/run/cluster/finished_message.h"

#include <nlohmann/json.hpp>

#include "cprobe/record/stored_rows.h"

namespace cprobe {
namespace {

using Json = nlohmann::json;

template <typename Row>
Json rows_json(const std::vector<Row>& rows) {
  Json list = Json::array();
  for (const Row& row : rows) {
    Json values = Json::array();
    for (const RowValue& value : encode(row)) {
      values.push_back(std::visit(
          [](const auto& v) {
            if constexpr (std::is_same_v<decltype(v), const std::monostate&>)
              return Json();
            else
              return Json(v);
          },
          value));
    }
    list.push_back(values);
  }
  return list;
}

RowValue value_of(const Json& json) {
  if (json.is_null()) return {};
  if (json.is_string()) return json.get<std::string>();
  if (json.is_number_float()) return json.get<double>();
  return json.get<int64_t>();
}

template <typename Row>
void read_rows(const Json& list, std::vector<Row>& rows) {
  for (const Json& json : list) {
    RowValues values;
    for (const Json& value : json) values.push_back(value_of(value));
    decode(values, rows.emplace_back());
  }
}

}  // namespace

Json to_json(const FinishedCell& cell) {
  return {{"variable", cell.variable},         {"site", cell.site},
          {"position", cell.position},         {"seed", cell.seed},
          {"seconds", cell.seconds},           {"metrics", rows_json(cell.metrics)},
          {"row", rows_json(cell.row)},        {"curve", rows_json(cell.curve)},
          {"circuit_file", cell.circuit_file}, {"circuit", Json::binary({cell.circuit.begin(), cell.circuit.end()})}};
}

FinishedCell finished_of(const Json& message) {
  FinishedCell cell{.variable = message.at("variable"),
                    .site = message.at("site"),
                    .position = message.at("position"),
                    .seed = message.at("seed"),
                    .seconds = message.at("seconds"),
                    .circuit_file = message.at("circuit_file")};
  read_rows(message.at("metrics"), cell.metrics);
  read_rows(message.at("row"), cell.row);
  read_rows(message.at("curve"), cell.curve);
  const auto& circuit = message.at("circuit").get_binary();
  cell.circuit.assign(circuit.begin(), circuit.end());
  return cell;
}

}  // namespace cprobe
