#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cprobe/core/progress.h"
#include "cprobe/probe/findings.h"
#include "cprobe/probe/null_circuits.h"
#include "cprobe/spec/spec.h"

namespace cprobe {

/// Questions 3 and 4 on one data set: does the variable reach the behaviour through this component,
/// and through these units? Donors are the closest to their rows that the types allow
/// (`donor_kinds`), of one kind for the variable and its null variables: the first kind with rows
/// of 8 types or more, else the first with any rows. None if there is no such kind, or no value has
/// two types.
/// @param label    of the data set; seeds, with `seed`, rows, donors and random sets.
/// @param circuit  a proper part of the component.
/// @param nulls    circuits of the null variables, in order.
/// @param on_progress  told of each exchange that was measured.
/// @throws Error (kInterrupted) once a stop is requested.
std::optional<Findings::Exchange> exchange_on(const Model& model, const RunData& data, const std::string& label,
                                              const Dataset& set, const Circuit& circuit,
                                              std::span<const Circuit> nulls, const NullHypothesis& null,
                                              const ExchangeOptions& options, Seed seed,
                                              const OnProgress& on_progress = {});

/// The types of the rows that `exchange_on` exchanges: [n] int64. None where it exchanges nothing.
/// Computes nothing with the model.
std::optional<at::Tensor> types_exchanged(const RunData& data, const std::string& label, const Dataset& set,
                                          const NullHypothesis& null, const ExchangeOptions& options, Seed seed);

/// The nodes of the rows that `exchange_on` exchanges, with donors of another value. Two rows share
/// a node where they begin alike and their donors begin alike. 0 where it exchanges nothing.
/// Computes nothing with the model.
int64_t nodes_exchanged(const RunData& data, const std::string& label, const Dataset& set, const NullHypothesis& null,
                        const ExchangeOptions& options, Seed seed);

}  // namespace cprobe
