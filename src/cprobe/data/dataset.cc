#include "cprobe/data/dataset.h"

#include "cprobe/core/error.h"
#include "cprobe/core/text.h"

namespace cprobe {

LabelledTokens make_labelled_tokens(at::Tensor nodes, at::Tensor labels) {
  if (nodes.dim() != 1 || labels.dim() != 1 || nodes.size(0) != labels.size(0)) {
    throw input_error("labelled tokens need one label a node: got {} nodes and {} labels", nodes.numel(),
                      labels.numel());
  }
  return {.nodes = nodes.to(at::kLong).contiguous(), .labels = labels.to(at::kLong).contiguous()};
}

Encoding Wording::encode(const std::string& sentence) const {
  Encoding encoding = tokenizer.encode(prefix + sentence, around);
  if (ends_before_last_token && !encoding.ids.empty()) {
    encoding.ids.pop_back();
    encoding.begin.pop_back();
    encoding.end.pop_back();
  }
  return encoding;
}

const at::Tensor* Dataset::counterfactual_answers(const std::string& variable) const {
  if (!counterfactuals) return nullptr;
  const auto found = counterfactuals->answers.find(variable);
  return found == counterfactuals->answers.end() ? nullptr : &found->second;
}

std::string Dataset::class_name(const std::string& variable, int64_t value) const {
  const auto names = class_names.find(variable);
  return names == class_names.end() ? std::to_string(value) : names->second[static_cast<size_t>(value)];
}

at::Tensor Dataset::nodes_at(const Position& position) const {
  for (int64_t r = 0; r < trie.n_rows() && position.name.empty(); ++r) {
    const int64_t length = std::ssize(trie.row(r)), index = position.index;
    if (index < length && index >= -length) continue;
    const auto number = static_cast<size_t>(r);
    throw input_error("{}: row {} of the file (from 0){} has no token at position {}: it has {} tokens", source,
                      rows_of_file.empty() ? r : rows_of_file[number],
                      texts.empty() ? "" : fmt::format(", '{}',", texts[number]), index, length);
  }
  return trie.nodes_at(position, source);
}

LabelledTokens Dataset::labelled(const std::string& variable, const Position& position) const {
  const auto found = variables.find(variable);
  if (found == variables.end()) {
    std::vector<std::string> names;
    for (const auto& [name, values] : variables) names.push_back(name);
    if (names.empty()) {
      throw input_error("{}: no variable '{}', and no other column of classes", source, variable);
    }
    throw input_error("{}: no variable '{}'; did you mean '{}'?", source, variable, nearest(variable, names));
  }
  return make_labelled_tokens(nodes_at(position), found->second);
}

}  // namespace cprobe
