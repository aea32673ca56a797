#include "cprobe/spec/spec_keys.h"

#include "cprobe/circuit/mask_options.h"

namespace cprobe {

std::vector<DocumentKey> fit_keys() {
  static const std::string methods = [] {
    std::string text;
    for (const MaskKind kind : kMaskKinds) text += fmt::format("{}={}", text.empty() ? "" : "|", to_string(kind));
    return text;
  }();
  std::vector<DocumentKey> keys = {
      {"method", methods, "mask method"},
      {"unit", "=neuron|=weight|=head", "what a mask keeps or leaves out"},
      {"epochs", "count|[count]", "passes over the rows, at each L0 weight"},
      {"batch_size", "count|[count]", "rows of a batch; default 500, or a quarter of fewer rows"},
      {"learning_rate", "number|[number]", "AdamW's"},
      {"weight_decay", "number|[number]", "AdamW's"},
      {"l0_weight", "=auto|number|[number]", "price of a unit; of several the one that decodes best"},
      {"max_temperature", "number|[number]", "of continuous sparsification, at the end"},
  };
  for (const MaskKind kind : kMaskKinds) {
    keys.push_back({mask_option(kind).key, "number|[number]", "option of a mask method"});
  }
  return keys;
}

std::vector<DocumentKey> task_keys(bool is_over_sentences) {
  std::vector<DocumentKey> keys(kCommonTaskKeys.begin(), kCommonTaskKeys.end());
  if (is_over_sentences) {
    keys.insert(keys.end(), kSentenceTaskKeys.begin(), kSentenceTaskKeys.end());
  } else {
    keys.insert(keys.end(), kTokenTaskKeys.begin(), kTokenTaskKeys.end());
  }
  return keys;
}

}  // namespace cprobe
