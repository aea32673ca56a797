// Circuits that are random sets of units, beside other random sets: whether p is what it says.

#include "cprobe/evaluate/ablation.h"
#include "cprobe/evaluate/controls.h"
#include "cprobe/evaluate/inference.h"
#include "tests/evaluate/null_families.h"
#include "tests/support.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

constexpr int64_t kControls = 19;
constexpr std::array kShares = {.05, .1, .2, .3, .45, .5, .6};

/// One component of a random model, whose right answers are the model's own.
class BesideRandomSets {
 public:
  explicit BesideRandomSets(Block block) : component_{0, block} {
    const at::NoGradGuard no_gradients;
    data_.trie = build_trie(testing::ragged_rows(model_.config, 40, Seed(2)));
    const Stream end = stream_at(model_, data_.trie, Site::end(model_.config));
    data_.answers = logits(model_, end.at_nodes(data_.trie.nodes_at(-1))).argmax(1);
    const Site site = Site::before(component_);
    const Stream before = stream_at(model_, data_.trie, site);
    bench_.emplace(model_, component_, data_, before, run_untouched(model_, data_, before, site));
  }

  /// A set of units drawn at random, a share of each matrix.
  Circuit circuit(double share, Seed seed) const {
    Circuit circuit{.matrices = matrices_of(model_.config, component_)};
    for (const MatrixInfo& matrix : circuit.matrices) {
      const auto n = std::llround(share * static_cast<double>(matrix.n_out));
      circuit.members.push_back(at::arange(matrix.n_out) < std::max<int64_t>(1, n));
    }
    at::Generator generator = seed.generator();
    circuit.members = draw_random_units(circuit.members, RandomSets::kUniform, generator);
    return circuit;
  }

  /// The harm of a circuit beside that of random sets.
  BesideNulls harm(const Circuit& circuit, RandomSets sets, Seed seed) const {
    const AblationOptions options{.n_random = kControls, .random_sets = sets, .complement = false};
    const AblationSeeds seeds{seed_of_random_sets(circuit, seed.value()), seed};
    const std::vector<AblationResult> results = ablate(*bench_, circuit, options, seeds);
    BesideNulls beside{.value = -results.at(0).accuracy.mean};
    for (const double accuracy : results.at(1).draws) beside.nulls.push_back(-accuracy);
    return beside;
  }

 private:
  Model model_ = testing::drawn_model(testing::tiny_config());
  ComponentRef component_;
  Dataset data_;
  std::optional<AblationBench> bench_;
};

TEST(RandomCircuits, HaveAPOfAtMostFiveHundredthsInAsManyCases) {
  int64_t n_significant = 0, n = 0;
  for (const Block block : {Block::kAttention, Block::kMlp}) {
    const BesideRandomSets beside(block);
    for (const double share : kShares) {
      for (int i = 0; i < 29 && n < 400; ++i, ++n) {
        const Seed seed = Seed(10).derive(fmt::format("{} {} {}", to_string(block), share, i));
        const Circuit circuit = beside.circuit(share, seed);
        n_significant += p_of(beside.harm(circuit, RandomSets::kUniform, seed)).is_significant() ? 1 : 0;
      }
    }
  }
  ASSERT_EQ(n, 400);
  EXPECT_LE(n_significant, 35) << "of 400: the 99.9 % limit at .05";
  EXPECT_GE(n_significant, 4) << "p could be larger than it says, but this is no test then";
}

TEST(RandomCircuits, WouldShowControlsThatAreNotExchangeable) {
  // The complement of a circuit of .45 of a component is hardly larger than the circuit.
  const BesideRandomSets beside(Block::kMlp);
  int64_t n_significant = 0;
  for (int i = 0; i < 200; ++i) {
    const Circuit circuit = beside.circuit(.45, Seed(20).derive(std::to_string(i)));
    n_significant += p_of(beside.harm(circuit, RandomSets::kComplement, Seed(0))).is_significant() ? 1 : 0;
  }
  EXPECT_GT(n_significant, 21) << "of 200: the 99.9 % limit at .05";
}

TEST(RandomCircuits, OfOneRunAreOneFamily) {
  // Six variables whose circuits have one size, in cells that share their seed.
  int64_t n_families = 0;
  const BesideRandomSets beside(Block::kMlp);
  for (int run = 0; run < 100; ++run) {
    std::vector<BesideNulls> family;
    for (int i = 0; i < 6; ++i) {
      const Circuit circuit = beside.circuit(.3, Seed(30).derive(fmt::format("{} {}", run, i)));
      family.push_back(beside.harm(circuit, RandomSets::kUniform, Seed(static_cast<uint64_t>(run))));
    }
    n_families += std::ranges::any_of(max_t(family, .05), &CountedP::is_significant) ? 1 : 0;
  }
  EXPECT_LE(n_families, 13) << "of 100: the 99.9 % limit at .05";
}

}  // namespace
}  // namespace cprobe
