#include "cprobe/run/estimate.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "cprobe/core/memory.h"
#include "cprobe/probe/null_circuits.h"
#include "cprobe/probe/probe_cell.h"

namespace cprobe {
namespace {

/// Share of hard concrete gates that are open in a measured epoch. With it an epoch takes about the
/// mean time of a training, null circuits included, in the README's model and in SmolLM2; planted
/// models have .2 to .45 of them open.
constexpr double kOpenInTraining = 0.13;
/// The share for masks that keep nothing.
constexpr double kOpenInEmptyMasks = 0.02;

/// Epochs of one measurement: the first warms up, and the shortest of the others counts, as other
/// work on the machine only ever lengthens one.
constexpr int64_t kMeasuredEpochs = 3;

using std::chrono::steady_clock;

/// Seconds within which a forward pass is measured again; the shortest counts.
constexpr double kRepeatedWithin = 0.2;

/// Nodes of the measured forward pass: enough for matrix products to reach full speed.
constexpr int64_t kMeasuredNodes = 512;

double seconds_since(steady_clock::time_point start) {
  return std::chrono::duration<double>(steady_clock::now() - start).count();
}

int64_t n_weights(const ModelConfig& config, const ComponentRef& component) {
  int64_t sum = 0;
  for (const MatrixInfo& matrix : matrices_of(config, component)) sum += matrix.n_in * matrix.n_out;
  return sum;
}

/// The most ablated runs of a cell, on all evaluation sets.
int64_t n_ablations(const AblationOptions& options, const RunData& data, const Cell& cell, int64_t n_nulls) {
  const size_t n_matrices = matrices_of(data.model.config, cell.component).size();
  return std::ssize(data.evaluation_sets) * most_ablations(options, n_matrices, static_cast<size_t>(n_nulls));
}

}  // namespace

Estimate::Estimate(const Spec& spec, const std::vector<Cell>& cells, const RunData& data, const NewRows& new_rows,
                   const OnProgress& on_progress)
    : spec_(&spec), data_(&data), shared_memory_(cprobe::peak_memory()) {
  const int64_t mapped_before = mapped_memory();
  for (const auto& [name, weight] : data.model.weights) weights_memory_ += static_cast<int64_t>(weight.nbytes());
  const std::map<CellKind, const Cell*> kinds = kinds_of(cells);
  Progress progress{.what = "measure an epoch and a forward pass", .total = std::ssize(kinds) + 2};
  tell(on_progress, progress);
  for (const auto& [kind, cell] : kinds) {
    epochs_[kind] = measured_epoch(*cell, new_rows, kOpenInTraining);
    ++progress.done;
    tell(on_progress, progress);
  }
  product_ = measured_product();
  run_two_layers();
  // Weights of a mapped file that were read for the first time.
  shared_memory_ += std::max<int64_t>(0, mapped_memory() - mapped_before);
  peak_memory_ = cprobe::peak_memory() + further_memory(cells);
  ++progress.done;
  tell(on_progress, progress);
}

std::map<Estimate::CellKind, const Cell*> Estimate::kinds_of(const std::vector<Cell>& cells) {
  std::map<CellKind, const Cell*> kinds;
  for (const Cell& cell : cells) kinds.try_emplace({cell.component.block, cell.batch_size}, &cell);
  return kinds;
}

int64_t Estimate::further_memory(const std::vector<Cell>& cells) const {
  const ModelConfig& config = data_->model.config;
  int64_t largest_stream = 0, most_nodes = 0, widest_inputs = 0;
  for (const Dataset* data : data_sets(*data_)) {
    // A stream that is being advanced is in memory twice.
    largest_stream = std::max(largest_stream, stream_bytes(config, data->trie.n_nodes()));
    most_nodes = std::max(most_nodes, data->trie.n_nodes());
  }
  for (const Cell& cell : cells) {
    const std::vector<MatrixInfo> matrices = matrices_of(config, cell.component);
    widest_inputs = std::max(widest_inputs, matrices.front().n_in + matrices.back().n_in);
  }
  int64_t bytes = streams_memory(*data_) + largest_stream;
  const int64_t n_inputs = (data_->train.trie.n_nodes() + most_nodes) * widest_inputs;
  if (take_donors(spec_->probe.ablation.fills)) bytes += n_inputs * static_cast<int64_t>(sizeof(float));
  if (spec_->model.control != ModelControl::kNone) {
    for (const auto& [name, weight] : data_->model.weights) {
      bytes += weight.numel() * static_cast<int64_t>(sizeof(float));
    }
  }
  return bytes;
}

double Estimate::epoch_seconds() const {
  double sum = 0;
  for (const auto& [kind, epoch] : epochs_) sum += epoch.with_nulls(1);
  return sum;
}

Estimate::Epoch Estimate::measured_epoch(const Cell& cell, const NewRows& new_rows, double open) const {
  if (fit_options(spec_->probe, cell).epochs == 0) return {};
  LabelledTokens labelled = data_->train.labelled(cell.variable, cell.position);
  const auto null = data_->nulls.find(cell.variable);
  const at::Tensor rows = null == data_->nulls.end() ? at::Tensor() : rows_to_train_on(*data_, null->second);
  if (rows.defined()) {
    labelled = {labelled.nodes.index_select(0, rows), labelled.labels.index_select(0, rows)};
  }
  // The embeddings stand for the cell's stream. Expanded to a row per node, they are as large.
  Stream stream = embed(data_->model, data_->train.trie).expanded(new_rows);
  stream.begin_layer(data_->model.config, cell.component.layer);
  const ComponentInputs inputs(data_->model, cell.component, spec_->probe.unit, data_->train.trie, stream,
                               labelled.nodes);
  FitOptions options = find_options(spec_->probe, cell).fit;
  options.epochs = kMeasuredEpochs;
  options.l0_weights = {0};
  options.max_temperature = 1;
  // A step takes less time the more gates are closed.
  const bool closes = spec_->probe.mask_method == MaskKind::kHardConcrete;
  const std::unique_ptr<MaskMethod> method =
      make_mask_method(spec_->probe.mask_method, closes ? open : cell.mask_option);
  const auto seconds_together = [&](int64_t n_masks) {
    const auto n = static_cast<size_t>(n_masks);
    if (n == 0) return 0.0;
    const at::Generator orders = Seed(cell.seed).derive("estimate").generator();
    auto start = steady_clock::now();
    std::vector<double> epochs;
    fit_together(
        inputs, std::vector<at::Tensor>(n, labelled.labels), *method, options,
        [&](int64_t n_labelled) { return at::randperm(n_labelled, orders, at::kLong); },
        std::vector<at::Generator>(n, Seed(cell.seed).generator()),
        [&](const Progress&) {
          epochs.push_back(seconds_since(start));
          start = steady_clock::now();
        });
    return epochs.empty() ? 0 : *std::min_element(epochs.begin() + 1, epochs.end());  // Not all methods train.
  };
  return {seconds_together(1), seconds_together(spec_->probe.null_variables)};
}

int64_t Estimate::n_classes(const std::string& variable) const {
  return std::get<0>(at::_unique2(data_->train.variables.at(variable))).size(0);
}

void Estimate::measure_costs(const std::vector<Cell>& cells, const NewRows& new_rows) {
  if (spec_->probe.mask_method == MaskKind::kHardConcrete) {
    for (const auto& [kind, cell] : kinds_of(cells)) {
      closed_epochs_[kind] = measured_epoch(*cell, new_rows, kOpenInEmptyMasks);
    }
  }
  std::map<Block, std::map<int64_t, const Cell*>> kinds;
  for (const Cell& cell : cells) kinds[cell.component.block].try_emplace(n_classes(cell.variable), &cell);
  for (const auto& [block, of_classes] : kinds) {
    for (const auto& [n, cell] : {*of_classes.begin(), *of_classes.rbegin()}) {
      if (!decoding_[block].contains(n)) decoding_[block][n] = measured_decoding(*spec_, *cell, *data_, new_rows);
    }
    // Variables differ in whether rows have donors. The first that has any stands for all.
    for (const auto& [n, cell] : of_classes) {
      const std::optional<ExchangeCost> cost = measured_exchange(*spec_, *cell, *data_);
      if (!cost) continue;
      exchanges_[block] = *cost;
      break;
    }
  }
  if (exchanges_.empty()) return;
  for (const Cell& cell : cells) {
    if (!exchanged_nodes_.contains(cell.variable)) {
      exchanged_nodes_[cell.variable] = nodes_exchanged_by(*spec_, cell, *data_);
    }
  }
}

DecodingCost Estimate::decoding_of(const Cell& cell) const {
  if (decoding_.empty()) return {};
  const std::map<int64_t, DecodingCost>& measured = decoding_.at(cell.component.block);
  const auto& [fewest, least] = *measured.begin();
  const auto& [most, greatest] = *measured.rbegin();
  if (fewest == most) return least;
  const double share = static_cast<double>(n_classes(cell.variable) - fewest) / static_cast<double>(most - fewest);
  return {.own = least.own + share * (greatest.own - least.own),
          .per_null = least.per_null + share * (greatest.per_null - least.per_null)};
}

Estimate::Exchanges Estimate::exchanges_of(const Cell& cell) const {
  const auto measured = exchanges_.find(cell.component.block);
  const int64_t n_nulls = n_null_variables(*spec_, *data_, cell);
  if (measured == exchanges_.end() || n_nulls == 0) return {};
  const ExchangeCost& cost = measured->second;
  const Site site = Site::before(cell.component), end = Site::end(data_->model.config);
  const Site first = Site::before({0, cell.component.block});
  const double all = products(1, Site::start(), end), behind = products(1, site, end);
  const double behind_first = products(1, first, end);
  // With donors, the model runs on both rows, twice in all, and behind the component for each
  // exchange.
  const double with_donors = (4 * all + 2 * behind) / (4 * all + 2 * behind_first);
  const double of_units = behind / behind_first;
  const auto n_sets = static_cast<double>(1 + spec_->probe.exchange.n_controls + n_nulls);
  const double nodes = static_cast<double>(exchanged_nodes_.at(cell.variable)) / static_cast<double>(cost.n_nodes);
  return {.whole = nodes * with_donors * (cost.own + static_cast<double>(n_nulls) * cost.per_null),
          .paths = nodes * of_units * n_sets * cost.per_units};
}

double Estimate::measured_product() const {
  const at::NoGradGuard no_gradients;
  const Model& model = data_->model;
  const TokenTrie& trie = data_->test.trie;
  // Ancestors come before descendants, so the first nodes have all their ancestors.
  const at::Tensor nodes = at::arange(std::min(kMeasuredNodes, trie.n_nodes()));
  const Stream stream = embed(model, trie);
  double shortest = std::numeric_limits<double>::infinity();
  // The first pass of a small model is mostly memory that is touched for the first time.
  for (const auto begin = steady_clock::now(); std::isinf(shortest) || seconds_since(begin) < kRepeatedWithin;) {
    const auto start = steady_clock::now();
    const at::Tensor states =
        run_in_slabs(model, trie, stream, Site::start(), Site::end(model.config), {.read_nodes = nodes});
    states.narrow(0, 0, 1).cpu();  // Waits until a GPU has computed the states.
    shortest = std::min(shortest, seconds_since(start));
  }
  return shortest / products(nodes.size(0), Site::start(), Site::end(model.config));
}

void Estimate::run_two_layers() const {
  const auto n_nodes = [](const auto& set) { return set.second.trie.n_nodes(); };
  const auto largest = std::ranges::max_element(data_->evaluation_sets, {}, n_nodes);
  if (largest == data_->evaluation_sets.end()) return;
  const Dataset& data = largest->second;
  const Site after_two_layers = std::min(Site::before({2, Block::kAttention}), Site::end(data_->model.config));
  run_in_slabs(data_->model, data.trie, embed(data_->model, data.trie), Site::start(), after_two_layers,
               {.read_nodes = Behaviour(data).read_nodes()});
}

double Estimate::products(int64_t n_nodes, Site from, Site to) const {
  double sum = 0;
  for (Site site = from; site < to; ++site.index) {
    sum += static_cast<double>(n_nodes) * static_cast<double>(n_weights(data_->model.config, site.next()));
  }
  return sum;
}

CellTime unmeasured(const Spec& spec, const RunData& data, const Cell& cell) {
  return {.epoch = 1,
          .closed_epoch = 1,
          .n_epochs = n_epochs(fit_options(spec.probe, cell)),
          .ablation = 1,
          .n_ablations = n_ablations(spec.probe.ablation, data, cell, n_null_variables(spec, data, cell))};
}

CellTime Estimate::of(const Cell& cell, const Cell* before) const {
  const ModelConfig& config = data_->model.config;
  const Site site = Site::before(cell.component);
  // Each cell of a negative control has a model of its own, whose streams start at the embeddings.
  const bool fresh = before == nullptr || spec_->model.control != ModelControl::kNone;
  const Site from = fresh ? Site::start() : Site::before(before->component);
  CellTime time = unmeasured(*spec_, *data_, cell);
  const CellKind kind{cell.component.block, cell.batch_size};
  const Epoch& epoch = epochs_.at(kind);
  const int64_t n_nulls_of_cell = n_null_variables(*spec_, *data_, cell);
  const auto n_nulls = static_cast<double>(n_nulls_of_cell);
  const auto n_measured = static_cast<double>(std::max<int64_t>(1, spec_->probe.null_variables));
  time.epoch = epoch.with_nulls(n_nulls / n_measured);
  const auto closed = closed_epochs_.find(kind);
  time.closed_epoch = closed == closed_epochs_.end()
                          ? time.epoch
                          : std::min(time.epoch, closed->second.with_nulls(n_nulls / n_measured));
  const DecodingCost decoding = decoding_of(cell);
  time.decoding = decoding.own + n_nulls * decoding.per_null;
  const Exchanges exchanges = exchanges_of(cell);
  time.exchanges = exchanges.whole + exchanges.paths;
  if (time.epoch > 0) time.own_share = epoch.own / time.epoch;
  double ablation = 0;
  for (const auto& [label, data] : data_->evaluation_sets) {
    double per_run = products(data.trie.n_nodes(), site, Site::end(config));
    // Multiplications by the unembedding. A contrast compares a few tokens, too few to count.
    const int64_t n_heads = (data.contrast && !data.contrast->whole ? 0 : 1) + (spec_->probe.ablation.effect ? 2 : 0);
    per_run += static_cast<double>(n_heads * data.trie.n_rows() * config.d_model * config.vocab);
    ablation += per_run;
    // A fresh model also runs untouched, from the site on.
    if (fresh) time.streams += product_ * products(data.trie.n_nodes(), site, Site::end(config));
  }
  for (const Dataset* data : data_sets(*data_)) time.streams += product_ * products(data->trie.n_nodes(), from, site);
  time.ablation = product_ * ablation / std::max(1.0, static_cast<double>(data_->evaluation_sets.size()));
  AblationOptions without_sets = spec_->probe.ablation;
  without_sets.n_random = 0;
  const auto n_without = static_cast<double>(n_ablations(without_sets, *data_, cell, n_nulls_of_cell));
  time.of_parts = exchanges.paths + time.ablations() - time.ablation * n_without;
  return time;
}

}  // namespace cprobe
