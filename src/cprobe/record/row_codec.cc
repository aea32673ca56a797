#include "cprobe/record/row_codec.h"

#include <cmath>
#include <limits>
#include <sstream>
#include <tuple>

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

auto columns(auto& field) requires requires {
  field.is_text;
}
{
  auto& [name, text, is_text] = field;
  return std::tie(name, text, is_text);
}
auto columns(auto& m) requires requires {
  m.metric;
}
{
  auto& [metric, value, n, sd, control, p, draws, note] = m;
  return std::tie(metric, value, n, sd, control, p, note, draws);
}
auto columns(auto& record) requires requires {
  record.l0_term;
}
{
  auto& [loss, objective, l0_term, temperature, n_kept] = record;
  return std::tie(loss, objective, l0_term, temperature, n_kept);
}

template <typename Row>
RowValues encode_row(const Row& row) {
  return std::apply([](const auto&... members) { return RowValues{encoded(members)...}; }, columns(row));
}

template <typename Row>
void decode_row(const RowValues& values, Row& row) {
  std::apply(
      [&](auto&... members) {
        if (values.size() != sizeof...(members)) throw failure("the record holds a row of {} values", values.size());
        size_t i = 0;
        (read(values[i++], members), ...);
      },
      columns(row));
}

}  // namespace

RowValues encode(const ResultField& field) {
  return encode_row(field);
}
RowValues encode(const Metric& metric) {
  return encode_row(metric);
}
RowValues encode(const EpochRecord& record) {
  return encode_row(record);
}

void decode(const RowValues& values, ResultField& field) {
  decode_row(values, field);
}
void decode(const RowValues& values, Metric& metric) {
  decode_row(values, metric);
}
void decode(const RowValues& values, EpochRecord& record) {
  decode_row(values, record);
}

}  // namespace cprobe
