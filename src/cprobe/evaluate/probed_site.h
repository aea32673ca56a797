#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "cprobe/core/seed.h"
#include "cprobe/data/dataset.h"
#include "cprobe/data/null_variables.h"
#include "cprobe/model/forward.h"

namespace cprobe {

/// One data set at the probed site.
struct ProbedSet {
  const Dataset& data;
  Stream stream;     ///< Of all nodes of the data set, at the site.
  at::Tensor nodes;  ///< [n_rows] int64: the probed token of each row.
  /// [n_rows] int64: values of the variable. Undefined if an evaluation set lacks the variable.
  at::Tensor labels;
  /// [n_rows] int64: type of each row, as Types::of_rows. Undefined if ProbedSite::null is not set.
  at::Tensor types = {};

  /// The states that methods read and replace, [n_rows, d_model]. Always on the CPU, where methods
  /// learn, wherever the model runs.
  at::Tensor states() const { return stream.at_nodes(nodes).cpu(); }
};

/// Input of a comparison method: one variable at one site of the residual stream, with the tokens,
/// splits and seed of a spec. The data sets and the model belong to the caller.
struct ProbedSite {
  const Model& model;
  Site site;
  Position position;  ///< Of the probed token in every row.
  std::string variable;
  ProbedSet train;
  ProbedSet test;
  /// Label and data of each evaluation set, on which task accuracy is measured. Labels: "Test",
  /// "Same", "Different", "IID", ...
  std::vector<std::pair<std::string, ProbedSet>> evaluation_sets;
  /// Types and null variables of the variable, which belong to the caller. Null in protocol paper,
  /// and if the spec wants no null variables: methods then give no figure beside null variables.
  const NullHypothesis* null = nullptr;
  Seed seed{0};  ///< Seed of this cell. A method derives its streams from this seed.
  /// Do as the reference implementation does, even where that is worse than the default.
  bool paper_protocol = false;
};

}  // namespace cprobe
