#include "cprobe/spec/spec.h"

#include <set>

#include "tests/support.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::Pair;

Spec parse(const std::string& yaml) {
  return parse_spec(Document::parse_yaml(yaml, "spec.yaml"));
}

/// A spec of the required keys, followed by `more`.
std::string spec_text(const std::string& more = "") {
  return "model: m\ntask: {train: a.csv, test: b.csv}\nvariables: [x, y]\n" + more;
}

/// A config of the reference as published, followed by `more`.
std::string flat_text(const std::string& more = "") {
  return "model_path: m\ntask: disambiguation\ntarget_layer_list: [0, 1]\noperation_list: [attn, mlp]\n"
         "mask_init_list: [0.0]\nmax_temp: 200\nprobe_index_list: [2]\ntrain_data_path: a.csv\ntest_data_path: b.csv\n"
         "variable: var_0\nnum_epochs: 90\nlr_list: [0.001]\nbatch_size_list: [500]\ndata_seed: 7\nl0_lambda: 1e-6\n"
         "model_seed_list: [3]\n" +
         more;
}

TEST(Spec, DefaultsFindPlantedCircuits) {
  const Spec spec = parse(spec_text());
  EXPECT_EQ(spec.probe.protocol, Protocol::kDefault);
  EXPECT_THAT(spec.grid.variables, ElementsAre("x", "y"));
  EXPECT_THAT(spec.grid.layers, IsEmpty());
  EXPECT_THAT(spec.grid.blocks, ElementsAre(Block::kAttention, Block::kMlp));
  EXPECT_THAT(spec.grid.positions, ElementsAre(-1));
  EXPECT_THAT(spec.data.evaluation_csvs, ElementsAre(Pair("Test", "b.csv")));
  EXPECT_EQ(spec.probe.fit.epochs, 30);
  EXPECT_THAT(spec.grid.batch_sizes, ElementsAre(500));
  EXPECT_THAT(spec.grid.learning_rates, ElementsAre(0.1));
  EXPECT_EQ(spec.probe.fit.weight_decay, 0.01);
  EXPECT_THAT(spec.probe.fit.l0_weights, IsEmpty()) << "a path";
  EXPECT_EQ(spec.probe.mask_method, MaskKind::kHardConcrete);
  EXPECT_THAT(spec.grid.mask_options, ElementsAre(0.9));
  EXPECT_EQ(spec.probe.exemplar_draws, 20);
  EXPECT_EQ(spec.probe.ablation.n_random, 39);
  EXPECT_EQ(spec.probe.null_variables, 19);
  EXPECT_THAT(spec.probe.ablation.fills, ElementsAre(Fill::kZero));
  EXPECT_FALSE(spec.probe.ablation.effect);
}

Spec parse_for(const std::string& more, MaskKind method) {
  return parse_spec(Document::parse_yaml(spec_text(more), "spec.yaml"), method);
}

void expect_the_papers_search(const Spec& spec) {
  EXPECT_EQ(spec.probe.fit.epochs, 90);
  EXPECT_THAT(spec.grid.learning_rates, ElementsAre(1e-3));
  EXPECT_EQ(spec.probe.fit.l0_weights, std::vector{1e-6});
  EXPECT_EQ(spec.probe.fit.max_temperature, 200);
  EXPECT_EQ(spec.probe.mask_method, MaskKind::kContinuousSparsification);
  EXPECT_THAT(spec.grid.mask_options, ElementsAre(0));
}

TEST(Spec, ThePapersSearchIsThatOfItsProtocolAndOfItsMethod) {
  expect_the_papers_search(parse(spec_text("protocol: paper\n")));
  expect_the_papers_search(parse(spec_text("fit: {method: continuous_sparsification}\n")));
  expect_the_papers_search(parse_for("", MaskKind::kContinuousSparsification));
  const Spec other = parse(spec_text("protocol: paper\nfit: {method: hard_concrete}\n"));
  EXPECT_EQ(other.probe.fit.l0_weights, std::vector{1e-6}) << "protocol paper has no types to choose by";
}

TEST(Spec, L0WeightIsANumberAPathOrAuto) {
  const auto weights = [](const std::string& text) {
    return parse(spec_text("fit: {l0_weight: " + text + "}\n")).probe.fit.l0_weights;
  };
  EXPECT_THAT(weights("1e-7"), ElementsAre(1e-7));
  EXPECT_THAT(weights("[0, 1e-7, 1e-6]"), ElementsAre(0, 1e-7, 1e-6));
  EXPECT_THAT(weights("auto"), IsEmpty());
  EXPECT_INPUT_ERROR(weights("[1e-6, 1e-7]"), "fit.l0_weight: the weights must ascend");
  EXPECT_INPUT_ERROR(weights("[1e-6, -1e-7]"), "expected a number of at least 0");
  EXPECT_INPUT_ERROR(weights("[]"), "expected at least one value");
  EXPECT_INPUT_ERROR(weights("automatic"), "fit.l0_weight: expected a number");
  EXPECT_INPUT_ERROR(parse(spec_text("protocol: paper\nfit: {l0_weight: auto}\n")),
                     "protocol paper knows no types to choose an L0 weight by");
}

TEST(Spec, MakesAGridOfNumbersOfTheTraining) {
  const Spec spec = parse(
      spec_text("protocol: paper\nlayers: [0]\nblocks: [mlp]\nfit: {epochs: [10, 20], l0_weight: [1e-6, 1e-5]}\n"));
  ModelConfig config;
  config.n_layers = 1;
  const std::vector<Cell> cells = expand(spec.grid, config);
  std::vector<std::string> found, ids;
  for (const Cell& cell : cells) {
    const FitOptions fit = fit_options(spec.probe, cell);
    if (cell.variable == cells.front().variable)
      found.push_back(fmt::format("{} {}", fit.epochs, fit.l0_weights.front()));
    ids.push_back(cell_id(spec, cell, {}, 1));
  }
  EXPECT_THAT(found, ElementsAre("10 1e-06", "10 1e-05", "20 1e-06", "20 1e-05"));
  std::ranges::sort(ids);
  EXPECT_EQ(std::ranges::adjacent_find(ids), ids.end());
  // A list of one is the number, whose cell has the identity that it always had.
  const Spec list = parse(spec_text("fit: {epochs: [7]}\n")), number = parse(spec_text("fit: {epochs: 7}\n"));
  EXPECT_EQ(cell_id(list, expand(list.grid, config).front(), {}, 1),
            cell_id(number, expand(number.grid, config).front(), {}, 1));
}

TEST(Spec, ReadsEveryKey) {
  const Spec spec = parse(
      "model: m\ntask: {name: t, train: a.csv, test: b.csv, behaviour: {Same: c.csv, Other: d.csv}}\nvariables: x\n"
      "layers: [1, 0]\nblocks: mlp\nposition: [0, -2]\nseeds: [4, 5]\nprotocol: paper\ndata_seed: 6\n"
      "control: shuffled_component\nout: runs/x\n"
      "fit: {unit: weight, epochs: 3, batch_size: [8, 16], learning_rate: 1e-2, weight_decay: 0, l0_weight: 1e-5,\n"
      "      max_temperature: 50, mask_init: [0, 0.5]}\n"
      "evaluate: {random_controls: 0, fills: [mean, resample], per_matrix: true, effects: true}\n");
  EXPECT_EQ(spec.data.task, "t");
  EXPECT_THAT(spec.data.evaluation_csvs, ElementsAre(Pair("Same", "c.csv"), Pair("Other", "d.csv")));
  EXPECT_THAT(spec.grid.layers, ElementsAre(1, 0));
  EXPECT_THAT(spec.grid.blocks, ElementsAre(Block::kMlp));
  EXPECT_THAT(spec.grid.positions, ElementsAre(0, -2));
  EXPECT_THAT(spec.grid.seeds, ElementsAre(4u, 5u));
  EXPECT_EQ(spec.probe.protocol, Protocol::kPaper);
  EXPECT_EQ(spec.probe.data_seed, 6u);
  EXPECT_EQ(spec.model.control, ModelControl::kShuffledComponent);
  EXPECT_EQ(spec.out, "runs/x");
  EXPECT_EQ(spec.probe.unit, MaskUnit::kWeight);
  EXPECT_EQ(spec.probe.fit.epochs, 3);
  EXPECT_THAT(spec.grid.batch_sizes, ElementsAre(8, 16));
  EXPECT_THAT(spec.grid.learning_rates, ElementsAre(1e-2));
  EXPECT_EQ(spec.probe.fit.weight_decay, 0);
  EXPECT_EQ(spec.probe.fit.l0_weights, std::vector{1e-5});
  EXPECT_EQ(spec.probe.fit.max_temperature, 50);
  EXPECT_THAT(spec.grid.mask_options, ElementsAre(0, 0.5));
  EXPECT_EQ(spec.probe.ablation.n_random, 0);
  EXPECT_THAT(spec.probe.ablation.fills, ElementsAre(Fill::kMean, Fill::kResample));
  EXPECT_TRUE(spec.probe.ablation.per_matrix);
  EXPECT_TRUE(spec.probe.ablation.effect);
}

/// A spec whose task has more keys.
std::string typed_spec(const std::string& keys, const std::string& more = "") {
  return fmt::format("model: m\ntask: {{train: a.csv, test: b.csv, {}}}\nvariables: [x, y]\n{}", keys, more);
}

TEST(Spec, SaysOnWhatVariablesDepend) {
  const Spec one = parse(typed_spec("type: [0, noun], block: lemma"));
  EXPECT_THAT(one.data.types_of("x").parts, ElementsAre(TypeOptions::Part(int64_t{0}), TypeOptions::Part("noun")));
  EXPECT_EQ(one.data.types_of("y").block, "lemma");
  const Spec each = parse(typed_spec("type: {x: [0], y: [0, -2]}"));
  EXPECT_EQ(each.data.types_of("x").parts.size(), 1u);
  EXPECT_THAT(each.data.types_of("y").parts,
              ElementsAre(TypeOptions::Part(int64_t{0}), TypeOptions::Part(int64_t{-2})));
  EXPECT_TRUE(parse(spec_text()).data.types_of("x").parts.empty());
}

TEST(Spec, RefusesTypesAndNullsThatNothingWouldUse) {
  EXPECT_INPUT_ERROR(parse(typed_spec("type: {z: [0]}")), "'z' is none of the spec's variables (x, y)");
  EXPECT_INPUT_ERROR(parse(typed_spec("type: [0]", "protocol: paper\n")), "protocol paper knows no types");
  EXPECT_INPUT_ERROR(parse(typed_spec("block: b", "protocol: paper\n")), "protocol paper knows no types");
  EXPECT_INPUT_ERROR(parse(spec_text("protocol: paper\nevaluate: {null_variables: 19}\n")), "no null variables");
  EXPECT_INPUT_ERROR(parse(spec_text("protocol: paper\nevaluate: {exchange_rows: 9}\n")), "exchanges nothing");
  EXPECT_INPUT_ERROR(parse(spec_text("protocol: paper\nevaluate: {exchange_controls: 9}\n")), "exchanges nothing");
}

TEST(Spec, ReadsTheRulesOfJudging) {
  EXPECT_EQ(parse(spec_text()).probe.judge, (JudgeOptions{.smallest_effect = .05, .correction = Correction::kMaxT}));
  EXPECT_EQ(parse(spec_text("evaluate: {smallest_effect: 0.1, correction: holm}\n")).probe.judge,
            (JudgeOptions{.smallest_effect = .1, .correction = Correction::kHolm}));
  EXPECT_EQ(parse(spec_text("evaluate: {correction: maxT}\n")).probe.judge, JudgeOptions());
}

TEST(Spec, RefusesRulesOfJudgingThatMeanNothing) {
  EXPECT_INPUT_ERROR(parse(spec_text("evaluate: {smallest_effect: 0}\n")),
                     "evaluate.smallest_effect: expected a positive");
  EXPECT_INPUT_ERROR(parse(spec_text("evaluate: {smallest_effect: -0.1}\n")), "found -0.1");
  for (const char* number : {"1", ".nan", ".inf"}) {
    EXPECT_INPUT_ERROR(parse(spec_text(fmt::format("evaluate: {{smallest_effect: {}}}\n", number))),
                       "spec.yaml:4:29: evaluate.smallest_effect:");
  }
  EXPECT_INPUT_ERROR(parse(spec_text("evaluate: {correction: bonferroni}\n")), "'bonferroni' is not one of maxT, holm");
  for (const char* key : {"smallest_effect: 0.1", "correction: holm", "correction: maxT"}) {
    EXPECT_INPUT_ERROR(parse(spec_text(fmt::format("protocol: paper\nevaluate: {{{}}}\n", key))),
                       "so nothing is judged");
  }
}

TEST(Spec, ReadsTheShareOfTypesHeldOut) {
  EXPECT_EQ(parse(spec_text()).probe.held_out_types, 0);
  for (const double share : {0., .2, .5}) {
    EXPECT_EQ(parse(spec_text(fmt::format("evaluate: {{held_out_types: {}}}\n", share))).probe.held_out_types, share);
  }
  EXPECT_INPUT_ERROR(parse(spec_text("evaluate: {held_out_types: 0.6}\n")),
                     "spec.yaml:4:28: evaluate.held_out_types: expected the share of the types to hold out, from 0 to "
                     "0.5; found 0.6");
  EXPECT_INPUT_ERROR(parse(spec_text("evaluate: {held_out_types: -0.1}\n")), "evaluate.held_out_types: expected");
  EXPECT_INPUT_ERROR(parse(spec_text("evaluate: {held_out_types: .nan}\n")), "evaluate.held_out_types");
  EXPECT_INPUT_ERROR(parse(spec_text("protocol: paper\nevaluate: {held_out_types: 0.2}\n")), "so none are held out");
}

TEST(Spec, AsksWhetherCircuitsSufficeBesideRandomSetsOnly) {
  EXPECT_FALSE(parse(spec_text()).probe.ablation.sufficiency);
  EXPECT_TRUE(parse(spec_text("evaluate: {sufficiency: true}\n")).probe.ablation.sufficiency);
  EXPECT_INPUT_ERROR(
      parse(spec_text("evaluate: {sufficiency: true, random_controls: 0}\n")),
      "spec.yaml:4:25: evaluate.sufficiency: needs random sets to compare with, but random_controls is 0");
  EXPECT_INPUT_ERROR(parse(spec_text("protocol: paper\nevaluate: {sufficiency: true}\n")),
                     "protocol paper does not ask whether circuits suffice");
}

TEST(Spec, NamesTheLineOfEveryMistake) {
  EXPECT_INPUT_ERROR(parse("- a list"), "spec.yaml:1:1: expected a spec");
  EXPECT_INPUT_ERROR(parse("model: m\ntask: {train: a.csv, test: b.csv}\n"), "the key 'variables' is missing");
  EXPECT_INPUT_ERROR(parse(spec_text("bloks: [attn]\n")), "spec.yaml:4:1: bloks: unknown key 'bloks'; did you mean");
  EXPECT_INPUT_ERROR(parse(spec_text("fit: {epoch: 3}\n")), "did you mean 'epochs'?");
  EXPECT_INPUT_ERROR(parse(spec_text("evaluate: {fill: [zero]}\n")), "did you mean 'fills'?");
  EXPECT_INPUT_ERROR(parse(spec_text("blocks: [attention]\n")), "spec.yaml:4:10: blocks[0]: 'attention' is not one of");
  EXPECT_INPUT_ERROR(parse(spec_text("fit: {epochs: 2.5}\n")), "spec.yaml:4:15: fit.epochs: expected a whole number");
  EXPECT_INPUT_ERROR(parse(spec_text("fit: {learning_rate: 0}\n")), "expected a positive number, found 0");
  EXPECT_INPUT_ERROR(parse(spec_text("fit: {batch_size: 1}\n")), "expected a whole number of at least 2, found 1");
  EXPECT_INPUT_ERROR(parse(spec_text("fit: {max_temperature: 0.5}\n")), "expected a number of at least 1, found 0.5");
  EXPECT_INPUT_ERROR(parse(spec_text("evaluate: {effects: 2}\n")), "spec.yaml:4:21: evaluate.effects");
  EXPECT_INPUT_ERROR(parse(spec_text("seeds: [-1]\n")), "a seed must not be negative");
  EXPECT_INPUT_ERROR(parse(spec_text("seeds: []\n")), "expected at least one value");
  EXPECT_INPUT_ERROR(parse(spec_text("data_seed: 1\n")), "only protocol paper has a data_seed");
  EXPECT_INPUT_ERROR(parse(spec_text("protocol: paper\ndata_seed: 4294967296\n")), "below 2^32");
  EXPECT_INPUT_ERROR(parse(spec_text("protocol: paper\nevaluate: {exemplar_draws: 2}\n")), "draws the exemplars once");
  EXPECT_INPUT_ERROR(parse(flat_text("random_init: True\nlayer_reinit: True\n")), "only one of random_init and");
}

TEST(Spec, ReadsAMaskMethodAndItsOption) {
  const Spec drawn = parse(spec_text("fit: {method: hard_concrete, keep_probability: [0.5, 0.9]}\n"));
  EXPECT_EQ(drawn.probe.mask_method, MaskKind::kHardConcrete);
  EXPECT_THAT(drawn.grid.mask_options, ElementsAre(0.5, 0.9));
  EXPECT_THAT(parse(spec_text("fit: {method: hard_concrete}\n")).grid.mask_options, ElementsAre(0.9));
  const Spec pruned = parse(spec_text("fit: {method: magnitude_pruning, density: [0.1, 0.5, 1]}\n"));
  EXPECT_EQ(pruned.probe.mask_method, MaskKind::kMagnitudePruning);
  EXPECT_THAT(pruned.grid.mask_options, ElementsAre(0.1, 0.5, 1));
  EXPECT_EQ(expand(pruned.grid, testing::tiny_config()).size(),
            3 * expand(drawn.grid, testing::tiny_config()).size() / 2);
}

TEST(Spec, TakesAnotherMaskMethodThanItsOwn) {
  // The option of the spec's own method is then ignored.
  for (const char* more : {"", "fit: {method: continuous_sparsification, mask_init: [0, 0.5]}\n",
                           "fit: {method: magnitude_pruning, density: 0.5}\n", "fit: {keep_probability: 0.9}\n"}) {
    const Spec spec = parse_for(more, MaskKind::kHardConcrete);
    EXPECT_EQ(spec.probe.mask_method, MaskKind::kHardConcrete) << more;
    EXPECT_THAT(spec.grid.mask_options, ElementsAre(0.9)) << more;
  }
  EXPECT_THAT(parse_for("fit: {density: 0.3}\n", MaskKind::kMagnitudePruning).grid.mask_options, ElementsAre(0.3));
  EXPECT_INPUT_ERROR(parse_for("fit: {density: 0.3}\n", MaskKind::kHardConcrete), "only method magnitude_pruning");
  const Spec flat = parse_spec(Document::parse_yaml(flat_text(), "spec.yaml"), MaskKind::kMagnitudePruning);
  EXPECT_EQ(flat.probe.mask_method, MaskKind::kMagnitudePruning);
  EXPECT_THAT(flat.grid.mask_options, ElementsAre(0.1));
  std::string two_rates = flat_text();
  two_rates.replace(two_rates.find("lr_list: [0.001]"), 16, "lr_list: [0.01, 0.001]");
  const Spec drawn = parse_spec(Document::parse_yaml(two_rates, "spec.yaml"), MaskKind::kHardConcrete);
  EXPECT_THAT(drawn.grid.learning_rates, ElementsAre(0.01, 0.001)) << "the config's, whatever the method";
  EXPECT_THAT(drawn.grid.mask_options, ElementsAre(0.5)) << "steps of the paper's size must reach 0";
}

TEST(Spec, RefusesMaskMethodsAndOptionsThatDoNotFit) {
  EXPECT_INPUT_ERROR(
      parse(spec_text("fit: {method: hardconcrete}\n")),
      "spec.yaml:4:15: fit.method: 'hardconcrete' is not one of continuous_sparsification, hard_concrete");
  EXPECT_INPUT_ERROR(parse(spec_text("fit: {density: 0.1}\n")),
                     "fit.density: only method magnitude_pruning has this option; the method is hard_concrete");
  for (const char* fit : {"{mask_init: 0}", "{method: hard_concrete, mask_init: 0}"}) {
    EXPECT_INPUT_ERROR(parse(spec_text(fmt::format("fit: {}\n", fit))),
                       "fit.mask_init: only method continuous_sparsification has this option; the method is hard");
  }
  EXPECT_INPUT_ERROR(parse(spec_text("fit: {method: hard_concrete, keep_probability: 1}\n")),
                     "fit.keep_probability: hard concrete masks: keep_probability must lie between 0 and 1, found 1");
  EXPECT_INPUT_ERROR(parse(spec_text("fit: {method: magnitude_pruning, density: [0.1, 2]}\n")),
                     "density[1]: magnitude pruning: density must lie in 0 to 1, found 2");
  EXPECT_INPUT_ERROR(parse(spec_text("fit: {method: magnitude_pruning, density: [0.1, 0.10]}\n")), "stands twice");
}

TEST(Spec, RefusesAValueTwiceBecauseItWouldBeOneCellTwice) {
  EXPECT_INPUT_ERROR(parse(spec_text("seeds: [0, 1, 0]\n")), "seeds[2]: this value stands twice in the list");
  EXPECT_INPUT_ERROR(parse(spec_text("fit: {learning_rate: [1e-3, 0.001]}\n")), "this value stands twice");
  EXPECT_INPUT_ERROR(parse(spec_text("evaluate: {fills: [mean, mean]}\n")), "this value stands twice");
}

TEST(FlatConfig, ImpliesProtocolPaperWithoutControls) {
  const Spec spec = parse(flat_text());
  EXPECT_EQ(spec.probe.protocol, Protocol::kPaper);
  EXPECT_EQ(spec.probe.data_seed, 7u);
  EXPECT_THAT(spec.grid.seeds, ElementsAre(3u));
  EXPECT_EQ(spec.model.control, ModelControl::kNone);
  EXPECT_EQ(spec.probe.ablation.n_random, 0);
  EXPECT_FALSE(spec.probe.ablation.complement);
  EXPECT_FALSE(spec.probe.ablation.per_matrix);
  EXPECT_EQ(spec.probe.fit.l0_weights, std::vector{1e-6}) << "PyYAML would read 1e-6 as text";
  EXPECT_THAT(spec.ignored_keys, IsEmpty());
}

TEST(FlatConfig, KnowsTheNegativeControlsAndBehaviourFiles) {
  EXPECT_EQ(parse(flat_text("random_init: True\n")).model.control, ModelControl::kRandomInit);
  EXPECT_EQ(parse(flat_text("random_init: True\nreinit_embeddings: False\n")).model.control,
            ModelControl::kRandomInitKeepEmbeddings);
  EXPECT_EQ(parse(flat_text("layer_reinit: True\n")).model.control, ModelControl::kShuffledComponent);
  EXPECT_FALSE(parse(flat_text("lm_eval: False\n")).data.measure_behaviour);
  EXPECT_EQ(parse(flat_text("num_random_ablations: 5\n")).probe.ablation.n_random, 5);
  const std::string paths = "lm_same_task_path: s.csv\nlm_different_task_path: d.csv\n";
  EXPECT_THAT(parse(flat_text(paths)).ignored_keys, ElementsAre("lm_same_task_path", "lm_different_task_path"));
  std::string multitask = flat_text(paths);
  multitask.replace(multitask.find("disambiguation"), 14, "multitask");
  const Spec two_tasks = parse(multitask);
  EXPECT_THAT(two_tasks.data.evaluation_csvs, ElementsAre(Pair("Same", "s.csv"), Pair("Different", "d.csv")));
  EXPECT_TRUE(two_tasks.probe.ablation.per_matrix);
}

TEST(FlatConfig, NamesKeysThatMeanNothingHereAndRefusesOthers) {
  const Spec spec = parse(flat_text("gif: True\ngif_interval: 5\nmodel_dir: x\nsave_models: False\n"));
  EXPECT_THAT(spec.ignored_keys, ElementsAre("gif", "gif_interval", "model_dir", "save_models"));
  EXPECT_INPUT_ERROR(parse(flat_text("l0_lamda: 1\n")), "unknown key 'l0_lamda'; did you mean 'l0_lambda'?");
}

TEST(Spec, ReadsATaskOverSentences) {
  const Spec spec =
      parse("model: m\ntask: {name: agreement, sentences: a.csv, gen: g.csv, train_rows: 20, prefix: 'I '}\n");
  ASSERT_TRUE(spec.data.language);
  EXPECT_EQ(spec.data.task, "agreement");
  EXPECT_THAT(spec.grid.variables, ElementsAre("agreement"));
  EXPECT_EQ(spec.data.language->sentences, "a.csv");
  EXPECT_EQ(spec.data.language->gen, "g.csv");
  EXPECT_EQ(spec.data.language->train_rows, 20);
  EXPECT_EQ(spec.data.language->prefix, "I ");
  EXPECT_EQ(spec.data.language->expectation->continuation, " are");
  EXPECT_EQ(spec.data.language->around, TemplateTokens::kBefore);
  const auto around = [](const std::string& value) {
    return parse("model: m\ntask: {name: agreement, sentences: a.csv, special_tokens: " + value + "}\n")
        .data.language->around;
  };
  EXPECT_EQ(around("template"), TemplateTokens::kBefore);
  EXPECT_EQ(around("none"), TemplateTokens::kNone);
  EXPECT_INPUT_ERROR(around("all"), "task.special_tokens: expected template or none, found 'all'");
  const Spec own = parse(
      "model: m\nvariables: [tense]\ntask:\n  name: tense\n  sentences: t.csv\n"
      "  expect: {continuation: ' was', against: [' is', ' are'], where: past}\n"
      "  groups: {column: person, values: {First: 1, Third: 3}}\n");
  EXPECT_THAT(own.data.language->expectation->against, ElementsAre(" is", " are"));
  EXPECT_THAT(own.data.language->groups,
              ElementsAre(AllOf(Field(&RowGroup::values, ElementsAre("1")), Field(&RowGroup::label, "First")),
                          AllOf(Field(&RowGroup::values, ElementsAre("3")), Field(&RowGroup::label, "Third"))));
  EXPECT_EQ(own.data.language->expectation->label_column, "past");
  EXPECT_EQ(own.data.language->expectation->label_value, std::nullopt);
  const std::string of_value =
      "model: m\ntask: {name: t, sentences: t.csv, expect: {continuation: ' a', against: ' b', where: ";
  const Expectation one = parse(of_value + "{tense: past}}}\n").data.language->expectation.value();
  EXPECT_EQ(one.label_column, "tense");
  EXPECT_EQ(one.label_value, "past");
  EXPECT_INPUT_ERROR(parse(of_value + "{tense: past, person: 1}}}\n"), "expected one column and its value");
}

TEST(Spec, DecodesOnlyWhereATaskSaysNothingOfBehaviour) {
  const Spec spec = parse("model: m\nvariables: [tense]\ntask: {sentences: a.csv}\n");
  EXPECT_FALSE(spec.data.language->expectation);
  EXPECT_FALSE(spec.data.measure_behaviour);
  EXPECT_TRUE(parse("model: m\ntask: {name: agreement, sentences: a.csv}\n").data.measure_behaviour);
}

TEST(Spec, ReadsWhatIsProbedAndHowRowsAreDivided) {
  const std::string start = "model: m\nvariables: [v]\ntask:\n  ";
  const Spec spec =
      parse(start + "sentences: a.csv\n  text: line\n  prompt: more\n  split_by: noun\n  bins: 3\n  at:\n" +
            "    - {word: verb}\n    - {word: verb, occurrence: last}\n    - {start: a, end: b}\n"
            "    - {token: t}\n");
  EXPECT_THAT(spec.grid.positions, ElementsAre(Position("word verb"), Position("last word verb"),
                                               Position("characters a to b"), Position("token t")));
  EXPECT_EQ(spec.data.language->text_column, "line");
  EXPECT_EQ(spec.data.language->prompt_column, "more");
  EXPECT_EQ(spec.data.language->split_by, "noun");
  EXPECT_EQ(spec.data.bins, (Bins{{"", 3}}));
  const Spec files = parse(start + "train: a.csv\n  test: b.csv\n  text: line\n  bins: {v: 4}\n");
  EXPECT_EQ(files.data.language->sentences, "a.csv");
  EXPECT_EQ(files.data.language->test, "b.csv");
  EXPECT_EQ(files.data.bins, (Bins{{"v", 4}}));
  const Spec columns =
      parse(start + "sentences: a.csv\n  expect: {continuation: {column: good}, against: [{column: bad}, ' x']}\n");
  EXPECT_EQ(columns.data.language->expectation->continuation_column, "good");
  EXPECT_THAT(columns.data.language->expectation->against_columns, ElementsAre("bad"));
  EXPECT_THAT(columns.data.language->expectation->against, ElementsAre(" x"));
}

TEST(Spec, RefusesWhatContradictsTheProbedPlaceOrTheDivision) {
  const std::string start = "model: m\nvariables: [v]\ntask: {sentences: a.csv, ";
  EXPECT_INPUT_ERROR(parse(start + "at: {word: w}}\nposition: 1\n"), "has no meaning beside task.at");
  EXPECT_INPUT_ERROR(parse(start + "at: {word: w, token: t}}\n"), "expected one of");
  EXPECT_INPUT_ERROR(parse(start + "at: {start: a}}\n"), "'end'");
  EXPECT_INPUT_ERROR(parse(start + "at: {token: t, occurrence: last}}\n"), "only a word");
  EXPECT_INPUT_ERROR(parse(start + "at: {word: w, occurrence: second}}\n"), "first or last");
  EXPECT_INPUT_ERROR(parse(start + "at: [{word: w}, {word: w}]}\n"), "twice");
  EXPECT_INPUT_ERROR(parse(start + "at: verb}\n"), "expected {word: COLUMN}");
  EXPECT_INPUT_ERROR(parse(start + "split: s, split_by: n}\n"), "has no meaning beside split");
  EXPECT_INPUT_ERROR(parse(start + "train: b.csv}\n"), "has no meaning beside the files");
  EXPECT_INPUT_ERROR(parse(start + "test: b.csv}\n"), "needs 'train'");
  EXPECT_INPUT_ERROR(parse(start + "bins: 1}\n"), "at least 2");
  EXPECT_INPUT_ERROR(parse(start + "expect: {continuation: ' a', against: []}}\n"), "at least one");
  EXPECT_INPUT_ERROR(parse(start + "expect: {continuation: ' a', against: ' b'}}\n"), "needs 'where'");
}

TEST(Spec, RefusesTasksOverSentencesThatSayTooLittleOrTooMuch) {
  EXPECT_INPUT_ERROR(parse("model: m\ntask: {name: agreement, sentences: a.csv, trian_rows: 3}\n"), "'train_rows'");
  EXPECT_INPUT_ERROR(parse("model: m\ntask: {name: agreement, sentences: a.csv, train_rows: 0}\n"), "at least 1");
  EXPECT_INPUT_ERROR(
      parse("model: m\ntask: {name: x, sentences: a, expect: {last_word_against: u, continuation: ' a'}}\n"),
      "has no meaning beside last_word_against");
}

TEST(FlatConfig, ReadsTheLanguageTasks) {
  std::string text = flat_text("data_path: s.csv\ngen_path: g.csv\ntrain_size: 2000\ntest_size: 1000\n");
  text.replace(text.find("disambiguation"), 14, "agreement");
  const Spec spec = parse(text);
  ASSERT_TRUE(spec.data.language);
  EXPECT_THAT(spec.grid.variables, ElementsAre("agreement"));
  EXPECT_EQ(spec.data.language->test_rows, 1000);
  EXPECT_EQ(spec.data.language->split_seed, spec.probe.data_seed);
  EXPECT_EQ(spec.probe.protocol, Protocol::kPaper);
  text.replace(text.find("test_size: 1000"), 15, "test_size: 1100");
  EXPECT_INPUT_ERROR(parse(text), "the number of test rows (1100) must be a multiple of the batch size (500)");
}

TEST(Grid, HoldsEveryCombinationInTheReferencesOrder) {
  Spec spec = parse(spec_text("layers: [1, 0]\nseeds: [4, 5]\n"));
  std::vector<std::string> labels;
  for (const Cell& cell : expand(spec.grid, testing::tiny_config())) {
    labels.push_back(fmt::format("{} {} {}", cell.variable, to_string(cell.component), cell.seed));
  }
  EXPECT_THAT(labels, ElementsAre("x L1.attn 4", "x L1.attn 5", "x L1.mlp 4", "x L1.mlp 5", "x L0.attn 4",
                                  "x L0.attn 5", "x L0.mlp 4", "x L0.mlp 5", "y L1.attn 4", "y L1.attn 5", "y L1.mlp 4",
                                  "y L1.mlp 5", "y L0.attn 4", "y L0.attn 5", "y L0.mlp 4", "y L0.mlp 5"));
  spec.grid.layers = {};
  EXPECT_EQ(expand(spec.grid, testing::tiny_config()).size(), 16u) << "no layers given: all of the model's two";
  spec.grid.layers = {2};
  EXPECT_INPUT_ERROR(expand(spec.grid, testing::tiny_config()), "L2.attn: the model has layers 0 to 1");
}

TEST(CellId, ChangesWithEverythingThatCanChangeItsNumbers) {
  const std::vector<std::string> fingerprints = {"model", "train", "test"};
  const auto id = [&](const std::string& more, const std::vector<std::string>& from, int threads) {
    const Spec spec = parse(spec_text(more));
    return cell_id(spec, expand(spec.grid, testing::tiny_config()).front(), from, threads);
  };
  std::set<std::string> ids = {id("", fingerprints, 1), id("", fingerprints, 2), id("", {"other", "train", "test"}, 1)};
  const std::vector<std::string> changes = {"seeds: 1\n",
                                            "protocol: paper\n",
                                            "protocol: paper\ndata_seed: 1\n",
                                            "position: 0\n",
                                            "layers: 1\n",
                                            "blocks: mlp\n",
                                            "control: random_init\n",
                                            "fit: {unit: weight}\n",
                                            "fit: {epochs: 3}\n",
                                            "fit: {batch_size: 8}\n",
                                            "fit: {learning_rate: 1}\n",
                                            "fit: {weight_decay: 1}\n",
                                            "fit: {l0_weight: 1}\n",
                                            "fit: {max_temperature: 3}\n",
                                            "fit: {l0_weight: [1e-7, 1e-6]}\n",
                                            "fit: {method: continuous_sparsification}\n",
                                            "fit: {method: continuous_sparsification, mask_init: 1}\n",
                                            "fit: {method: continuous_sparsification, mask_init: 0.5}\n",
                                            "fit: {keep_probability: 0.8}\n",
                                            "fit: {method: magnitude_pruning}\n",
                                            "fit: {method: magnitude_pruning, density: 0.5}\n",
                                            "evaluate: {exemplar_draws: 3}\n",
                                            "evaluate: {random_controls: 3}\n",
                                            "evaluate: {fills: mean}\n",
                                            "evaluate: {per_matrix: true}\n",
                                            "evaluate: {held_out_types: 0.1}\n",
                                            "evaluate: {held_out_types: 0.2}\n",
                                            "evaluate: {effects: true}\n",
                                            "evaluate: {sufficiency: true}\n"};
  for (const std::string& change : changes) EXPECT_TRUE(ids.insert(id(change, fingerprints, 1)).second) << change;
  EXPECT_FALSE(ids.insert(id("out: elsewhere\n", fingerprints, 1)).second) << "the folder changes no number";
  EXPECT_FALSE(ids.insert(id("fit: {method: continuous_sparsification}\n", fingerprints, 1)).second);
  for (const char* key : {"effects", "sufficiency"}) {
    EXPECT_FALSE(ids.insert(id(fmt::format("evaluate: {{{}: false}}\n", key), fingerprints, 1)).second)
        << "as if " << key << " were not there";
  }
  EXPECT_FALSE(ids.insert(id("evaluate: {held_out_types: 0}\n", fingerprints, 1)).second) << "nothing is held out";
  EXPECT_FALSE(ids.insert(id("evaluate: {smallest_effect: 0.1, correction: holm}\n", fingerprints, 1)).second)
      << "rules of judging change no figure";
}

TEST(CellId, KnowsWhetherSentencesAreAblated) {
  Spec spec = parse(spec_text());
  spec.data.evaluation_csvs.clear();  // Unused by sentences, whose files the task names.
  spec.data.language.emplace();
  const Cell cell = expand(spec.grid, testing::tiny_config()).front();
  const std::string with = cell_id(spec, cell, {}, 1), of_method = baseline_id(spec, cell, "m", "L0.mid", {}, 1, false);
  spec.data.measure_behaviour = false;
  EXPECT_NE(cell_id(spec, cell, {}, 1), with);
  EXPECT_NE(baseline_id(spec, cell, "m", "L0.mid", {}, 1, false), of_method);
}

TEST(CellId, OfAMethodKnowsNullVariablesWhereTheMethodTakesThem) {
  Spec spec = parse(spec_text());
  const Cell cell = expand(spec.grid, testing::tiny_config()).front();
  const auto id = [&](bool with_nulls) { return baseline_id(spec, cell, "m", "L0.mid", {}, 1, with_nulls); };
  const std::string with = id(true), without = id(false);
  EXPECT_NE(with, without);
  spec.probe.null_variables = 99;
  EXPECT_NE(id(true), with);
  EXPECT_EQ(id(false), without);
  spec.data.types[""].parts = {int64_t{0}};
  EXPECT_EQ(id(false), without);
  spec.probe.null_variables = 19;
  EXPECT_NE(id(true), with);
  spec.probe.protocol = Protocol::kPaper;
  EXPECT_EQ(id(true), id(false));
}

TEST(CellId, IgnoresEffectsWhereNothingIsAblated) {
  Spec spec = parse(spec_text());
  spec.data.measure_behaviour = false;
  const Cell cell = expand(spec.grid, testing::tiny_config()).front();
  const std::string without = cell_id(spec, cell, {}, 1);
  spec.probe.ablation.effect = true;
  EXPECT_EQ(cell_id(spec, cell, {}, 1), without);
}

}  // namespace
}  // namespace cprobe
