#include "cprobe/plant/trained.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cprobe/core/error.h"
#include "cprobe/core/interrupt.h"
#include "cprobe/evaluate/behaviour.h"
#include "cprobe/model/architecture.h"
#include "cprobe/plant/acceptance.h"
#include "cprobe/plant/exchanged_answers.h"
#include "cprobe/plant/partitions.h"
#include "cprobe/training/cross_entropy.h"
#include "cprobe/training/learner.h"

namespace cprobe {
namespace {

constexpr int64_t kRowsOfStep = 512;
constexpr double kStrictWeight = 0.4;
constexpr double kLearningRate = 1e-3;
constexpr double kWeightDecay = 0.01;
constexpr int64_t kStepsBetweenFigures = 100;
constexpr int64_t kJudgedPairs = 512;
constexpr double kGoodEnough = 0.99;  // Interchange and strict accuracy that end training early.

ModelConfig trained_config(const TrainedOptions& options) {
  const int64_t equals = std::max(options.n_operands, options.n_classes);
  return {.vocab = equals + 1 + (options.context > 0 ? kContextTokens : 0),
          .n_positions = options.context + 3,
          .d_model = 64,
          .n_layers = options.n_layers,
          .n_heads = 4,
          .n_kv_heads = 4,
          .d_head = 16,
          .d_mlp = 256,
          .activation = Activation::kRelu,
          .tied_unembedding = false};
}

void check_knobs(const TrainedOptions& options) {
  const auto require = [](bool holds, std::string_view knob, std::string_view why) {
    require_knob(holds, "a trained model", knob, why);
  };
  require(options.n_operands >= 4 && options.n_operands <= 50, "operands", "expected 4 to 50 values");
  require(options.n_classes >= 2 && 2 * options.n_classes <= options.n_operands * options.n_operands, "classes",
          "expected at least 2, and at least two pairs of operands for each");
  require(options.n_layers == 1 || options.n_layers == 2, "layers", "expected 1 or 2");
  require(options.component == ComponentRef{0, Block::kMlp}, "component",
          "expected L0.mlp, the only one in front of which nothing can compute a function of both operands");
  require(options.share >= 0.05 && options.share <= 0.5, "share", "expected a share from 0.05 to 0.5");
  require(options.context >= 0 && options.context <= 64, "context", "expected 0 to 64 tokens");
  require(options.answer != PlantedAnswer::kOther, "answer",
          "expected direct or combined; only a compiled model has a variable that is idle");
  require(options.answer == PlantedAnswer::kDirect || options.n_layers == 2, "answer",
          "a combined answer needs 2 layers: the MLP of the second one combines");
  require(options.steps >= 1 && options.steps <= kMostPlantSteps, "steps", "expected 1 to 4000");
}

PlantedRows rows_of(const TrainedOptions& options, Seed seed) {
  return planted_rows({.component = options.component,
                       .n_operands = options.n_operands,
                       .n_classes = options.n_classes,
                       .context = options.context,
                       .us_are_of_pairs = false,
                       .n_us = options.answer == PlantedAnswer::kCombined ? 1 : 0,
                       .answer = options.answer},
                      seed);
}

/// V as the truth has it, with a share of each matrix's units marked.
PlantedVariable marked_variable(const TrainedOptions& options, const ModelConfig& config, Seed seed) {
  PlantedVariable variable{.name = "v",
                           .status = PlantedStatus::kUsed,
                           .component = options.component,
                           .received_by = components_behind(options.component, config)};
  for (const MatrixInfo& matrix : matrices_of(config, options.component)) {
    const auto n_marked = std::llround(options.share * static_cast<double>(matrix.n_out));
    const std::vector<int64_t> order = shuffled(matrix.n_out, seed.derive(matrix.short_name));
    PlantedUnits planted{.units = {order.begin(), order.begin() + n_marked},
                         .other = {order.begin() + n_marked, order.end()}};
    std::ranges::sort(planted.units);
    std::ranges::sort(planted.other);
    variable.matrices.push_back(std::move(planted));
  }
  return variable;
}

/// What a model must learn.
struct Lesson {
  TokenTrie trie;
  at::Tensor v;        ///< [n_rows] int64.
  at::Tensor answers;  ///< [n_rows, n_classes] int64: of each row, if V had each value.

  int64_t n_rows() const { return v.size(0); }
  /// The answers of rows that have V from sources. @param rows, sources  [n] int64. @return [n].
  at::Tensor with_v_of(const at::Tensor& rows, const at::Tensor& sources) const {
    const at::Tensor values = v.index_select(0, sources).unsqueeze(1);
    return answers.index_select(0, rows).gather(1, values).squeeze(1);
  }
};

Lesson lesson_of(const PlantedRows& rows, const TrainedOptions& options) {
  const auto n_rows = static_cast<int64_t>(rows.tokens.size());
  Lesson lesson{.trie = build_trie(rows.tokens),
                .v = at::empty({n_rows}, at::kLong),
                .answers = at::empty({n_rows, options.n_classes}, at::kLong)};
  auto v = lesson.v.accessor<int64_t, 1>();
  auto answers = lesson.answers.accessor<int64_t, 2>();
  for (int64_t r = 0; r < n_rows; ++r) {
    std::vector<int64_t> values = rows.values[static_cast<size_t>(r)];
    v[r] = values[0];
    for (values[0] = 0; values[0] < options.n_classes; ++values[0]) {
      answers[r][values[0]] = planted_answer(options.answer, values, options.n_classes);
    }
  }
  return lesson;
}

/// Pairs of a row and a source with another value of V.
struct LessonPairs {
  at::Tensor rows, sources;  ///< [n] int64.
};

LessonPairs with_other_v(const Lesson& lesson, const at::Tensor& rows, const at::Tensor& sources) {
  const at::Tensor differ = lesson.v.index_select(0, rows).ne(lesson.v.index_select(0, sources)).nonzero().flatten();
  return {rows.index_select(0, differ), sources.index_select(0, differ)};
}

/// The pairs on which a model is judged: those of the data, by which its truth will be tested, and
/// random ones, as the former are few where operands are.
std::vector<LessonPairs> judged_pairs(const Lesson& lesson, const PlantedRows& rows, Seed seed) {
  at::Generator draws = seed.generator();
  const at::Tensor drawn_rows = at::randint(lesson.n_rows(), {kJudgedPairs}, draws, at::kLong);
  const at::Tensor drawn_sources = at::randint(lesson.n_rows(), {kJudgedPairs}, draws, at::kLong);
  return {with_other_v(lesson, at::arange(lesson.n_rows(), at::kLong), at::tensor(rows.sources, at::kLong)),
          with_other_v(lesson, drawn_rows, drawn_sources)};
}

/// All units but a random half of those that are not marked.
std::vector<at::Tensor> all_but_half_of_others(const std::vector<at::Tensor>& marked, at::Generator& draws) {
  std::vector<at::Tensor> units;
  for (const at::Tensor& of_matrix : marked) {
    const at::Tensor others = of_matrix.logical_not().nonzero().flatten();
    const at::Tensor order = at::randperm(others.size(0), draws, at::kLong);
    const at::Tensor half = others.index_select(0, order.narrow(0, 0, others.size(0) / 2));
    units.push_back(at::ones_like(of_matrix).index_fill(0, half, false));
  }
  return units;
}

/// Takes one step. @return the loss before the step.
double take_step(Learner& learner, const Lesson& lesson, const ComponentRef& component,
                 const std::vector<at::Tensor>& marked, at::Generator& draws, int64_t step) {
  const at::Tensor rows = at::randint(lesson.n_rows(), {kRowsOfStep}, draws, at::kLong);
  const at::Tensor sources = at::randint(lesson.n_rows(), {kRowsOfStep}, draws, at::kLong);
  const at::Tensor strict = at::arange(kRowsOfStep).lt(kRowsOfStep / 2);
  const at::Tensor places = at::arange(kRowsOfStep, at::kLong);
  const at::Tensor answers = lesson.with_v_of(rows, rows);
  const ExchangedRows exchanged(learner.model(), component, lesson.trie, rows, sources);
  const ExchangedComponent& between = exchanged.component();
  const auto loss_after = [&](const at::Tensor& update, const at::Tensor& expected) {
    return cross_entropy(exchanged.logits_after(update), places, expected);
  };
  const auto loss_along = [&](const std::vector<at::Tensor>& units, ExchangeSide own, const at::Tensor& expected) {
    return loss_after(exchanged.at_last_tokens(between.along_paths(units, own), strict), expected);
  };
  const at::Tensor loss =
      loss_after(between.update(ExchangeSide::kBase), answers) +
      loss_along(marked, ExchangeSide::kBase, lesson.with_v_of(rows, sources)) +
      kStrictWeight * loss_along(all_but_half_of_others(marked, draws), ExchangeSide::kDonor, answers);
  return learner.descend(loss, step);
}

/// What decides whether a model is accepted.
struct TrainedFigures {
  double accuracy = 0;
  ExchangedAnswers exchanged = {.by_units = 0, .by_others = 1};

  bool reach(double by_units, double by_others) const {
    return accuracy >= kLeastPlantedAccuracy && exchanged.by_units >= by_units && exchanged.by_others <= by_others;
  }
  std::string text() const {
    return fmt::format("accuracy {:.3f}, interchange accuracy {:.3f}, strict accuracy {:.3f}", accuracy,
                       exchanged.by_units, 1 - exchanged.by_others);
  }
};

TrainedFigures figures_of(const Model& model, const Lesson& lesson, const ComponentRef& component,
                          const std::vector<at::Tensor>& marked, const std::vector<LessonPairs>& judged) {
  const at::NoGradGuard no_gradients;
  const at::Tensor all = at::arange(lesson.n_rows(), at::kLong);
  const ExchangedRows untouched(model, component, lesson.trie, all, all);
  const at::Tensor found = untouched.logits_after(untouched.component().update(ExchangeSide::kBase)).argmax(1);
  TrainedFigures figures{.accuracy = share_of_rows(found.eq(lesson.with_v_of(all, all))),
                         .exchanged = {.by_units = 1, .by_others = 0}};
  for (const auto& [rows, sources] : judged) {
    if (rows.size(0) == 0) continue;
    const ExchangedRows exchanged(model, component, lesson.trie, rows, sources);
    const ExchangedAnswers answers =
        exchanged_answers(exchanged, marked, lesson.with_v_of(rows, rows), lesson.with_v_of(rows, sources));
    figures.exchanged.by_units = std::min(figures.exchanged.by_units, answers.by_units);
    figures.exchanged.by_others = std::max(figures.exchanged.by_others, answers.by_others);
  }
  return figures;
}

}  // namespace

Planted train_planted(const TrainedOptions& options, Seed seed) {
  check_knobs(options);
  const PlantedRows rows = rows_of(options, seed.derive("data"));
  const Lesson lesson = lesson_of(rows, options);
  const std::vector<LessonPairs> judged = judged_pairs(lesson, rows, seed.derive("judged"));
  const ModelConfig config = trained_config(options);
  const PlantedVariable variable = marked_variable(options, config, seed.derive("units"));
  const std::vector<at::Tensor> marked = needed_units(variable, config);
  Learner learner(config, {.weights = random_model(config, seed.derive("weights")).weights},
                  {.learning_rate = kLearningRate, .weight_decay = kWeightDecay});
  at::Generator draws = seed.derive("steps").generator();

  Progress progress{.what = "train", .total = options.steps};
  TrainedFigures figures;
  while (progress.done < options.steps && !figures.reach(kGoodEnough, 1 - kGoodEnough)) {
    tell(options.on_progress, progress);
    stop_if_interrupted();
    const double loss = take_step(learner, lesson, options.component, marked, draws, progress.done);
    ++progress.done;
    if (progress.done % kStepsBetweenFigures == 0 || progress.done == options.steps) {
      figures = figures_of(learner.model(), lesson, options.component, marked, judged);
    }
    progress.note = fmt::format("loss {:.3f}, {}", loss, figures.text());
  }
  if (!figures.reach(kLeastAnswersByUnits, kMostAnswersByOthers)) {
    throw failure(
        "the model is not accepted after {} steps: {}; expected at least {}, {} and {}. Choose another seed, more "
        "steps "
        "(at most {}), a larger share or fewer classes",
        progress.done, figures.text(), kLeastPlantedAccuracy, kLeastAnswersByUnits, 1 - kMostAnswersByOthers,
        kMostPlantSteps);
  }
  Planted planted{.model = learner.snapshot(), .data = rows.table};
  planted.truth = {.tier = "trained",
                   .seed = seed.value(),
                   .knobs = {{"answer", std::string(to_string(options.answer))},
                             {"classes", std::to_string(options.n_classes)},
                             {"component", to_string(options.component)},
                             {"context", std::to_string(options.context)},
                             {"layers", std::to_string(options.n_layers)},
                             {"operands", std::to_string(options.n_operands)},
                             {"share", fmt::format("{}", options.share)},
                             {"steps", std::to_string(options.steps)},
                             {"steps_taken", std::to_string(progress.done)}},
                   .variables = {variable}};
  add_not_computed(planted.truth, rows);
  return planted;
}

}  // namespace cprobe
