#include "cprobe/training/trainer.h"

#include <algorithm>
#include <chrono>

#include "cprobe/core/error.h"
#include "cprobe/core/interrupt.h"
#include "cprobe/core/number_text.h"
#include "cprobe/io/atomic_file.h"
#include "cprobe/training/learner.h"
#include "cprobe/training/training_state.h"

namespace cprobe {
namespace {

struct Files {
  std::filesystem::path folder;

  std::filesystem::path checkpoint(int64_t step) const { return folder / fmt::format("step_{}", step); }
  std::filesystem::path final_model() const { return folder / "final"; }
  std::filesystem::path best_model() const { return folder / "best"; }
  std::filesystem::path latest_model() const { return folder / "latest"; }
  std::filesystem::path curve() const { return folder / "curve.csv"; }
  std::filesystem::path state_folder() const { return folder / "state"; }
  std::filesystem::path state() const { return state_folder() / "training.safetensors"; }
  std::filesystem::path settings() const { return folder / "settings.json"; }
};

void write_curve(const std::vector<CurvePoint>& curve, const std::filesystem::path& path) {
  std::string text = "step,train_loss,train_accuracy,test_loss,test_accuracy\n";
  for (const CurvePoint& p : curve) {
    text += fmt::format("{},{},{},{},{}\n", p.step, p.train_loss, p.train_accuracy, p.test_loss, p.test_accuracy);
  }
  write_file(path, text);
}

void require(bool holds, const char* name, const char* range, double found) {
  if (!holds) throw input_error("{} must be {}, not {}", name, range, found);
}

void check(const TrainOptions& options) {
  const auto number = [](int64_t value) { return static_cast<double>(value); };
  require(options.steps >= 1, "steps", "at least 1", number(options.steps));
  require(options.learning_rate > 0, "learning_rate", "positive", options.learning_rate);
  require(options.weight_decay >= 0, "weight_decay", "0 or more", options.weight_decay);
  require(options.beta1 >= 0 && options.beta1 < 1, "beta1", "in [0, 1)", options.beta1);
  require(options.beta2 >= 0 && options.beta2 < 1, "beta2", "in [0, 1)", options.beta2);
  require(options.adam_epsilon > 0, "adam_epsilon", "positive", options.adam_epsilon);
  require(options.warm_up_steps >= 0, "warm_up_steps", "0 or more", number(options.warm_up_steps));
  require(options.evaluate_every >= 1, "evaluate_every", "at least 1", number(options.evaluate_every));
  require(options.save_every >= 1, "save_every", "at least 1", number(options.save_every));
  for (const int64_t step : options.checkpoints) {
    if (step < 0 || step > options.steps) {
      throw input_error("checkpoint {}: expected a step from 0 to {}, the last", step, options.steps);
    }
  }
  if (const auto goal = options.stop_at_test_accuracy)
    require(*goal > 0 && *goal <= 1, "stop_at_test_accuracy", "in (0, 1]", *goal);
}

/// Removes what `train` writes and nothing else. The mark of a finished run goes last.
void remove_run(const Files& files) {
  std::vector<std::filesystem::path> paths = {files.state_folder(), files.final_model(), files.best_model(),
                                              files.latest_model(), files.curve()};
  for (const auto& entry : std::filesystem::directory_iterator(files.folder)) {
    const std::string name = entry.path().filename().string();
    const bool is_checkpoint =
        name.starts_with("step_") && name.size() > 5 && name.find_first_not_of("0123456789", 5) == std::string::npos;
    if (is_checkpoint) paths.push_back(entry.path());
  }
  paths.push_back(files.settings());
  for (const auto& path : paths) std::filesystem::remove_all(path);
}

/// The number of steps that a run was asked for.
int64_t steps_of(const TrainSettings& settings) {
  const auto found = settings.find("steps");
  return found == settings.end() ? 0 : whole_number<int64_t>(found->second).value_or(0);
}

/// Refuses to go on with the run in a folder if its steps so far are not those of `settings`.
/// @param there, step  settings of the run in the folder, and the steps that it has done.
void require_same_run(const Files& files, const TrainSettings& there, int64_t step, const TrainSettings& settings,
                      const TrainOptions& options) {
  const std::string difference = options.extend
                                     ? describe_difference(settings_until(there, step), settings_until(settings, step))
                                     : describe_difference(there, settings);
  if (!difference.empty()) {
    if (std::filesystem::exists(files.settings())) {
      throw input_error("{}: holds a finished run with other settings:\n{}overwrite it or choose another folder",
                        files.folder.string(), difference);
    }
    throw input_error(
        "{}: a run with other settings is unfinished here:\n{}run it to its end with its own settings, overwrite it, "
        "or choose another folder",
        files.state().string(), difference);
  }
  if (step > options.steps) {
    throw input_error(
        "{}: the run here has done {} steps, and {} are asked for; it is left as it is. Ask for {} or more, overwrite "
        "it, or choose another folder",
        files.folder.string(), step, options.steps, step);
  }
}

/// Refuses a finished run, unless it can go on to more steps.
void require_extensible(const Files& files, const TrainSettings& settings, const TrainOptions& options) {
  const TrainSettings there = read_settings(files.settings());
  if (there == settings) {
    throw input_error("{}: holds a finished run with these settings; {}overwrite it or choose another folder",
                      files.folder.string(), options.extend ? "ask for more steps, " : "");
  }
  if (options.extend && std::filesystem::exists(files.state())) return;
  require_same_run(files, there, options.extend ? steps_of(there) : 0, settings, options);
  throw input_error(
      "{}: holds a finished run without its optimiser's state ({}), which earlier versions did not keep. It cannot go "
      "on as a longer run would; overwrite it or choose another folder",
      files.folder.string(), files.state().string());
}

/// The state to train from: a saved one, or fresh weights.
TrainingState starting_state(const Files& files, const TrainSettings& settings, const ModelConfig& config,
                             const TrainOptions& options, Seed seed) {
  const auto fresh = [&] {
    return TrainingState{.weights = random_model(config, seed.derive("train/weights")).weights};
  };
  if (std::filesystem::exists(files.settings())) {
    if (options.overwrite) {
      remove_run(files);
    } else {
      require_extensible(files, settings, options);
    }
  }
  if (!std::filesystem::exists(files.state())) return fresh();
  try {
    return load_training_state(files.state(), config, [&](const TrainSettings& there, int64_t step) {
      require_same_run(files, there, step, settings, options);
    });
  } catch (const Error&) {
    if (!options.overwrite) throw;
    remove_run(files);
    return fresh();
  }
}

/// The point with the highest test accuracy, the earliest of equal ones.
const CurvePoint& best_point(const std::vector<CurvePoint>& curve) {
  return *std::ranges::max_element(curve, {}, &CurvePoint::test_accuracy);
}

/// Saves a run that is not at its end: its state, its curve, and its models to use.
/// @param best  none unless the run keeps the best model.
void save_unfinished(const Learner& learner, int64_t step, const std::vector<CurvePoint>& curve,
                     const std::optional<Model>& best, const TrainSettings& settings, const Files& files) {
  TrainingState state = learner.state(step, curve);
  if (best) state.best_weights = best->weights;
  save_training_state(state, settings, files.state());
  write_curve(curve, files.curve());
  save_model(learner.model(), files.latest_model());
  if (best) save_model(*best, files.best_model());
}

}  // namespace

ModelConfig toy_config(int64_t vocab, int64_t n_positions) {
  return {.vocab = vocab,
          .n_positions = n_positions,
          .d_model = 128,
          .n_layers = 1,
          .n_heads = 4,
          .n_kv_heads = 4,
          .d_head = 32,
          .d_mlp = 512,
          .activation = Activation::kRelu};
}

bool is_trained(const ModelConfig& config, const Dataset& train, const Dataset& test, const TrainOptions& options,
                const std::filesystem::path& folder, Seed seed) {
  const std::filesystem::path settings = Files{folder}.settings();
  return std::filesystem::exists(settings) &&
         read_settings(settings) == train_settings(config, train, test, options, seed);
}

void check_training(const ModelConfig& config, const Dataset& train, const Dataset& test, const TrainOptions& options,
                    const std::filesystem::path& folder, Seed seed) {
  check(options);
  if (options.overwrite || is_trained(config, train, test, options, folder, seed)) return;
  starting_state(Files{folder}, train_settings(config, train, test, options, seed), config, options, seed);
}

TrainResult train(const ModelConfig& config, const Dataset& train, const Dataset& test, const TrainOptions& options,
                  const std::filesystem::path& folder, Seed seed) {
  check(options);
  const Files files{folder};
  const TrainSettings settings = train_settings(config, train, test, options, seed);
  TrainingState start = starting_state(files, settings, config, options, seed);
  Learner learner(config, start, options);
  TrainResult result{.curve = std::move(start.curve), .resumed_at = start.step};
  std::optional<Model> best;
  if (!start.best_weights.empty()) best = Model{.config = config, .weights = std::move(start.best_weights)};
  const TrainingRows train_rows(train), test_rows(test);
  // Finds out now, not after an hour, if the folder cannot be written.
  if (start.step == 0) {
    save_unfinished(learner, 0, {}, {}, settings, files);
  } else {
    const bool has_model =
        std::filesystem::exists(files.final_model()) || std::filesystem::exists(files.latest_model());
    if (!has_model) save_model(learner.model(), files.latest_model());
    tell(options.on_message, {Message::Kind::kNote, fmt::format("{}: goes on after the {} steps that are done",
                                                                folder.string(), start.step)});
  }
  if (options.steps - start.step > options.save_every) {
    tell(options.on_message, {Message::Kind::kNote, fmt::format("{}: until the end, the model of every {}th step",
                                                                files.latest_model().string(), options.save_every)});
  }
  // From here on a finished run is unfinished: it has been given more steps.
  std::filesystem::remove(files.settings());
  const auto began = std::chrono::steady_clock::now();
  Progress progress{.what = "train", .total = std::max<int64_t>(1, options.steps - start.step)};
  tell(options.on_progress, progress);

  int64_t step = start.step;
  for (;; ++step) {
    const bool is_checkpoint = std::ranges::find(options.checkpoints, step) != options.checkpoints.end();
    const bool is_last = step == options.steps;
    const bool is_point = is_last || is_checkpoint || step % options.evaluate_every == 0;
    const at::Tensor train_logits = answer_logits(learner.model(), train_rows);
    if (is_point) result.curve.push_back(curve_point(learner.model(), step, train_logits, train_rows, test_rows));
    if (is_checkpoint) save_model(learner.model(), files.checkpoint(step));
    if (is_last ||
        (options.stop_at_test_accuracy && result.curve.back().test_accuracy >= *options.stop_at_test_accuracy))
      break;
    if (options.keep_best && is_point && best_point(result.curve).step == step) best = learner.snapshot();

    const double loss = learner.descend(train_logits, train_rows, step);
    ++progress.done;
    progress.note = fmt::format("loss {:.4f}, test accuracy {:.3f}", loss, result.curve.back().test_accuracy);
    tell(options.on_progress, progress);

    const int64_t done = step + 1;
    const bool stops = options.stop_requested ? options.stop_requested(done) : interrupted();
    if (!stops && done % options.save_every != 0) continue;
    save_unfinished(learner, done, result.curve, best, settings, files);
    if (stops) {
      throw Error(ErrorKind::kInterrupted,
                  fmt::format("training stopped after {} of {} steps; {} keeps it all, so the same command "
                              "goes on from there, and {} is the model so far",
                              done, options.steps, files.state().string(), files.latest_model().string()));
    }
  }

  result.model = learner.snapshot();
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  save_model(result.model, files.final_model());
  // A longer run need not evaluate the last step: what is kept to go on is of the steps before.
  TrainingState state = learner.state(step, {result.curve.begin(), result.curve.end() - 1});
  if (best) state.best_weights = best->weights;
  save_training_state(state, settings, files.state());
  if (options.keep_best) {
    result.best = best_point(result.curve);
    save_model(result.best->step == step ? result.model : *best, files.best_model());
  }
  write_curve(result.curve, files.curve());
  write_file(files.settings(), settings_json(settings));
  std::filesystem::remove_all(files.latest_model());
  return result;
}

Model train_in_memory(const Model& start, const Dataset& train, const Dataset& test, const TrainOptions& options,
                      const std::function<bool(const CurvePoint&)>& goes_on) {
  check(options);
  Learner learner(start.config, {.weights = start.weights}, options);
  const TrainingRows train_rows(train), test_rows(test);
  for (int64_t step = 0;; ++step) {
    stop_if_interrupted();
    const bool is_last = step == options.steps;
    const at::Tensor train_logits = answer_logits(learner.model(), train_rows);
    if (is_last || step % options.evaluate_every == 0) {
      const CurvePoint point = curve_point(learner.model(), step, train_logits, train_rows, test_rows);
      if (!goes_on(point) || is_last) return learner.snapshot();
    }
    learner.descend(train_logits, train_rows, step);
  }
}

}  // namespace cprobe
