#include "cprobe/training/training_state.h"

#include <ATen/Parallel.h>

#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "cprobe/core/error.h"
#include "cprobe/core/hash.h"
#include "cprobe/core/number_text.h"
#include "cprobe/core/text.h"
#include "cprobe/io/document.h"
#include "cprobe/io/safetensors.h"

namespace cprobe {
namespace {

using Tensors = std::map<std::string, at::Tensor>;

constexpr const char* kChecksum = "checksum";
constexpr const char* kSettings = "settings";
constexpr const char* kSteps = "steps";
constexpr const char* kCheckpoints = "checkpoints";
constexpr const char* kStartAgain = "to train from the beginning, overwrite the run";
constexpr int64_t kCurveColumns = 5;

uint64_t tensor_hash(const at::Tensor& tensor, uint64_t seed) {
  const at::Tensor bytes = tensor.detach().contiguous();
  return hash_bytes(bytes.data_ptr(), bytes.nbytes(), seed);
}

std::string data_hash(const Dataset& data) {
  uint64_t digest = 0;
  for (const std::vector<int64_t>* numbers : {&data.trie.row_begin, &data.trie.row_nodes}) {
    digest = hash_bytes(numbers->data(), numbers->size() * sizeof(int64_t), digest);
  }
  for (const at::Tensor& tensor : {data.trie.token, data.trie.parent, data.answers})
    digest = tensor_hash(tensor, digest);
  return to_hex(digest);
}

std::string checksum(const Tensors& tensors, const std::string& settings) {
  uint64_t digest = hash(settings);
  for (const auto& [name, tensor] : tensors) digest = tensor_hash(tensor, hash(name, digest));
  return to_hex(digest);
}

TrainSettings settings_of(const Document& json) {
  TrainSettings settings;
  for (const auto& [name, value] : json.entries()) settings[name] = value.as_text();
  return settings;
}

at::Tensor curve_tensor(const std::vector<CurvePoint>& curve) {
  std::vector<double> numbers;
  for (const CurvePoint& p : curve) {
    numbers.insert(numbers.end(),
                   {static_cast<double>(p.step), p.train_loss, p.train_accuracy, p.test_loss, p.test_accuracy});
  }
  return at::tensor(numbers, at::kDouble).view({static_cast<int64_t>(curve.size()), kCurveColumns});
}

std::vector<CurvePoint> curve_points(const at::Tensor& tensor) {
  const auto numbers = tensor.accessor<double, 2>();
  std::vector<CurvePoint> curve;
  for (int64_t i = 0; i < numbers.size(0); ++i) {
    const auto p = numbers[i];
    curve.push_back({static_cast<int64_t>(p[0]), p[1], p[2], p[3], p[4]});
  }
  return curve;
}

/// The tensors of a saved state. Checks them before they are used, as header, settings and checksum
/// may each be damaged.
class StateFile {
 public:
  explicit StateFile(const std::filesystem::path& path) : file_(open(path)) {
    const auto& metadata = file_.metadata();
    if (!metadata.contains(kSettings) || !metadata.contains(kChecksum)) throw damaged("no settings or checksum");
    Tensors tensors;
    for (const auto& [name, info] : file_.tensors()) tensors[name] = file_.tensor(name);
    if (checksum(tensors, metadata.at(kSettings)) != metadata.at(kChecksum))
      throw damaged("the checksum does not match");
  }

  TrainSettings settings() const {
    return settings_of(Document::parse_json(file_.metadata().at(kSettings), file_.path().string()));
  }

  bool contains(const std::string& name) const { return file_.contains(name); }

  /// Returns a copy, so that the file may be replaced and the tensor written to.
  at::Tensor take(const std::string& name, at::ScalarType dtype, at::IntArrayRef shape) const {
    if (!file_.contains(name)) throw damaged(fmt::format("no tensor '{}'", name));
    const at::Tensor tensor = file_.tensor(name);
    bool fits = tensor.scalar_type() == dtype && tensor.dim() == static_cast<int64_t>(shape.size());
    for (size_t i = 0; fits && i < shape.size(); ++i)
      fits = shape[i] == -1 || tensor.size(static_cast<int64_t>(i)) == shape[i];
    if (!fits)
      throw damaged(fmt::format("tensor '{}' is {} [{}]", name, at::toString(tensor.scalar_type()),
                                fmt::join(tensor.sizes(), ", ")));
    return tensor.clone();
  }

 private:
  static SafetensorsFile open(const std::filesystem::path& path) {
    try {
      return SafetensorsFile::open(path);
    } catch (const Error& error) {
      throw Error(error.kind(), fmt::format("{}; {}", error.what(), kStartAgain));
    }
  }

  Error damaged(const std::string& what) const {
    return input_error("{}: damaged: {}; {}", file_.path().string(), what, kStartAgain);
  }

  SafetensorsFile file_;
};

}  // namespace

TrainSettings train_settings(const ModelConfig& config, const Dataset& train, const Dataset& test,
                             const TrainOptions& options, Seed seed) {
  const std::set<int64_t> checkpoints(options.checkpoints.begin(), options.checkpoints.end());
  TrainSettings settings = {
      {kSteps, fmt::format("{}", options.steps)},
      {"learning_rate", fmt::format("{}", options.learning_rate)},
      {"weight_decay", fmt::format("{}", options.weight_decay)},
      {"betas", fmt::format("{}, {}", options.beta1, options.beta2)},
      {"adam_epsilon", fmt::format("{}", options.adam_epsilon)},
      {"warm_up_steps", fmt::format("{}", options.warm_up_steps)},
      {"evaluate_every", fmt::format("{}", options.evaluate_every)},
      {kCheckpoints, fmt::format("{}", fmt::join(checkpoints, ", "))},
      {"stop_at_test_accuracy",
       options.stop_at_test_accuracy ? fmt::format("{}", *options.stop_at_test_accuracy) : "off"},
      {"seed", fmt::format("{}", seed.value())},
      {"threads", fmt::format("{}", at::get_num_threads())},
      {"training_data", data_hash(train)},
      {"test_data", data_hash(test)},
  };
  // A run without the option has the settings of versions that did not know the option.
  if (options.keep_best) settings["keep"] = "best";
  const nlohmann::json model = nlohmann::json::parse(config_json(config));
  for (const auto& [key, value] : model.items()) settings["model." + key] = value.dump();
  return settings;
}

std::string describe_difference(const TrainSettings& there, const TrainSettings& now) {
  std::set<std::string> names;
  for (const TrainSettings* settings : {&there, &now}) {
    for (const auto& [name, value] : *settings) names.insert(name);
  }
  const auto value_in = [](const TrainSettings& settings, const std::string& name) {
    const auto found = settings.find(name);
    return found == settings.end() ? std::string("nothing") : found->second;
  };
  std::string text;
  for (const std::string& name : names) {
    const std::string old_value = value_in(there, name), new_value = value_in(now, name);
    if (old_value != new_value) text += fmt::format("  {}: {} there, {} now\n", name, old_value, new_value);
  }
  return text;
}

TrainSettings settings_until(TrainSettings settings, int64_t step) {
  settings.erase(kSteps);
  std::istringstream checkpoints(settings[kCheckpoints]);
  std::vector<std::string> before;
  for (std::string word; std::getline(checkpoints, word, ',');) {
    const std::string text(trimmed(word));
    if (whole_number<int64_t>(text).value_or(0) < step) before.push_back(text);
  }
  settings[kCheckpoints] = fmt::format("{}", fmt::join(before, ", "));
  return settings;
}

void save_training_state(const TrainingState& state, const TrainSettings& settings, const std::filesystem::path& path) {
  Tensors tensors = {{"step", at::scalar_tensor(state.step, at::kLong).view({1})},
                     {"curve", curve_tensor(state.curve)}};
  for (const auto& [name, weight] : state.weights) tensors["weight." + name] = weight.detach();
  for (const auto& [name, moment] : state.moment_1) tensors["moment_1." + name] = moment;
  for (const auto& [name, moment] : state.moment_2) tensors["moment_2." + name] = moment;
  for (const auto& [name, weight] : state.best_weights) tensors["best." + name] = weight.detach();
  const std::string text = settings_json(settings);
  write_safetensors(path, tensors, {{kSettings, text}, {kChecksum, checksum(tensors, text)}});
}

TrainingState load_training_state(const std::filesystem::path& path, const ModelConfig& config,
                                  const std::function<void(const TrainSettings& there, int64_t step)>& check) {
  const StateFile file(path);
  TrainingState state;
  state.step = file.take("step", at::kLong, {1}).item<int64_t>();
  check(file.settings(), state.step);
  state.curve = curve_points(file.take("curve", at::kDouble, {-1, kCurveColumns}));
  for (const WeightInfo& info : weights_of(config)) {
    std::vector<int64_t> shape = info.source_shape;
    if (info.transposed) std::swap(shape[0], shape[1]);
    state.weights[info.name] = file.take("weight." + info.name, at::kFloat, shape);
    if (state.step == 0) continue;
    state.moment_1[info.name] = file.take("moment_1." + info.name, at::kFloat, shape);
    state.moment_2[info.name] = file.take("moment_2." + info.name, at::kFloat, shape);
    const std::string best = "best." + info.name;
    if (file.contains(best)) state.best_weights[info.name] = file.take(best, at::kFloat, shape);
  }
  return state;
}

std::string settings_json(const TrainSettings& settings) {
  return nlohmann::json(settings).dump(2) + "\n";
}

TrainSettings read_settings(const std::filesystem::path& path) {
  return settings_of(Document::read_json(path));
}

}  // namespace cprobe
