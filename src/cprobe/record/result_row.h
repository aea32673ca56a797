#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "cprobe/evaluate/metric.h"
#include "cprobe/probe/findings.h"
#include "cprobe/spec/spec.h"

namespace cprobe {

/// A field of results.csv: whole numbers, numbers and texts keep their type.
using FieldValue = std::variant<std::string, int64_t, double>;
using ResultRow = std::vector<std::pair<std::string, FieldValue>>;

/// The fields of results.csv: the reference's columns with its names and order (leading spaces included), then ours.
/// Cells of one spec and block have the same columns; a figure that does not exist (random controls of an empty circuit)
/// is an empty text.
ResultRow result_row(const Spec& spec, const Cell& cell, const std::string& id, const Findings& findings);

/// How metrics.csv's name of circuit probing begins, whatever learned the masks.
inline constexpr std::string_view kCircuitProbing = "circuit probing";

/// What metrics.csv calls circuit probing with the spec's mask method: kCircuitProbing for continuous sparsification,
/// otherwise "circuit probing (hard_concrete)".
std::string method_name(const Spec& spec);

/// The findings in long form (docs/file_formats.md lists the metrics).
std::vector<Metric> metrics(const Findings& findings);

/// A number as Python prints it: shortest text that reads back equal, with ".0" behind whole values.
std::string number_text(double value);
std::string field_text(const FieldValue& field);

}  // namespace cprobe
