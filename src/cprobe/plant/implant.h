#pragma once

#include <torch/types.h>

#include <cstdint>
#include <span>
#include <vector>

#include "cprobe/core/seed.h"
#include "cprobe/data/dataset.h"
#include "cprobe/model/model.h"
#include "cprobe/plant/truth.h"

/// Implants: hidden units added to an MLP of any model, which compute a random partition of types.
/// Nobody can have learned that partition, so that a search which finds the units has found what
/// was planted, and the least implant that the search finds is its power in this component.
///
/// *Units.* Types are divided at random into as many cells as there are units, and cells into
/// classes. A hidden unit is above zero for the types of its cell, and at zero or a little below
/// for all others, so that ReLU, GELU and SiLU all keep the code. Of a gated MLP, a unit is a
/// column of the gate and one of the up matrix: both hold the same code, so that the product is 0
/// where the gate is closed. Each cell has a unit of its own, so that no unit is a copy of another.
///
/// *Input columns.* A ridge regression from the normed inputs of the probed tokens to the code: +1
/// in the cell, -1 outside. The loss is the squared hinge, which is ridge regression with targets
/// that move where the code is exceeded: a plain one spends its weights on values that the
/// activation cuts off. Other tokens of the rows have the code -1: implants are silent there.
///
/// *Output rows.* A random direction for each class. All coordinates of the update hold the code.
namespace cprobe {

struct ImplantOptions {
  ComponentRef component{0, Block::kMlp};
  Position position;      ///< Of the probed token.
  int64_t n_units = 16;   ///< At least as many as classes.
  int64_t n_classes = 4;  ///< Values of the variable, from 2.
};

/// @throws Error (kInput) if the component is attention or does not exist.
void require_implantable(const ModelConfig& config, const ComponentRef& component);

/// The share of rows whose class the units must give for an implant to be made.
inline constexpr double kLeastReading = 0.99;

/// A random function of types.
struct ImplantPartition {
  std::vector<int64_t> cell_of_type;  ///< Unit u serves cell u modulo the number of cells.
  std::vector<int64_t> class_of_type;
  int64_t n_cells = 0;  ///< As many as units, or as types if these are fewer.
};

/// Divides types at random. Cells and classes are as equal in size as can be.
/// @throws Error (kInput) naming the option: fewer than 2 classes, fewer units than classes, or
///         fewer than two types for each class.
ImplantPartition draw_partition(int64_t n_types, const ImplantOptions& options, Seed seed);

/// A data set with the type of each row.
struct TypedRows {
  const Dataset* data = nullptr;
  at::Tensor type;  ///< [n_rows] int64.
};

/// Hidden units that compute a partition, for any strength.
struct ImplantDesign {
  ImplantOptions options;
  ImplantPartition partition;
  std::vector<at::Tensor> columns;  ///< Per input matrix, [d_model, n_units], in the matrix's dtype.
  std::vector<at::Tensor> biases;   ///< Per input matrix, [n_units] float32; undefined without.
  at::Tensor directions;            ///< [n_classes, d_model] float32, of length 1.
  at::Tensor gain;                  ///< [n_units] float32: 1 / the mean hidden value, shared among copies.
  double update_length = 0;         ///< Mean length of the component's own update at the probed tokens.
  double reading = 0;               ///< Share of rows whose class the units give.
};

/// Designs the units of a partition.
///
/// Takes the largest ridge that reads the class of kLeastReading of the rows, from a tenth of the
/// mean square of the inputs down to a 10-millionth, with weights rounded as the model has them.
/// Gives up earlier where the first three read hardly anything. Memory: the normed inputs of the
/// probed tokens and of up to 2,000 others.
/// @param sets  all rows for which the implant is to hold.
/// @throws Error (kInput)
///   - as require_implantable;
///   - if no ridge reads enough: names the share reached, and says what to do.
ImplantDesign design_implant(const Model& model, std::span<const TypedRows> sets, const ImplantPartition& partition,
                             const ImplantOptions& options, Seed seed);

/// A model with the designed units at the end of the component's hidden layer. All layers have one
/// d_mlp in config.json, so all other MLPs get as many units of zeros. Copies the MLPs.
/// @param strength  length of what the units add, in relation to the component's own update; > 0.
/// @throws Error (kInput) naming the strength.
Model implanted(const Model& model, const ImplantDesign& design, double strength);

/// The truth of `implanted`: a variable that is computed, and that nothing reads.
///   - Input matrices: the new units are `units`, all old ones `other`.
///   - Last matrix: all coordinates are `units`, because the code lies in random directions. Scores
///     of that matrix say nothing: every method is right about it.
/// @param name  of the variable.
/// @param accuracy_before  of the model without the units, on the data of `check_truth`.
Truth implant_truth(const ModelConfig& implanted, const ImplantDesign& design, const std::string& name, double strength,
                    double accuracy_before, Seed seed);

}  // namespace cprobe
