#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cprobe/circuit/circuit.h"
#include "cprobe/evaluate/ablation.h"
#include "cprobe/evaluate/nearest_neighbours.h"

namespace cprobe {

/// What one cell found, before it is written down.
struct Findings {
  Circuit circuit;
  double train_loss = 0;  ///< Soft nearest neighbours loss under the hard mask, no L0 term.
  double test_loss = 0;
  int64_t n_train = 0;  ///< Training tokens in complete batches.
  int64_t n_test = 0;
  KnnResult knn;       ///< Of the circuit.
  KnnResult full_knn;  ///< Of the whole component.
  struct OnBehaviour {
    std::string label;                              ///< Data set, such as "Test".
    double vanilla = 0;                             ///< Task accuracy of the untouched model.
    std::optional<double> vanilla_log_probability;  ///< Of the right next token, in nats; with effects only.
    int64_t n_rows = 0;
    std::vector<AblationResult> ablations;
  };
  std::vector<OnBehaviour> behaviours;
};

}  // namespace cprobe
