#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "cprobe/core/seed.h"
#include "cprobe/data/dataset.h"
#include "cprobe/model/forward.h"

namespace cprobe {

/// One data set at the site that is probed.
struct ProbedSet {
  const Dataset& data;
  Stream stream;      ///< Of all its nodes at the site.
  at::Tensor nodes;   ///< [n_rows] int64: the probed token of each row.
  at::Tensor labels;  ///< [n_rows] int64: the variable's value. Undefined in a behaviour set without it.

  /// The states that methods read and replace, [n_rows, d_model]. They are on the CPU, like all that
  /// methods learn, wherever the model runs.
  at::Tensor states() const { return stream.at_nodes(nodes).cpu(); }
};

/// One variable at one site of the residual stream, with the tokens, splits and seed of a spec: all that
/// a competing method is given. The data sets and the model belong to the caller.
struct ProbedSite {
  const Model& model;
  Site site;
  int64_t position = -1;  ///< Of the probed token in every row, as TokenTrie::nodes_at.
  std::string variable;
  ProbedSet train;
  ProbedSet test;
  /// Data sets on which task accuracy is measured, by label: "Test", "Same", "Different", "IID", ...
  std::vector<std::pair<std::string, ProbedSet>> evaluation_sets;
  Seed seed{0};                 ///< Of this cell; a method derives its own streams from it.
  bool paper_protocol = false;  ///< Do as the reference implementation does where it is worse than the default.
};

}  // namespace cprobe
