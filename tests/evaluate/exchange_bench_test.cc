#include "cprobe/evaluate/exchange_bench.h"

#include <cmath>
#include <numbers>

#include "cprobe/circuit/circuit.h"
#include "cprobe/circuit/head_units.h"
#include "cprobe/evaluate/controls.h"
#include "cprobe/evaluate/exchange_effect.h"
#include "tests/support.h"
#include "tests/tensors.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

using testing::agree;
using testing::TokenRows;

constexpr double kSame = 1e-5;  // the same sums, in other blocks

/// Rows that repeat and share beginnings. Donors differ from their rows in about half of the
/// tokens, so that equal rows have different donors.
ExchangeRows drawn_rows(const ModelConfig& config, int64_t n_rows, Seed seed = Seed(4)) {
  ExchangeRows rows{.base = testing::ragged_rows(config, n_rows, seed)};
  at::Generator generator = seed.derive("donors").generator();
  for (const std::vector<int64_t>& row : rows.base) {
    const auto n = static_cast<int64_t>(row.size());
    const at::Tensor own = at::tensor(row, at::kLong);
    const at::Tensor other = at::randint(config.vocab, {n}, generator, at::kLong);
    const at::Tensor donor = at::where(at::rand({n}, generator) < 0.5, own, other);
    rows.donor.emplace_back(donor.data_ptr<int64_t>(), donor.data_ptr<int64_t>() + n);
  }
  rows.answers = at::randint(config.vocab, {n_rows}, generator, at::kLong);
  return rows;
}

ExchangeRows some_of(const ExchangeRows& rows, const std::vector<int64_t>& which) {
  ExchangeRows some{.answers = rows.answers.index_select(0, at::tensor(which, at::kLong))};
  for (const int64_t r : which) {
    some.base.push_back(rows.base[static_cast<size_t>(r)]);
    some.donor.push_back(rows.donor[static_cast<size_t>(r)]);
  }
  return some;
}

/// Each unit of a component with a probability.
std::vector<at::Tensor> drawn_units(const Model& model, const ComponentRef& component, MaskUnit unit, double share) {
  at::Generator generator = Seed(6).derive(to_string(component)).generator();
  std::vector<at::Tensor> members;
  for (const MatrixInfo& matrix : matrices_of(model.config, component)) {
    members.push_back(at::rand(unit_shape(matrix, unit), generator) < share);
  }
  return members;
}

/// Log-probability of the answer to one row, [1].
/// @param of_vocab  [vocab] or [1, vocab]: logits.
at::Tensor log_probability(const at::Tensor& of_vocab, const at::Tensor& answer) {
  return at::log_softmax(of_vocab.to(at::kDouble), -1).view(-1).index_select(0, answer.view(1));
}

/// Exchanges as masked runs of the forward pass, one row at a time. The other row's inputs are the
/// masks' fills.
class MaskedRuns {
 public:
  MaskedRuns(const Model& model, const ComponentRef& component) : model_(model), component_(component) {}

  /// Logits at the last token of `row` if the component writes `update`, [1, vocab].
  at::Tensor answer(const std::vector<int64_t>& row, const at::Tensor& update) const {
    return logits(model_, run(row, Site::end(model_.config), {.updates = {{component_, update}}}).rows.slice(0, -1));
  }

  /// What the component writes at all tokens of `own` if the paths through `members` see `other`.
  at::Tensor update(const std::vector<int64_t>& own, const std::vector<int64_t>& other,
                    const std::vector<at::Tensor>& members) const {
    ComponentMask masks;
    for (const at::Tensor& member : members) {
      masks.push_back({member.logical_not().to(at::kFloat), inputs(other, 0)});
    }
    masks.back() = {members.back().to(at::kFloat), inputs(own, members.size() - 1)};
    at::Tensor written;
    run(own, Site::after(component_),
        {.masks = {{component_, masks}},
         .on_update = [&](ComponentRef component, const at::Tensor&, const at::Tensor& update, const at::Tensor&) {
           if (component == component_) written = update;
         }});
    return written;
  }

 private:
  Stream run(const std::vector<int64_t>& row, Site to, const SpanOptions& options) const {
    const TokenTrie trie = build_trie(TokenRows{row});
    return run_span(model_, trie, embed(model_, trie).expanded(), Site::start(), to, options);
  }

  at::Tensor inputs(const std::vector<int64_t>& row, size_t matrix) const {
    at::Tensor seen;
    run(row, Site::after(component_), {.on_input = [&](ComponentRef component, size_t of, const at::Tensor& x) {
          if (component == component_ && of == matrix) seen = x;
        }});
    return seen;
  }

  const Model& model_;
  ComponentRef component_;
};

class ExchangeOfKind : public ::testing::TestWithParam<size_t> {
 protected:
  /// Calls `use(component, unit)` for all components, in all units.
  template <typename Use>
  void for_all_components(const Use& use) const {
    for (const MaskUnit unit : kMaskUnits) {
      for (Site site = Site::start(); site < Site::end(model_.config); ++site.index) {
        if (unit == MaskUnit::kHead && site.next().block == Block::kMlp) continue;
        SCOPED_TRACE(fmt::format("{} {}", to_string(site.next()), to_string(unit)));
        use(site.next(), unit);
      }
    }
  }

  at::Tensor log_probabilities_of_model(const TokenRows& token_rows) const {
    std::vector<at::Tensor> found;
    for (size_t r = 0; r < token_rows.size(); ++r) {
      const at::Tensor states = testing::final_states(model_, build_trie(TokenRows{token_rows[r]}));
      found.push_back(log_probability(logits(model_, states.slice(0, -1)), rows_.answers[static_cast<int64_t>(r)]));
    }
    return at::cat(found);
  }

  const at::NoGradGuard no_gradients_;
  const Model model_ = testing::drawn_model(testing::all_computations()[GetParam()].config);
  const ExchangeRows rows_ = drawn_rows(model_.config, 8);
};

TEST_P(ExchangeOfKind, OfNoUnitIsTheUntouchedModelAndOfAllUnitsTheWholeComponents) {
  const at::Tensor base = log_probabilities_of_model(rows_.base), donor = log_probabilities_of_model(rows_.donor);
  for_all_components([&](const ComponentRef& component, MaskUnit unit) {
    const ExchangeBench bench(model_, component, unit, rows_, true);
    const std::vector<at::Tensor> all = drawn_units(model_, component, unit, 1);
    const std::vector<at::Tensor> none = drawn_units(model_, component, unit, 0);
    const at::Tensor untouched = bench.untouched().log_probability, whole = bench.whole().log_probability;
    EXPECT_TRUE(agree(untouched, base, kSame));
    EXPECT_TRUE(agree(bench.untouched_donor().log_probability, donor, kSame));
    EXPECT_FALSE(agree(whole, untouched, 1e-3)) << "the component's inputs do not matter";
    EXPECT_TRUE(agree(bench.through(none).log_probability, untouched, kSame));
    EXPECT_TRUE(agree(bench.through(all).log_probability, whole, kSame));
    EXPECT_TRUE(agree(bench.around(none).log_probability, whole, kSame));
    EXPECT_TRUE(agree(bench.around(all).log_probability, untouched, kSame));
  });
}

TEST_P(ExchangeOfKind, AlongPathsIsAMaskedRunOfEachRow) {
  for_all_components([&](const ComponentRef& component, MaskUnit unit) {
    const ExchangeBench bench(model_, component, unit, rows_, true);
    const std::vector<at::Tensor> units = drawn_units(model_, component, unit, 0.4);
    const MaskedRuns runs(model_, component);
    const auto outputs = [&](const std::vector<at::Tensor>& members) {
      return over_outputs(model_.config, matrices_of(model_.config, component), unit, members, HeadPart::kAll);
    };
    const std::vector<at::Tensor> some = outputs(units), none = outputs(drawn_units(model_, component, unit, 0));
    std::vector<at::Tensor> through, around, whole;
    for (size_t r = 0; r < rows_.n_rows(); ++r) {
      const auto after = [&](const at::Tensor& update) {
        return log_probability(runs.answer(rows_.base[r], update), rows_.answers[static_cast<int64_t>(r)]);
      };
      through.push_back(after(runs.update(rows_.base[r], rows_.donor[r], some)));
      around.push_back(after(runs.update(rows_.donor[r], rows_.base[r], some)));
      whole.push_back(after(runs.update(rows_.donor[r], rows_.base[r], none)));
    }
    EXPECT_TRUE(agree(bench.through(units).log_probability, at::cat(through), kSame));
    EXPECT_TRUE(agree(bench.around(units).log_probability, at::cat(around), kSame));
    EXPECT_TRUE(agree(bench.whole().log_probability, at::cat(whole), kSame));
    EXPECT_FALSE(agree(at::cat(through), at::cat(around), 1e-3)) << "the units do not matter";
  });
}

TEST_P(ExchangeOfKind, ChangesEachRowAlone) {
  for_all_components([&](const ComponentRef& component, MaskUnit unit) {
    const std::vector<at::Tensor> units = drawn_units(model_, component, unit, 0.4);
    const Outcomes together = ExchangeBench(model_, component, unit, rows_, true).through(units);
    for (int64_t r = 0; r < together.n_rows(); ++r) {
      const ExchangeBench alone(model_, component, unit, some_of(rows_, {r}), true);
      EXPECT_TRUE(agree(together.log_probability.slice(0, r, r + 1), alone.through(units).log_probability, kSame))
          << "row " << r;
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Kinds, ExchangeOfKind, ::testing::Range<size_t>(0, testing::all_computations().size()),
                         [](const auto& param) { return std::string(testing::all_computations()[param.param].name); });

/// GPT-2 on one row, written out in float64 from its matrices, without cprobe's forward pass.
class WrittenOut {
 public:
  WrittenOut(const Model& model, MaskUnit unit) : model_(testing::in_double(model)), unit_(unit) {}

  /// The stream before the n-th component, [n_tokens, d_model].
  /// @param replaced, update  a component, and what it writes in place of its own update.
  at::Tensor stream(const std::vector<int64_t>& row, Site to, const ComponentRef& replaced = {-1, Block::kMlp},
                    const at::Tensor& update = {}) const {
    const at::Tensor tokens = at::tensor(row, at::kLong);
    at::Tensor x = model_.weight("embed.token").index_select(0, tokens) +
                   model_.weight("embed.position").narrow(0, 0, tokens.size(0));
    for (Site site = Site::start(); site < to; ++site.index) {
      const ComponentRef component = site.next();
      const at::Tensor own = last(component, hidden(component.block, first(component, x)));
      x = x + (component == replaced ? update : own);
    }
    return x;
  }

  /// Logits at the last token if a component writes `update`, [vocab].
  at::Tensor answer(const std::vector<int64_t>& row, const ComponentRef& component, const at::Tensor& update) const {
    const at::Tensor end = normed(stream(row, Site::end(model_.config), component, update), "final_norm");
    return at::matmul(end[-1], model_.weight("embed.token").t());
  }

  at::Tensor update(const ComponentRef& component, const std::vector<int64_t>& own, const std::vector<int64_t>& other,
                    const std::vector<at::Tensor>& members) const {
    const at::Tensor x = stream(own, Site::before(component)), x_other = stream(other, Site::before(component));
    const at::Tensor z = hidden(component.block, first(component, x));
    const at::Tensor z_mix = hidden(component.block, first(component, x, x_other, members[0]));
    return last(component, z, z_mix, members[1]);
  }

 private:
  at::Tensor normed(const at::Tensor& x, const std::string& name) const {
    const at::Tensor centred = x - x.mean(1, true);
    const at::Tensor variance = (centred * centred).mean(1, true);
    return centred / (variance + model_.config.norm_epsilon).sqrt() * model_.weight(name + ".weight") +
           model_.weight(name + ".bias");
  }

  /// x W + b, where units in `members` (undefined: none) read `other`.
  at::Tensor mapped(const std::string& name, const at::Tensor& x, const at::Tensor& other,
                    const at::Tensor& members) const {
    const at::Tensor weight = model_.weight(name + ".weight"), bias = model_.weight(name + ".bias");
    if (!members.defined()) return at::mm(x, weight) + bias;
    at::Tensor y = at::empty({x.size(0), weight.size(1)}, at::kDouble);
    for (int64_t j = 0; j < weight.size(1); ++j) {
      at::Tensor sum = at::zeros({x.size(0)}, at::kDouble);
      for (int64_t i = 0; i < weight.size(0); ++i) {
        const at::Tensor member = unit_ == MaskUnit::kNeuron ? members[j] : members[i][j];
        sum = sum + (member.item<bool>() ? other : x).select(1, i) * weight[i][j];
      }
      y.select(1, j).copy_(sum + bias[j]);
    }
    return y;
  }

  std::string name_of(const ComponentRef& component, const std::string& part) const {
    return fmt::format("layers.{}.{}.{}", component.layer, to_string(component.block), part);
  }

  at::Tensor first(const ComponentRef& component, const at::Tensor& x, const at::Tensor& other = {},
                   const at::Tensor& members = {}) const {
    const std::string norm = name_of(component, "norm");
    return mapped(name_of(component, component.block == Block::kMlp ? "in" : "qkv"), normed(x, norm),
                  other.defined() ? normed(other, norm) : other, members);
  }

  at::Tensor last(const ComponentRef& component, const at::Tensor& z, const at::Tensor& other = {},
                  const at::Tensor& members = {}) const {
    return mapped(name_of(component, "out"), z, other, members);
  }

  at::Tensor hidden(Block block, const at::Tensor& y) const {
    if (block == Block::kMlp) {
      return 0.5 * y * (1 + at::tanh(std::sqrt(2 / std::numbers::pi) * (y + 0.044715 * y.pow(3))));
    }
    const int64_t n = y.size(0), width = model_.config.d_head, n_heads = model_.config.n_heads;
    at::Tensor z = at::zeros({n, n_heads * width}, at::kDouble);
    for (int64_t head = 0; head < n_heads; ++head) {
      const auto part = [&](int64_t which) { return y.narrow(1, (which * n_heads + head) * width, width); };
      const at::Tensor q = part(0), k = part(1), v = part(2);
      for (int64_t t = 0; t < n; ++t) {
        const at::Tensor scores = at::mv(k.narrow(0, 0, t + 1), q[t]) / std::sqrt(static_cast<double>(width));
        z[t].narrow(0, head * width, width).copy_(at::matmul(at::softmax(scores, 0), v.narrow(0, 0, t + 1)));
      }
    }
    return z;
  }

  Model model_;
  MaskUnit unit_;
};

class ExchangeInGpt2 : public ::testing::TestWithParam<MaskUnit> {};

TEST_P(ExchangeInGpt2, IsWhatItsMatricesSayWrittenOut) {
  const Model model = testing::drawn_model(testing::tiny_config());
  const ExchangeRows rows = drawn_rows(model.config, 6);
  const WrittenOut written(model, GetParam());
  for (Site site = Site::start(); site < Site::end(model.config); ++site.index) {
    const ComponentRef component = site.next();
    SCOPED_TRACE(to_string(component));
    const ExchangeBench bench(model, component, GetParam(), rows, true);
    const std::vector<at::Tensor> units = drawn_units(model, component, GetParam(), 0.5);
    std::vector<at::Tensor> through, around;
    for (size_t r = 0; r < rows.n_rows(); ++r) {
      const auto after = [&](const at::Tensor& update) {
        return log_probability(written.answer(rows.base[r], component, update), rows.answers[static_cast<int64_t>(r)]);
      };
      through.push_back(after(written.update(component, rows.base[r], rows.donor[r], units)));
      around.push_back(after(written.update(component, rows.donor[r], rows.base[r], units)));
    }
    EXPECT_TRUE(agree(bench.through(units).log_probability, at::cat(through), kSame));
    EXPECT_TRUE(agree(bench.around(units).log_probability, at::cat(around), kSame));
  }
}

INSTANTIATE_TEST_SUITE_P(Units, ExchangeInGpt2, ::testing::Values(MaskUnit::kNeuron, MaskUnit::kWeight),
                         [](const auto& param) { return std::string(to_string(param.param)); });

TEST(ExchangeBench, GivesTheSameInSlabs) {
  const Model model = testing::drawn_model(testing::tiny_config());
  const ExchangeRows rows = drawn_rows(model.config, 700);  // about 2,800 tokens, more than two slabs
  const std::vector<int64_t> some = {0, 1, 250, 251, 252, 500, 699};
  for (const ComponentRef component : {ComponentRef{0, Block::kAttention}, ComponentRef{1, Block::kMlp}}) {
    const std::vector<at::Tensor> units = drawn_units(model, component, MaskUnit::kNeuron, 0.4);
    const ExchangeBench bench(model, component, MaskUnit::kNeuron, rows, true);
    const ExchangeBench few(model, component, MaskUnit::kNeuron, some_of(rows, some), true);
    EXPECT_EQ(bench.n_rows(), 700);
    const at::Tensor of_some = at::tensor(some, at::kLong);
    EXPECT_TRUE(agree(bench.through(units).log_probability.index_select(0, of_some), few.through(units).log_probability,
                      kSame));
    EXPECT_TRUE(at::equal(bench.untouched_donor().answer.index_select(0, of_some), few.untouched_donor().answer));
  }
}

TEST(ExchangeBench, SharesNodesWhereRowsAndDonorsBeginAlike) {
  const Model model = testing::drawn_model(testing::tiny_config());
  ExchangeRows rows{
      .base = {{1, 2, 3}, {1, 2, 4}}, .donor = {{1, 5, 3}, {1, 5, 4}}, .answers = at::tensor({1, 1}, at::kLong)};
  const auto n_nodes = [&] { return ExchangeBench(model, {0, Block::kMlp}, MaskUnit::kNeuron, rows).n_nodes(); };
  EXPECT_EQ(n_nodes(), 4);
  rows.donor[1][1] = 6;
  EXPECT_EQ(n_nodes(), 5);
}

TEST(ExchangeBench, GivesEqualBitsForEqualRuns) {
  const Model model = testing::drawn_model(testing::tiny_config());
  const ExchangeRows rows = drawn_rows(model.config, 8);
  for (const ComponentRef component : {ComponentRef{0, Block::kAttention}, ComponentRef{1, Block::kMlp}}) {
    const ExchangeBench bench(model, component, MaskUnit::kNeuron, rows, true);
    const ExchangeBench again(model, component, MaskUnit::kNeuron, rows, true);
    const std::vector<at::Tensor> units = drawn_units(model, component, MaskUnit::kNeuron, 0.4);
    const std::vector<at::Tensor> all = drawn_units(model, component, MaskUnit::kNeuron, 1);
    EXPECT_TRUE(at::equal(bench.around(units).log_probability, again.around(units).log_probability));
    EXPECT_TRUE(at::equal(bench.through(all).log_probability, bench.whole().log_probability));
    EXPECT_TRUE(at::equal(bench.around(all).log_probability, bench.untouched().log_probability));
  }
}

TEST(ExchangeBench, TakesWeightsOf16Bits) {
  const Model halves = testing::with_halves(testing::drawn_model(testing::llama_config()), at::kBFloat16);
  const Model floats = testing::in_float32(halves);
  const ExchangeRows rows = drawn_rows(halves.config, 8);
  for (const MaskUnit unit : {MaskUnit::kNeuron, MaskUnit::kWeight}) {
    for (const ComponentRef component : {ComponentRef{0, Block::kAttention}, ComponentRef{0, Block::kMlp}}) {
      const std::vector<at::Tensor> units = drawn_units(halves, component, unit, 0.4);
      EXPECT_TRUE(agree(ExchangeBench(halves, component, unit, rows, true).through(units).log_probability,
                        ExchangeBench(floats, component, unit, rows, true).through(units).log_probability, kSame));
    }
  }
}

TEST(ExchangeBench, JudgesBothRowsByTheContrastOfTheBaseRow) {
  const Model model = testing::drawn_model(testing::tiny_config());
  ExchangeRows rows = drawn_rows(model.config, 30);
  rows.contrast =
      Contrast{.continuation = at::full({30}, 3, at::kLong), .against = at::tensor({5, 9}, at::kLong).repeat({30, 1})};
  rows.answers = at::arange(30).remainder(2) * 2 + 3;  // 3 or 5
  const ComponentRef component{1, Block::kAttention};
  const ExchangeBench bench(model, component, MaskUnit::kNeuron, rows);
  EXPECT_FALSE(bench.untouched().log_probability.defined());
  const auto wins = [&](const TokenRows& token_rows) {
    const TokenTrie trie = build_trie(token_rows);
    const at::Tensor end = stream_at(model, trie, Site::end(model.config)).at_nodes(trie.nodes_at(-1));
    const at::Tensor of_rows = logits(model, end);
    return (of_rows.select(1, 3) > at::maximum(of_rows.select(1, 5), of_rows.select(1, 9))).to(at::kLong);
  };
  const at::Tensor base = wins(rows.base), donor = wins(rows.donor);
  ASSERT_FALSE(at::equal(base, donor)) << "rows cannot tell";
  EXPECT_TRUE(at::equal(bench.untouched().answer, base));
  EXPECT_TRUE(at::equal(bench.untouched_donor().answer, donor));
  EXPECT_TRUE(at::equal(bench.untouched_donor().right, donor.eq(rows.answers.eq(3))));
}

/// A model of one layer that answers a row by the value, 0 or 1, of the row's first token. One unit
/// of an input matrix reads the value, and two units of the last matrix write the answer.
struct OneUnit {
  Model model;
  ComponentRef component;
  ExchangeRows rows;                 ///< Two whose donors have the other value, and two whose donors have the same.
  std::vector<at::Tensor> carriers;  ///< The units that read and write the value.
  std::vector<at::Tensor> others;
};

OneUnit one_unit(Block block) {
  constexpr int64_t kLastToken = 2, kAnswer = 3, kWidth = 8;
  const ModelConfig config{.vocab = 5,
                           .n_positions = 2,
                           .d_model = kWidth,
                           .n_layers = 1,
                           .n_heads = 1,
                           .n_kv_heads = 1,
                           .d_head = kWidth,
                           .d_mlp = 4,
                           .activation = Activation::kRelu,
                           .tied_unembedding = false};
  OneUnit planted{.model = random_model(config, Seed(0)), .component = {0, block}};
  std::map<std::string, at::Tensor>& weights = planted.model.weights;
  for (auto& [name, weight] : weights) {
    weight = name.ends_with("norm.weight") ? at::ones_like(weight) : at::zeros_like(weight);
  }
  // Each direction is the difference of two coordinates, as layer norm takes the mean away.
  const auto add_difference = [](const at::Tensor& vector, int64_t coordinate, double size) {
    vector[coordinate] += size;
    vector[coordinate + 1] -= size;
  };
  add_difference(weights.at("embed.token")[0], 0, -1);
  add_difference(weights.at("embed.token")[1], 0, 1);
  add_difference(weights.at("embed.token")[kLastToken], 2, 1);
  add_difference(weights.at("unembed")[kAnswer], 4, -1);
  add_difference(weights.at("unembed")[kAnswer + 1], 4, 1);
  const bool attention = block == Block::kAttention;
  const int64_t reader = attention ? 2 * kWidth + 3 : 2;  // a value, or a hidden neuron
  const std::string name = fmt::format("layers.0.{}.", to_string(block));
  add_difference(weights.at(name + (attention ? "qkv" : "in") + ".weight").select(1, reader), 0, 1);
  add_difference(weights.at(name + "out.weight")[attention ? 3 : reader], 4, 1);
  // A hidden neuron is not below 0, so that the value 0 must show without it.
  if (!attention) add_difference(weights.at(name + "out.bias"), 4, -1);
  for (const MatrixInfo& matrix : matrices_of(config, planted.component)) {
    planted.carriers.push_back(at::zeros({matrix.n_out}, at::kBool));
  }
  planted.carriers[0][reader] = true;
  planted.carriers[1].slice(0, 4, 6).fill_(true);
  for (const at::Tensor& carrier : planted.carriers) planted.others.push_back(carrier.logical_not());
  const auto row = [&](int64_t value) {
    return attention ? std::vector<int64_t>{value, kLastToken} : std::vector<int64_t>{value};
  };
  planted.rows = {.base = {row(0), row(1), row(0), row(1)},
                  .donor = {row(1), row(0), row(0), row(1)},
                  .answers = at::tensor({kAnswer, kAnswer + 1, kAnswer, kAnswer + 1}, at::kLong)};
  return planted;
}

class ExchangeOfOneUnit : public ::testing::TestWithParam<Block> {};

TEST_P(ExchangeOfOneUnit, CarriesTheValueAndLeavesNothing) {
  const OneUnit planted = one_unit(GetParam());
  const ExchangeBench bench(planted.model, planted.component, MaskUnit::kNeuron, planted.rows);
  const Outcomes& base = bench.untouched();
  const Outcomes& donor = bench.untouched_donor();
  ASSERT_EQ(base.accuracy(), 1);
  ASSERT_EQ(donor.accuracy(), 0.5) << "two donors have the other value";
  const auto moved_by = [&](const Outcomes& exchanged) { return moved(exchanged, base, donor); };
  const Moved whole = moved_by(bench.whole());
  EXPECT_EQ(whole.n_counted(), 2);
  EXPECT_EQ(whole.share(), 1);
  const auto carried = [&](const auto& units) { return relative_to_whole(moved_by(bench.through(units)), whole); };
  const auto left = [&](const auto& units) { return relative_to_whole(moved_by(bench.around(units)), whole); };
  EXPECT_EQ(carried(planted.carriers), 1);
  EXPECT_EQ(left(planted.carriers), 0);
  EXPECT_EQ(carried(planted.others), 0);
  EXPECT_EQ(left(planted.others), 1);
  EXPECT_EQ(share_of_rows(kept_answers(bench.through(planted.others), base)), 1);
  // A path needs a unit in both matrices.
  std::vector<at::Tensor> reader_only = planted.carriers;
  reader_only[1] = at::zeros_like(reader_only[1]);
  EXPECT_EQ(carried(reader_only), 0);
  EXPECT_EQ(left(reader_only), 1);
}

TEST_P(ExchangeOfOneUnit, IsMovedByTheHalvesThatHaveTheUnit) {
  const OneUnit planted = one_unit(GetParam());
  const ExchangeBench bench(planted.model, planted.component, MaskUnit::kNeuron, planted.rows);
  at::Generator generator = Seed(5).generator();
  int64_t n_with_unit = 0;
  for (int64_t draw = 0; draw < 20; ++draw) {
    const std::vector<at::Tensor> half = draw_input_halves(bench.matrices(), MaskUnit::kNeuron, generator);
    const bool has_unit = (half[0] & planted.carriers[0]).any().item<bool>();
    n_with_unit += has_unit;
    EXPECT_EQ(moved(bench.through(half), bench.untouched(), bench.untouched_donor()).share(), has_unit ? 1 : 0);
  }
  EXPECT_GT(n_with_unit, 0);
  EXPECT_LT(n_with_unit, 20);
}

INSTANTIATE_TEST_SUITE_P(Blocks, ExchangeOfOneUnit, ::testing::Values(Block::kAttention, Block::kMlp),
                         [](const auto& param) { return std::string(to_string(param.param)); });

TEST(ExchangeBench, NamesTheRowThatCannotBeExchanged) {
  const Model model = testing::drawn_model(testing::tiny_config());
  const ExchangeRows good{.source = "pairs.csv",
                          .base = {{1, 2, 3}, {4, 5}},
                          .donor = {{1, 2, 4}, {6, 7}},
                          .answers = at::tensor({1, 2}, at::kLong)};
  const auto bench = [&](const auto& change) {
    ExchangeRows rows = good;
    change(rows);
    return ExchangeBench(model, {0, Block::kMlp}, MaskUnit::kNeuron, rows);
  };
  EXPECT_NO_THROW(bench([](ExchangeRows&) {}));
  EXPECT_INPUT_ERROR(bench([](ExchangeRows& rows) { rows.donor[1].push_back(1); }),
                     "pairs.csv: row 1 (from 0) has 2 tokens, but its donor 3");
  EXPECT_INPUT_ERROR(bench([](ExchangeRows& rows) { rows.base[1] = rows.donor[1] = {}; }),
                     "pairs.csv: row 1 (from 0) has no tokens");
  EXPECT_INPUT_ERROR(bench([](ExchangeRows& rows) { rows.base[0] = rows.donor[0] = {1, 2, 3, 4, 5, 6, 7, 8}; }),
                     "row 0 (from 0) has 8 tokens, more than the model's context of 7");
  EXPECT_INPUT_ERROR(bench([](ExchangeRows& rows) { rows.donor[1][0] = 13; }),
                     "row 1 (from 0): its donor: token 13 is outside the model's vocabulary of 13");
  EXPECT_INPUT_ERROR(bench([](ExchangeRows& rows) { rows.base[1][1] = -1; }), "row 1 (from 0): token -1 is outside");
  EXPECT_INPUT_ERROR(bench([](ExchangeRows& rows) { rows.base = rows.donor = {}; }), "pairs.csv: no rows");
  EXPECT_INPUT_ERROR(bench([](ExchangeRows& rows) { rows.donor.pop_back(); }), "2 rows, but 1 donors");
  EXPECT_INPUT_ERROR(bench([](ExchangeRows& rows) { rows.answers = at::tensor({1}, at::kLong); }),
                     "2 rows, but 1 right answers");
}

TEST(ExchangeBench, RefusesUnitsOfAnotherComponent) {
  const Model model = testing::drawn_model(testing::tiny_config());
  const ExchangeBench bench(model, {0, Block::kMlp}, MaskUnit::kNeuron, drawn_rows(model.config, 4));
  EXPECT_FAILED_ERROR(bench.through(drawn_units(model, {0, Block::kAttention}, MaskUnit::kNeuron, 0.5)),
                      "layers.0.mlp.in: units to exchange are [24], expected [12]");
  EXPECT_FAILED_ERROR(bench.around({at::ones({12}, at::kBool)}), "units of 1 matrices to exchange, expected 2");
}

}  // namespace
}  // namespace cprobe
