#include "cprobe/record/stored_rows.h"

#include <cmath>
#include <limits>
#include <sstream>
#include <tuple>
#include <type_traits>

#include "cprobe/core/error.h"

namespace cprobe {
namespace {

constexpr double kNoNumber = std::numeric_limits<double>::quiet_NaN();

// Conversions of one value, for each type of a row's members.

RowValue encoded(const std::string& text) {
  return text;
}
RowValue encoded(int64_t integer) {
  return integer;
}
RowValue encoded(bool flag) {
  return int64_t{flag ? 1 : 0};
}
RowValue encoded(double number) {
  return std::isnan(number) ? RowValue() : RowValue(number);
}
RowValue encoded(const std::optional<double>& number) {
  return number ? encoded(*number) : RowValue();
}
RowValue encoded(const std::vector<double>& numbers) {
  return fmt::format("{}", fmt::join(numbers, " "));
}

template <typename T>
const T& as(const RowValue& value) {
  if (const T* found = std::get_if<T>(&value)) return *found;
  throw failure("the record holds a value of another type than its column's");
}
bool is_none(const RowValue& value) {
  return std::holds_alternative<std::monostate>(value);
}

void read(const RowValue& value, std::string& text) {
  text = as<std::string>(value);
}
void read(const RowValue& value, int64_t& integer) {
  integer = as<int64_t>(value);
}
void read(const RowValue& value, bool& flag) {
  flag = as<int64_t>(value) != 0;
}
void read(const RowValue& value, double& number) {
  number = is_none(value) ? kNoNumber : as<double>(value);
}
void read(const RowValue& value, std::optional<double>& number) {
  number = is_none(value) ? std::nullopt : std::optional(as<double>(value));
}
/// Reads draws; none if there is no value, as in records of earlier versions.
void read(const RowValue& value, std::vector<double>& numbers) {
  numbers.clear();
  if (is_none(value)) return;
  std::istringstream words(as<std::string>(value));
  for (std::string word; words >> word;) numbers.push_back(std::stod(word));
}

// The members of each row in the order of its table's columns. Structured bindings name all
// members, so that the compiler refuses a new member that is missing here.

template <typename Row>
auto columns(Row& row) {
  if constexpr (std::is_same_v<std::remove_const_t<Row>, ResultField>) {
    auto& [name, text, is_text] = row;
    return std::tie(name, text, is_text);
  } else if constexpr (std::is_same_v<std::remove_const_t<Row>, Metric>) {
    auto& [metric, value, n, sd, control, p, lower, upper, draws, note] = row;
    return std::tie(metric, value, n, sd, control, p, note, draws, lower, upper);
  } else {
    auto& [loss, objective, l0_term, temperature, n_kept] = row;
    return std::tie(loss, objective, l0_term, temperature, n_kept);
  }
}

}  // namespace

template <typename Row>
RowValues encode(const Row& row) {
  return std::apply([](const auto&... members) { return RowValues{encoded(members)...}; }, columns(row));
}

template <typename Row>
void decode(const RowValues& values, Row& row) {
  std::apply(
      [&](auto&... members) {
        if (values.size() != sizeof...(members)) throw failure("the record holds a row of {} values", values.size());
        size_t i = 0;
        (read(values[i++], members), ...);
      },
      columns(row));
}

template RowValues encode(const ResultField& field);
template RowValues encode(const Metric& metric);
template RowValues encode(const EpochRecord& record);
template void decode(const RowValues& values, ResultField& field);
template void decode(const RowValues& values, Metric& metric);
template void decode(const RowValues& values, EpochRecord& record);

}  // namespace cprobe
