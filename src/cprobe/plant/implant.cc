#include "cprobe/plant/implant.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "cprobe/core/error.h"
#include "cprobe/core/rows.h"
#include "cprobe/model/architecture.h"
#include "cprobe/model/component.h"
#include "cprobe/model/forward.h"
#include "cprobe/model/gemm.h"
#include "cprobe/plant/partitions.h"

namespace cprobe {
namespace {

constexpr std::array kRidges = {1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7};  // Of the mean square of an input.
// Inputs from which this ridge and all larger ones read less are not tried with smaller ones.
constexpr double kRidgeToJudgeBy = 1e-3, kHopeless = 0.7;
constexpr int64_t kMostOtherTokens = 2000;
constexpr int kSteps = 120;           // Of the regression, at most, for each ridge.
constexpr int kStepsBetween = 10;     // Measurements of what is read.
constexpr double kLeastGain = 0.002;  // In what is read, by some steps, for these to go on.
constexpr double kMostCode = 2;       // A unit's code in its cell lies between 1 and this.

/// What a pre-activation is for a code of 1: so far out that the activation of -1 is next to
/// nothing.
double scale_of(Activation activation) {
  switch (activation) {
    case Activation::kRelu:
      return 1;
    case Activation::kGelu:
    case Activation::kGeluTanh:
      return 4;
    case Activation::kSilu:
      return 6;
  }
  throw failure("an activation without a scale");
}

/// Normed inputs of a component, with the type of each row; -1 for tokens that are not probed.
struct Inputs {
  at::Tensor x;     ///< [n, d_model] float32.
  at::Tensor type;  ///< [n] int64.
};

/// Some of the nodes that are not probed, evenly spread.
at::Tensor other_nodes(const TokenTrie& trie, const at::Tensor& probed, int64_t most) {
  const at::Tensor is_other = at::ones({trie.n_nodes()}, at::kBool).index_fill_(0, probed, false);
  const at::Tensor others = is_other.nonzero().flatten();
  const int64_t step = std::max<int64_t>(1, (others.size(0) + most - 1) / std::max<int64_t>(1, most));
  return others.slice(0, 0, others.size(0), step);
}

Inputs inputs_of(const Model& model, std::span<const TypedRows> sets, const ImplantOptions& options,
                 double& update_length) {
  const Component component = component_of(model, options.component);
  std::vector<at::Tensor> x, types;
  double length = 0;
  int64_t n_rows = 0;
  for (const TypedRows& set : sets) {
    const TokenTrie& trie = set.data->trie;
    const Stream stream = stream_at(model, trie, Site::before(options.component));
    const auto normed_at = [&](const at::Tensor& nodes) {
      return normed_input(component, rows_at(stream.read(), stream.row_of_node.index_select(0, nodes)));
    };
    const at::Tensor probed = trie.nodes_at(options.position, set.data->source);
    const at::Tensor others = other_nodes(trie, probed, kMostOtherTokens / std::ssize(sets));
    x.push_back(normed_at(probed));
    types.push_back(set.type);
    const at::Tensor update =
        update_from(component, hidden_layer(hidden_layer_of(model.config), project_in(component, x.back())));
    length += update.norm(2, {1}).sum().item<double>();
    n_rows += probed.size(0);
    x.push_back(normed_at(others));
    types.push_back(at::full({others.size(0)}, -1, at::kLong));
  }
  update_length = length / static_cast<double>(n_rows);
  return {at::cat(x), at::cat(types)};
}

std::vector<int64_t> cells_of_units(const ImplantPartition& partition, int64_t n_units) {
  std::vector<int64_t> cells;
  for (int64_t unit = 0; unit < n_units; ++unit) cells.push_back(unit % partition.n_cells);
  return cells;
}

/// The class of each cell. Types of one cell have one class.
std::vector<int64_t> classes_of_cells(const ImplantPartition& partition) {
  std::vector<int64_t> classes(static_cast<size_t>(partition.n_cells));
  for (size_t type = 0; type < partition.cell_of_type.size(); ++type) {
    classes[static_cast<size_t>(partition.cell_of_type[type])] = partition.class_of_type[type];
  }
  return classes;
}

/// The columns of an input matrix for a regression's weights, one column per cell.
struct Columns {
  at::Tensor weight;  ///< [d_model, n_units], in the matrix's dtype.
  at::Tensor bias;    ///< [n_units] float32; undefined without.
};

/// Reads cells from normed inputs.
class Reading {
 public:
  Reading(const Model& model, const Inputs& inputs, const ImplantPartition& partition, const ImplantOptions& options)
      : model_(model), inputs_(inputs), partition_(partition), options_(options) {
    for (const MatrixInfo& matrix : matrices_of(model.config, options.component)) {
      matrices_.push_back(model.linear(matrix.name));
    }
    matrices_.pop_back();
    has_bias_ = matrices_.front().bias.defined();
    const at::Tensor cell_of_type = at::tensor(partition.cell_of_type, at::kLong);
    const at::Tensor class_of_type = at::tensor(partition.class_of_type, at::kLong);
    const at::Tensor is_probed = inputs.type.ge(0);
    probed_ = is_probed.nonzero().flatten();
    const at::Tensor types = inputs.type.index_select(0, probed_);
    classes_ = class_of_type.index_select(0, types);
    is_member_ = at::zeros({inputs.type.size(0), partition.n_cells}, at::kBool);
    is_member_.index_put_({probed_, cell_of_type.index_select(0, types)}, at::ones({1}, at::kBool));
    x_ = has_bias_ ? at::cat({inputs.x, at::ones({inputs.x.size(0), 1})}, 1) : inputs.x;
    const at::Tensor x = x_.to(at::kDouble);
    gram_ = at::matmul(x.t(), x);
  }

  /// The regression's weights with one ridge, [d_model (+ 1), n_cells], and what the units then
  /// read.
  std::pair<at::Tensor, double> fitted(double ridge) const;
  /// The columns of each input matrix, in the matrix's dtype.
  std::vector<Columns> columns(const at::Tensor& weights) const;
  /// The units' hidden values at the probed tokens, [n_probed, n_units].
  at::Tensor hidden(const std::vector<Columns>& columns) const;
  /// One over the mean hidden value of each unit in its cell, shared among units of one cell.
  at::Tensor gain(const at::Tensor& hidden) const;
  /// Share of rows in which the units of the row's class write most.
  double share_read(const at::Tensor& hidden) const;

 private:
  const Model& model_;
  const Inputs& inputs_;
  const ImplantPartition& partition_;
  const ImplantOptions& options_;
  std::vector<Linear> matrices_;
  bool has_bias_ = false;
  at::Tensor probed_;     ///< [n_probed] int64: rows of the inputs.
  at::Tensor classes_;    ///< [n_probed] int64.
  at::Tensor is_member_;  ///< [n, n_cells] bool: the cell of each row; none of rows that are not probed.
  at::Tensor x_;          ///< [n, d_model (+ 1)] float32: the inputs, with a column of ones for biases.
  at::Tensor gram_;       ///< Of x_, float64.
};

std::vector<Columns> Reading::columns(const at::Tensor& weights) const {
  const std::vector<int64_t> cells = cells_of_units(partition_, options_.n_units);
  const at::Tensor of_units = weights.index_select(1, at::tensor(cells, at::kLong));
  const int64_t d_model = model_.config.d_model;
  std::vector<Columns> all;
  for (size_t m = 0; m < matrices_.size(); ++m) {
    const double scale = m == 0 ? scale_of(model_.config.activation) : 1;  // The up matrix has the bare code.
    Columns columns{.weight = (scale * of_units.narrow(0, 0, d_model)).to(matrices_[m].weight.scalar_type())};
    if (has_bias_) columns.bias = scale * of_units[d_model];
    all.push_back(std::move(columns));
  }
  return all;
}

at::Tensor Reading::hidden(const std::vector<Columns>& columns) const {
  const at::Tensor x = inputs_.x.index_select(0, probed_);
  std::vector<at::Tensor> joined;
  for (const Columns& of_matrix : columns) {
    joined.push_back(at::matmul(x, of_matrix.weight.to(at::kFloat)));
    if (has_bias_) joined.back() += of_matrix.bias;
  }
  return hidden_layer({.activation = model_.config.activation, .d_mlp = options_.n_units},
                      at::cat(joined, 1).contiguous());
}

at::Tensor Reading::gain(const at::Tensor& hidden) const {
  const at::Tensor cells = at::tensor(cells_of_units(partition_, options_.n_units), at::kLong);
  const at::Tensor members = is_member_.index_select(0, probed_).index_select(1, cells).to(at::kFloat);
  const at::Tensor mean = (hidden * members).sum(0) / members.sum(0).clamp_min(1);
  const at::Tensor copies = at::bincount(cells, {}, partition_.n_cells).index_select(0, cells).to(at::kFloat);
  return 1 / (mean.clamp_min(1e-3) * copies);
}

double Reading::share_read(const at::Tensor& hidden) const {
  const std::vector<int64_t> classes = classes_of_cells(partition_);
  std::vector<int64_t> of_units;
  for (const int64_t cell : cells_of_units(partition_, options_.n_units)) {
    of_units.push_back(classes[static_cast<size_t>(cell)]);
  }
  const at::Tensor written = at::zeros({hidden.size(0), options_.n_classes})
                                 .index_add_(1, at::tensor(of_units, at::kLong), hidden * gain(hidden));
  return written.argmax(1).eq(classes_).to(at::kDouble).mean().item<double>();
}

std::pair<at::Tensor, double> Reading::fitted(double ridge) const {
  at::Tensor gram = gram_.clone();
  gram.diagonal().add_(ridge * gram.diagonal().mean().item<double>());
  const at::Tensor factor = at::linalg_cholesky(gram);
  at::Tensor weights = at::zeros({x_.size(1), partition_.n_cells}), before = weights;
  std::pair<at::Tensor, double> best = {weights, 0.0};
  int last_gain = 0;
  for (int step = 1; step <= kSteps; ++step) {
    // Accelerated steps (Nesterov); each is a ridge regression on the nearest values that a code
    // may have.
    const double momentum = static_cast<double>(step - 1) / static_cast<double>(step + 2);
    const at::Tensor ahead = weights + momentum * (weights - before);
    const at::Tensor code = gemm(x_, ahead);
    const at::Tensor target = at::where(is_member_, code.clamp(1, kMostCode), code.clamp_max(-1));
    before = weights;
    weights = at::cholesky_solve(gemm(x_.t(), target).to(at::kDouble), factor).to(at::kFloat);
    if (step != 1 && step % kStepsBetween != 0) continue;
    const double share = share_read(hidden(columns(weights)));
    if (share > best.second + kLeastGain) last_gain = step;
    if (share > best.second) best = {weights, share};
    if (share == 1 || step - last_gain >= 3 * kStepsBetween) break;
  }
  return best;
}

/// A matrix with further columns or rows, stored in the same order of its axes.
at::Tensor widened(const at::Tensor& matrix, const at::Tensor& further, int64_t axis) {
  if (matrix.stride(0) != 1 || matrix.size(1) == 1) return at::cat({matrix, further}, axis);
  return at::cat({matrix.t(), further.t()}, 1 - axis).t();
}

std::vector<int64_t> numbers(int64_t begin, int64_t end) {
  std::vector<int64_t> list(static_cast<size_t>(end - begin));
  std::iota(list.begin(), list.end(), begin);
  return list;
}

}  // namespace

void require_implantable(const ModelConfig& config, const ComponentRef& component) {
  require_component(config, component);
  const std::vector<MatrixInfo> matrices = matrices_of(config, component);
  if (component.block == Block::kMlp && matrices.front().n_out != config.d_mlp) {
    throw input_error("{}: no implants into models of family {}, whose MLPs have two input matrices in one",
                      to_string(component), config.architecture);
  }
  if (has_norms_behind_blocks(config)) {
    throw input_error("{}: no implants into models of family {}, where a norm follows what an MLP writes",
                      to_string(component), config.architecture);
  }
  if (component.block != Block::kAttention) return;
  throw input_error("{}: only MLPs can be implanted into, as attention has no hidden units; choose L{}.mlp",
                    to_string(component), component.layer);
}

ImplantPartition draw_partition(int64_t n_types, const ImplantOptions& options, Seed seed) {
  if (options.n_classes < 2) throw input_error("an implant of {} classes: expected at least 2", options.n_classes);
  if (options.n_units < options.n_classes) {
    throw input_error("an implant of {} units: expected at least one for each of {} classes", options.n_units,
                      options.n_classes);
  }
  if (n_types < 2 * options.n_classes) {
    throw input_error(
        "an implant of {} classes needs at least {} types, two of each class, so that a search can be tried on other "
        "types; the data have {}",
        options.n_classes, 2 * options.n_classes, n_types);
  }
  ImplantPartition partition{.n_cells = std::min(options.n_units, n_types)};
  for (const int64_t place : shuffled(n_types, seed.derive("partition"))) {
    partition.cell_of_type.push_back(place % partition.n_cells);
    partition.class_of_type.push_back(partition.cell_of_type.back() % options.n_classes);
  }
  return partition;
}

ImplantDesign design_implant(const Model& model, std::span<const TypedRows> sets, const ImplantPartition& partition,
                             const ImplantOptions& options, Seed seed) {
  require_implantable(model.config, options.component);
  ImplantDesign design{.options = options, .partition = partition};
  const Inputs inputs = inputs_of(model, sets, options, design.update_length);
  const Reading reading(model, inputs, partition, options);
  at::Tensor weights;
  for (const double ridge : kRidges) {
    const auto [fitted, share] = reading.fitted(ridge);
    if (share > design.reading) {
      design.reading = share;
      weights = fitted;
    }
    if (design.reading >= kLeastReading || (ridge <= kRidgeToJudgeBy && design.reading < kHopeless)) break;
  }
  if (design.reading < kLeastReading) {
    throw input_error(
        "{}: its input at the probed token does not tell types apart well enough for an implant: units that are "
        "fitted to a random partition of {} types into {} classes are right in {:.3f} of the rows, and an implant "
        "must be in {}; choose a component that reads more of the token, fewer classes, or other types",
        to_string(options.component), partition.cell_of_type.size(), options.n_classes, design.reading, kLeastReading);
  }
  const std::vector<Columns> columns = reading.columns(weights);
  for (const Columns& of_matrix : columns) {
    design.columns.push_back(of_matrix.weight);
    design.biases.push_back(of_matrix.bias);
  }
  design.gain = reading.gain(reading.hidden(columns));
  const at::Tensor drawn = at::randn({options.n_classes, model.config.d_model}, seed.derive("directions").generator());
  design.directions = drawn / drawn.norm(2, {1}, true);
  return design;
}

Model implanted(const Model& model, const ImplantDesign& design, double strength) {
  if (!(strength > 0) || !std::isfinite(strength)) {
    throw input_error("an implant of strength {}: expected a positive number", strength);
  }
  const int64_t n_units = design.options.n_units;
  const std::vector<int64_t> classes = classes_of_cells(design.partition);
  std::vector<int64_t> of_units;
  for (const int64_t cell : cells_of_units(design.partition, n_units)) {
    of_units.push_back(classes[static_cast<size_t>(cell)]);
  }
  const at::Tensor rows = strength * design.update_length * design.gain.unsqueeze(1) *
                          design.directions.index_select(0, at::tensor(of_units, at::kLong));
  Model wide = model;
  wide.config.d_mlp += n_units;
  for (int64_t layer = 0; layer < model.config.n_layers; ++layer) {
    const ComponentRef mlp{layer, Block::kMlp};
    const bool is_target = mlp == design.options.component;
    const std::vector<MatrixInfo> matrices = matrices_of(model.config, mlp);
    for (size_t m = 0; m < matrices.size(); ++m) {
      const bool is_last = m + 1 == matrices.size();
      at::Tensor& weight = wide.weights.at(matrices[m].name + ".weight");
      at::Tensor further = is_last ? at::zeros({n_units, weight.size(1)}, weight.options())
                                   : at::zeros({weight.size(0), n_units}, weight.options());
      if (is_target) further = (is_last ? rows : design.columns[m]).to(weight.scalar_type());
      weight = widened(weight, further, is_last ? 0 : 1);
      const auto bias = wide.weights.find(matrices[m].name + ".bias");
      if (is_last || bias == wide.weights.end()) continue;
      const at::Tensor of_units_bias = is_target ? design.biases[m] : at::zeros({n_units});
      bias->second = at::cat({bias->second, of_units_bias.to(bias->second.scalar_type())});
    }
  }
  return wide;
}

Truth implant_truth(const ModelConfig& implanted, const ImplantDesign& design, const std::string& name, double strength,
                    double accuracy_before, Seed seed) {
  const ImplantOptions& options = design.options;
  PlantedVariable variable{.name = name,
                           .status = PlantedStatus::kIdle,
                           .component = options.component,
                           .code = strength * design.update_length * design.directions};
  for (Site site = Site::after(options.component); site < Site::end(implanted); ++site.index) {
    variable.received_by.push_back(site.next());
  }
  const std::vector<MatrixInfo> matrices = matrices_of(implanted, options.component);
  for (size_t m = 0; m < matrices.size(); ++m) {
    const bool is_last = m + 1 == matrices.size();
    const int64_t n_old = is_last ? 0 : matrices[m].n_out - options.n_units;
    variable.matrices.push_back({.units = numbers(n_old, matrices[m].n_out), .other = numbers(0, n_old)});
  }
  return {.tier = std::string(kImplantTier),
          .seed = seed.value(),
          .knobs = {{"accuracy_before", fmt::format("{}", accuracy_before)},
                    {"classes", std::to_string(options.n_classes)},
                    {"component", to_string(options.component)},
                    {"position", to_string(options.position)},
                    {"reading", fmt::format("{}", design.reading)},
                    {"strength", fmt::format("{}", strength)},
                    {"types", std::to_string(design.partition.cell_of_type.size())},
                    {"units", std::to_string(options.n_units)}},
          .variables = {std::move(variable)}};
}

}  // namespace cprobe
