#include "cli/inspect_text.h"

#include <iostream>
#include <nlohmann/json.hpp>

#include "cprobe/core/error.h"
#include "cprobe/core/text_table.h"
#include "cprobe/data/tokenizer.h"
#include "cprobe/io/document.h"
#include "cprobe/model/forward.h"

namespace cprobe {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kTop = 10;

std::vector<std::string> texts_of(const std::string& text) {
  if (text != "-") return {text};
  std::vector<std::string> texts;
  int n_lines = 0;
  for (std::string line; std::getline(std::cin, line);) {
    const std::string where = fmt::format("line {} of stdin", ++n_lines);
    if (line.empty()) continue;
    const Document value = Document::parse_json(line, where);
    if (!value.is_quoted()) throw value.error("expected a JSON string");
    texts.push_back(value.as_text());
  }
  return texts;
}

}  // namespace

void print_tokens(const std::filesystem::path& folder, const std::string& text, bool json) {
  const Tokenizer tokenizer = Tokenizer::load(folder);
  for (const std::string& one : texts_of(text)) {
    const std::vector<int64_t> ids = tokenizer.encode(one).ids;
    std::vector<std::string> tokens;
    tokens.reserve(ids.size());
    for (const int64_t id : ids) tokens.push_back(tokenizer.token(id));
    if (json) {
      fmt::print("{}\n", Json{{"ids", ids}, {"tokens", tokens}}.dump());
      continue;
    }
    std::vector<std::vector<std::string>> lines = {{"id", "token"}};
    for (size_t i = 0; i < ids.size(); ++i) lines.push_back({std::to_string(ids[i]), tokens[i]});
    fmt::print("{}", text_table(lines));
  }
}

void print_next(const std::filesystem::path& folder, const std::string& text,
                const std::vector<std::string>& continuations, bool json) {
  const at::NoGradGuard no_gradients;
  const Tokenizer tokenizer = Tokenizer::load(folder);
  std::vector<int64_t> wanted;
  wanted.reserve(continuations.size());
  for (const std::string& continuation : continuations) wanted.push_back(single_token(tokenizer, continuation));
  std::vector<std::vector<int64_t>> rows;
  for (const std::string& one : texts_of(text)) {
    rows.push_back(tokenizer.encode(one).ids);
    if (rows.back().empty()) throw input_error("--next: '{}' has no tokens to continue", one);
  }
  if (rows.empty()) return;
  const Model model = load_model(folder);
  if (tokenizer.size() > model.config.vocab) {
    throw input_error("{}: the tokenizer has ids up to {}, the model embeds only {} tokens", folder.string(),
                      tokenizer.size() - 1, model.config.vocab);
  }
  const TokenTrie trie = build_trie(rows);
  const DistinctNodes last = distinct(trie.nodes_at(-1));
  const at::Tensor states =
      run_in_slabs(model, trie, embed(model, trie), Site::start(), Site::end(model.config), {.read_nodes = last.nodes});
  for (int64_t row = 0; row < trie.n_rows(); ++row) {
    const at::Tensor of_row = logits(model, states.index_select(0, last.place.narrow(0, row, 1)))[0];
    const auto [values, ids] = of_row.topk(std::min(kTop, model.config.vocab));
    Json top = Json::array(), of = Json::object();
    std::vector<std::vector<std::string>> lines = {{"id", "token", "logit"}};
    const auto token_of = [&](int64_t id) {  // A model may embed more tokens than the tokenizer knows.
      return id < tokenizer.size() ? tokenizer.token(id) : fmt::format("[{}]", id);
    };
    for (int64_t i = 0; i < ids.size(0); ++i) {
      const auto id = ids[i].item<int64_t>();
      const double logit = values[i].item<double>();
      top.push_back({{"id", id}, {"token", token_of(id)}, {"logit", logit}});
      lines.push_back({std::to_string(id), token_of(id), fmt::format("{:.4f}", logit)});
    }
    for (size_t i = 0; i < wanted.size(); ++i) {
      const double logit = of_row[wanted[i]].item<double>();
      of[continuations[i]] = logit;
      lines.push_back({std::to_string(wanted[i]), tokenizer.token(wanted[i]), fmt::format("{:.4f}", logit)});
    }
    if (json) {
      fmt::print("{}\n", Json{{"top", top}, {"of", of}}.dump());
    } else {
      fmt::print("{}", text_table(lines));
    }
  }
}

}  // namespace cprobe
