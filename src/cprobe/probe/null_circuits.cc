#include "cprobe/probe/null_circuits.h"

#include <algorithm>

#include "cprobe/circuit/mask_options.h"
#include "cprobe/core/interrupt.h"
#include "cprobe/core/rows.h"
#include "cprobe/data/held_out_types.h"
#include "cprobe/evaluate/linear_readout.h"
#include "cprobe/evaluate/other_types.h"
#include "cprobe/probe/draws.h"
#include "cprobe/probe/l0_path.h"

namespace cprobe {
namespace {

/// One data set behind one component.
struct JudgedSet {
  const Dataset& data;
  at::Tensor nodes;   ///< [n_rows] int64: the probed tokens.
  at::Tensor labels;  ///< [n_rows] int64.
  at::Tensor types;   ///< [n_rows] int64.

  /// @param rows  numbers of the rows to take; undefined: all.
  static JudgedSet make(const RunData& data, const Dataset& set, const at::Tensor& rows, const std::string& variable,
                        const Position& position, const Types& types) {
    LabelledTokens tokens = set.labelled(variable, position);
    JudgedSet judged{set, std::move(tokens.nodes), std::move(tokens.labels), types.of_rows[place_of(data, set)]};
    for (at::Tensor* of_rows : {&judged.nodes, &judged.labels, &judged.types}) {
      if (rows.defined()) *of_rows = of_rows->index_select(0, rows);
    }
    return judged;
  }
};

/// A position whose stream a component reads: its name, and the node of every row.
struct InputPosition {
  std::string name;
  at::Tensor train, test;  ///< [n_rows] int64.
};

/// The node `back` tokens before each of some nodes; empty if a path is too short.
std::optional<at::Tensor> nodes_before(const TokenTrie& trie, at::Tensor nodes, int64_t back) {
  for (int64_t i = 0; i < back; ++i) {
    nodes = trie.parent.index_select(0, nodes);
    if (nodes.lt(0).any().item<bool>()) return std::nullopt;
  }
  return nodes;
}

std::optional<at::Tensor> nodes_from_start(const TokenTrie& trie, const at::Tensor& nodes, int64_t position) {
  const Paths paths = ancestor_paths(trie, nodes);
  if (paths.length.le(position).any().item<bool>()) return std::nullopt;
  return paths.nodes.select(1, position).contiguous();
}

/// The positions that a component reads to write at the probed tokens. An MLP reads the probed
/// token; attention reads all tokens up to it. Positions that not all rows have are left out.
std::vector<InputPosition> input_positions(const JudgedSet& train, const JudgedSet& test, Block block) {
  std::vector<InputPosition> positions = {{"the probed token", train.nodes, test.nodes}};
  if (block == Block::kMlp) return positions;
  const auto add = [&](std::string name, const std::optional<at::Tensor>& of_train,
                       const std::optional<at::Tensor>& of_test) {
    if (!of_train || !of_test) return false;
    positions.push_back({std::move(name), *of_train, *of_test});
    return true;
  };
  const auto depths = [](const JudgedSet& set) { return set.data.trie.position.index_select(0, set.nodes); };
  const at::Tensor all = at::cat({depths(train), depths(test)});
  const int64_t deepest = all.max().item<int64_t>();
  const bool is_one_depth = all.min().item<int64_t>() == deepest;
  for (int64_t p = 0; p < deepest; ++p) {
    if (!add(fmt::format("token {}", p), nodes_from_start(train.data.trie, train.nodes, p),
             nodes_from_start(test.data.trie, test.nodes, p))) {
      break;
    }
  }
  // In rows of one length these are the same positions.
  for (int64_t back = 1; !is_one_depth && back <= deepest; ++back) {
    if (!add(fmt::format("{} before the probed token", back), nodes_before(train.data.trie, train.nodes, back),
             nodes_before(test.data.trie, test.nodes, back))) {
      break;
    }
  }
  return positions;
}

/// Vectors at some nodes, one for each distinct row of the stream.
TypedVectors typed(const at::Tensor& rows, const at::Tensor& row_of_node, const at::Tensor& nodes, at::Tensor labels,
                   const at::Tensor& types) {
  const DistinctNodes read = distinct(row_of_node.index_select(0, nodes));
  return {rows_at(rows, read.nodes), read.place, std::move(labels), types};
}

/// Question 1 for one data set.
class Judge {
 public:
  /// @param rows  of `set`, to judge; undefined: all.
  Judge(const Model& model, const RunData& data, const Dataset& set, const at::Tensor& rows,
        const std::string& variable, const Circuit& circuit, const std::vector<Circuit>& nulls,
        const NullHypothesis& null, const FindOptions& options, Streams& streams)
      : component_(component_of(model, circuit.component())),
        train_(JudgedSet::make(data, data.train, options.train_rows, variable, options.position, null.types)),
        test_(JudgedSet::make(data, set, rows, variable, options.position, null.types)),
        train_stream_(streams.at(data.train, Site::before(component_.ref))),
        test_stream_(streams.at(set, Site::before(component_.ref))),
        train_inputs_(model, component_.ref, circuit.unit, train_.data.trie, train_stream_, train_.nodes),
        test_inputs_(model, component_.ref, circuit.unit, test_.data.trie, test_stream_, test_.nodes),
        circuit_(circuit),
        nulls_(nulls),
        null_(null) {
    add_variable(null.types.value, train_.labels, options);
    const at::Tensor null_labels = null.variables.labels(train_.types);
    for (size_t b = 0; b < nulls.size(); ++b) {
      const auto number = static_cast<int64_t>(b);
      add_variable(null.variables.values[number], null_labels[number], options);
    }
  }

  Findings::Presence judge(const std::string& label) const {
    Findings::Presence found{.data = label};
    const AccuracyByType own = of_updates(0, keep_multipliers(circuit_));
    const std::optional<double> mean = own.mean();
    if (!mean) return found;
    found.present.value = *mean;
    found.whole = of_updates(0, train_inputs_.ones()).mean().value_or(0);
    for (size_t b = 0; b < nulls_.size(); ++b) {
      stop_if_interrupted();
      found.present.nulls.push_back(null_mean(of_updates(b + 1, keep_multipliers(nulls_[b]))));
    }
    found.present.interval = interval_of(own, {}, found.present.nulls);
    add_inputs(found, own);
    return found;
  }

 private:
  struct Variable {
    at::Tensor values;        ///< [n_types] int64.
    at::Tensor train_labels;  ///< [n_train] int64.
    std::vector<std::vector<int64_t>> exemplars;
  };

  void add_variable(at::Tensor values, at::Tensor train_labels, const FindOptions& options) {
    const auto n_test = test_.nodes.size(0);
    const std::unique_ptr<Draws> draws =
        named_draws(Seed(options.seed), train_labels.size(0), n_test, options.exemplar_draws);
    auto exemplars = draws->exemplars(train_labels);
    variables_.push_back({std::move(values), std::move(train_labels), std::move(exemplars)});
  }

  AccuracyByType accuracy(const Variable& variable, TypedVectors train, TypedVectors test) const {
    train.labels = variable.train_labels;
    train.types = train_.types;
    test.labels = variable.values.index_select(0, test_.types);
    test.types = test_.types;
    return accuracy_on_other_types(train, test, variable.values, variable.exemplars);
  }

  /// Accuracy from the updates of the component under multipliers.
  /// @param which  0: the variable; b + 1: null variable b.
  AccuracyByType of_updates(size_t which, const std::vector<at::Tensor>& multipliers) const {
    const at::NoGradGuard no_gradients;
    const Variable& variable = variables_[which];
    // Of the training rows, only exemplars are needed.
    std::vector<int64_t> rows;
    for (const std::vector<int64_t>& draw : variable.exemplars) rows.insert(rows.end(), draw.begin(), draw.end());
    const DistinctNodes read = distinct(at::tensor(rows, at::kLong));
    const at::Tensor place =
        at::zeros({train_.nodes.size(0)}, at::kLong).index_copy_(0, read.nodes, at::arange(read.nodes.size(0)));
    return accuracy(variable, {.vectors = train_inputs_.updates(multipliers, read.nodes), .place = place},
                    {.vectors = test_inputs_.updates(multipliers)});
  }

  /// The interval of an accuracy, or of its difference from another, minus the mean of nulls.
  /// @param other  [n_types] float64. Undefined: the accuracy itself.
  Interval interval_of(const AccuracyByType& own, const at::Tensor& other, std::vector<double> nulls) const {
    const double mean = nulls.empty() ? 0 : spread(nulls).mean;
    const at::Tensor minus = at::full({own.accuracy.size(0)}, mean, at::kDouble);
    if (nulls.size() < 2) nulls.clear();
    Interval interval = interval_over_types(type_means(own, other.defined() ? other + minus : minus, null_.types),
                                            nulls, {(other.defined() ? -1 : 0) - mean, 1 - mean});
    interval.is_approximate |= judge_each_other(own);
    return interval;
  }

  /// A null variable without a figure, which its sizes do not let happen, counts as perfect.
  static double null_mean(const AccuracyByType& accuracy) { return accuracy.mean().value_or(1); }

  /// What could be decoded from the stream that the component reads, at each position: from its
  /// vectors as they are, or by a linear read-out, whichever is more.
  void add_inputs(Findings::Presence& found, const AccuracyByType& own) const {
    const at::NoGradGuard no_gradients;
    const at::Tensor train_rows = normed_input(component_, train_stream_.read());
    const at::Tensor test_rows = normed_input(component_, test_stream_.read());
    std::vector<ReadVariable> read;
    for (const Variable& variable : variables_) read.push_back({variable.train_labels, variable.values});
    std::vector<double> best_nulls(nulls_.size(), 0);
    AccuracyByType best;
    double best_mean = -1;
    for (const InputPosition& position : input_positions(train_, test_, component_.ref.block)) {
      stop_if_interrupted();
      const TypedVectors train = typed(train_rows, train_stream_.row_of_node, position.train, {}, train_.types),
                         test = typed(test_rows, test_stream_.row_of_node, position.test, {}, test_.types);
      const std::vector<AccuracyByType> linear = linear_accuracy_on_other_types(train, test, read);
      const auto at_position = [&](size_t which) {
        const AccuracyByType nearest = accuracy(variables_[which], train, test);
        return nearest.mean() >= linear[which].mean() ? nearest : linear[which];
      };
      const AccuracyByType here = at_position(0);
      Findings::Presence::Input input{.position = position.name, .accuracy = here.mean().value_or(0)};
      if (input.accuracy > best_mean) {
        best_mean = input.accuracy;
        best = here;
        found.received_from = position.name;
      }
      for (size_t b = 0; b < nulls_.size(); ++b) {
        input.nulls.push_back(null_mean(at_position(b + 1)));
        best_nulls[b] = std::max(best_nulls[b], input.nulls.back());
      }
      found.inputs.push_back(std::move(input));
    }
    found.made_here.value = found.present.value - best_mean;
    for (size_t b = 0; b < nulls_.size(); ++b) found.made_here.nulls.push_back(found.present.nulls[b] - best_nulls[b]);
    found.made_here.interval = interval_of(own, best.accuracy, found.made_here.nulls);
  }

  Component component_;
  JudgedSet train_, test_;
  const Stream& train_stream_;
  const Stream& test_stream_;
  ComponentInputs train_inputs_, test_inputs_;
  const Circuit& circuit_;
  const std::vector<Circuit>& nulls_;
  const NullHypothesis& null_;
  std::vector<Variable> variables_;  ///< The variable, then the null variables.
};

}  // namespace

std::vector<std::pair<std::string, const Dataset*>> judged_sets(const RunData& data, const Types& types) {
  std::vector<std::pair<std::string, const Dataset*>> sets;
  const auto& labelled = data.decoded_sets.empty() ? data.evaluation_sets : data.decoded_sets;
  const auto test =
      std::ranges::find(labelled, data.test.identity(), [](const auto& entry) { return entry.second.identity(); });
  sets.emplace_back(test == labelled.end() ? "Test" : test->first, &data.test);
  for (const auto& [label, set] : labelled) {
    if (set.identity() == data.test.identity() || !types.has_variable[place_of(data, set)]) continue;
    sets.emplace_back(label, &set);
  }
  return sets;
}

NullHypothesis null_hypothesis(const RunData& data, const std::string& variable, const TypeOptions& options,
                               int64_t n_wanted, double share_held_out) {
  const std::vector<const Dataset*> sets = data_sets(data);
  Types types = find_types(sets, variable, options);
  const at::Tensor of_train = types.of_rows[place_of(data, data.train)];
  at::Tensor held_out = held_out_types(types, of_train, share_held_out, variable);
  const at::Tensor of_trained =
      held_out.defined() ? of_train.index_select(0, rows_not_held_out(of_train, held_out)) : of_train;
  const auto rows_of_values = [&](const at::Tensor& values) {
    return std::get<2>(at::_unique2(values.index_select(0, of_trained), true, false, true));
  };
  const int64_t n_values = rows_of_values(types.value).size(0);
  const auto may_use = [&](const at::Tensor& values) {
    const at::Tensor counts = rows_of_values(values);
    return n_values > 1 && counts.size(0) == n_values && counts.min().item<int64_t>() > 1 &&
           may_hold_out(values, of_train, held_out);
  };
  NullVariables variables = null_variables(types, n_wanted, may_use);
  return {std::move(types), std::move(variables), std::move(held_out)};
}

at::Tensor rows_to_train_on(const RunData& data, const NullHypothesis& null) {
  if (!null.held_out.defined()) return {};
  return rows_not_held_out(null.types.of_rows[place_of(data, data.train)], null.held_out);
}

at::Tensor types_to_train_on(const RunData& data, const NullHypothesis& null) {
  const at::Tensor& of_train = null.types.of_rows[place_of(data, data.train)];
  const at::Tensor rows = rows_to_train_on(data, null);
  return rows.defined() ? of_train.index_select(0, rows) : of_train;
}

std::vector<Circuit> find_null_circuits(const Model& model, const RunData& data, const NullHypothesis& null,
                                        const ComponentRef& component, const FindOptions& options, Streams& streams,
                                        const OnProgress& on_progress) {
  std::vector<Circuit> circuits;
  if (null.variables.n() == 0) return circuits;
  if (options.fit.l0_weights.size() != 1 && !options.train_types.defined()) {
    throw failure("null circuits on a path of L0 weights: without train_types they would choose by another rule");
  }
  at::Tensor nodes = data.train.nodes_at(options.position);
  at::Tensor of_rows = null.types.of_rows[place_of(data, data.train)];
  if (options.train_rows.defined()) {
    nodes = nodes.index_select(0, options.train_rows);
    of_rows = of_rows.index_select(0, options.train_rows);
  }
  const ComponentInputs inputs(model, component, options.unit, data.train.trie,
                               streams.at(data.train, Site::before(component)), nodes);
  const at::Tensor labels = null.variables.labels(of_rows);
  const double option = options.mask_option.value_or(mask_option(options.mask_method).otherwise);
  const std::unique_ptr<MaskMethod> method = make_mask_method(options.mask_method, option);
  // The batches are those of the cell's own circuit, because the streams are named.
  const std::unique_ptr<Draws> draws =
      named_draws(Seed(options.seed), nodes.size(0), data.test.trie.n_rows(), options.exemplar_draws);
  std::vector<at::Generator> noise;
  for (int64_t b = 0; b < null.variables.n(); ++b) {
    noise.push_back(Seed(options.seed).derive("fit/mask noise").generator());
  }
  const std::vector<FitResult> fitted = fit_together(
      inputs, labels.unbind(0), *method, options.fit, [&](int64_t) { return draws->training_order(); }, noise,
      on_progress);
  for (size_t b = 0; b < fitted.size(); ++b) {
    tell(on_progress, {"choosing L0 weights", static_cast<int64_t>(b), null.variables.n()});
    const at::Tensor of_null = labels[static_cast<int64_t>(b)];
    circuits.push_back(
        choose_circuit(inputs, of_null, options.train_types, *method, fitted[b], draws->exemplars(of_null)).circuit);
  }
  return circuits;
}

std::vector<Findings::Presence> presence(const Model& model, const RunData& data, const std::string& variable,
                                         const Circuit& circuit, const std::vector<Circuit>& nulls,
                                         const NullHypothesis& null, const FindOptions& options, Streams& streams) {
  std::vector<Findings::Presence> found;
  for (const auto& [label, set] : judged_sets(data, null.types)) {
    at::Tensor rows;
    if (null.held_out.defined()) {
      rows = rows_of_unseen_types(null.types.of_rows[place_of(data, *set)],
                                  null.types.of_rows[place_of(data, data.train)], null.held_out);
      if (rows.size(0) == 0) {
        found.push_back({.data = label});
        continue;
      }
    }
    found.push_back(Judge(model, data, *set, rows, variable, circuit, nulls, null, options, streams).judge(label));
  }
  return found;
}

}  // namespace cprobe
