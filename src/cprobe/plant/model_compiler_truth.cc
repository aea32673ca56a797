#include <algorithm>

#include "cprobe/model/architecture.h"
#include "cprobe/plant/model_compiler.h"

namespace cprobe {
namespace {

/// What each unit of a matrix serves: the functions (numbered as ModelCompiler's codes), and
/// whether it serves something else.
struct Served {
  std::vector<bool> by_function;
  bool something_else = false;
  bool is_route = false;
};

PlantedUnits units_of(const std::vector<Served>& units, size_t function) {
  PlantedUnits planted;
  for (size_t i = 0; i < units.size(); ++i) {
    const Served& unit = units[i];
    const auto number = static_cast<int64_t>(i);
    const bool serves_others =
        unit.something_else || std::ranges::count(unit.by_function, true) > (unit.by_function[function] ? 1 : 0);
    if (unit.by_function[function]) {
      (serves_others ? planted.shared : planted.units).push_back(number);
    } else if (unit.is_route) {
      planted.route.push_back(number);
    } else {
      (serves_others ? planted.other : planted.dead).push_back(number);
    }
  }
  return planted;
}

}  // namespace

std::vector<PlantedVariable> ModelCompiler::computed() const {
  const ModelConfig& config = model_.config;
  const size_t n_functions = codes_.size();
  const std::vector<MatrixInfo> matrices = matrices_of(config, rows_.component);
  std::vector<std::vector<Served>> served;
  for (const MatrixInfo& matrix : matrices) {
    served.emplace_back(static_cast<size_t>(matrix.n_out), Served{.by_function = std::vector<bool>(n_functions)});
  }
  std::vector<Served>& first = served.front();
  std::vector<Served>& last = served.back();
  for (size_t f = 0; f < n_functions; ++f) {
    for (int64_t i = codes_[f].begin; i < codes_[f].end(); ++i) last[static_cast<size_t>(i)].by_function[f] = true;
  }
  const auto something_else = [](std::vector<Served>& units, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) units[static_cast<size_t>(i)].something_else = true;
  };
  std::vector<std::vector<Values>> alternatives;
  if (is_attention()) {
    for (int64_t head = 0; head < kHeads; ++head) {
      for (int64_t part = 0; part < 3; ++part) {
        const int64_t begin = part * config.d_model + head * config.d_head;
        if (head != head_) something_else(first, begin, begin + config.d_head);
        for (int64_t i = begin; head == head_ && part < 2 && i < begin + config.d_head; ++i) {
          first[static_cast<size_t>(i)].is_route = true;
        }
      }
    }
    const int64_t values = 2 * config.d_model + head_ * config.d_head;
    for (size_t f = 0; f < n_functions; ++f) {
      if (options_.rotation > 0) {
        for (int64_t i = 0; i < config.d_head; ++i) first[static_cast<size_t>(values + i)].by_function[f] = true;
      }
      for (const int64_t column : head_columns_[f]) first[static_cast<size_t>(values + column)].by_function[f] = true;
    }
    something_else(last, spare_.begin, spare_.end());
    if (rows_.component.layer == 0) something_else(last, copies_[0].begin, copies_[1].end());
  } else {
    alternatives.resize(static_cast<size_t>(options_.redundancy), {{}, {}});
    for (size_t i = 0; i < hidden_units_.size(); ++i) {
      const HiddenUnit& unit = hidden_units_[i];
      Served& serves = first[static_cast<size_t>(place_[i])];
      if (unit.writes_v) serves.by_function[0] = true;
      if (unit.writes_u > 0) serves.by_function[static_cast<size_t>(unit.writes_u)] = true;
      if (unit.writes_v) alternatives[static_cast<size_t>(unit.copy)][0].push_back(place_[i]);
    }
    for (std::vector<Values>& copy : alternatives) {
      std::ranges::sort(copy[0]);
      for (int64_t i = codes_[0].begin; i < codes_[0].end(); ++i) copy[1].push_back(i);
    }
  }
  std::vector<PlantedVariable> variables;
  for (size_t f = 0; f < n_functions; ++f) {
    PlantedVariable variable{.name = rows_.functions[f].name,
                             .status = rows_.is_used(f, options_.answer) ? PlantedStatus::kUsed : PlantedStatus::kIdle,
                             .component = rows_.component,
                             .code = code_matrix({codes_[f].begin, codes_[f].n_values}, config.d_model)};
    variable.received_by = components_behind(rows_.component, config);
    for (const std::vector<Served>& units : served) variable.matrices.push_back(units_of(units, f));
    if (f == 0 && options_.redundancy > 1) variable.alternatives = alternatives;
    variables.push_back(std::move(variable));
  }
  return variables;
}

}  // namespace cprobe
