#include "cli/next_tokens.h"

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cprobe/core/error.h"
#include "cprobe/io/document.h"

namespace cprobe {
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

TextsToContinue read_texts(const std::filesystem::path& folder, const std::string& text,
                           const std::vector<std::string>& continuations, TemplateTokens around) {
  TextsToContinue texts{.folder = folder, .tokenizer = Tokenizer::load(folder), .continuations = continuations};
  for (const std::string& continuation : continuations) {
    texts.continuation_ids.push_back(single_token(texts.tokenizer, continuation));
  }
  for (const std::string& one : texts_of(text)) {
    texts.rows.push_back(texts.tokenizer.encode(one, around).ids);
    if (texts.rows.back().empty()) throw input_error("--next: '{}' has no tokens to continue", one);
  }
  return texts;
}

std::vector<NextTokens> next_tokens(const Model& model, const TextsToContinue& texts,
                                    const std::map<ComponentRef, ComponentMask>& masks) {
  if (texts.rows.empty()) return {};
  const Tokenizer& tokenizer = texts.tokenizer;
  if (tokenizer.size() > model.config.vocab) {
    throw input_error("{}: the tokenizer has ids up to {}, the model embeds only {} tokens", texts.folder.string(),
                      tokenizer.size() - 1, model.config.vocab);
  }
  std::vector<std::vector<int64_t>> all_ids = texts.rows;
  all_ids.push_back(texts.continuation_ids);
  for (const std::vector<int64_t>& ids : all_ids) {
    for (const int64_t id : ids) {
      if (id < model.config.vocab) continue;
      throw input_error("{}: a text has the token {} ('{}'), but the model embeds only {} tokens",
                        texts.folder.string(), id, tokenizer.token(id), model.config.vocab);
    }
  }
  constexpr int64_t kTop = 10;
  const at::NoGradGuard no_gradients;
  const TokenTrie trie = build_trie(texts.rows);
  const DistinctNodes last = distinct(trie.nodes_at(-1));
  const at::Tensor states = run_in_slabs(model, trie, embed(model, trie), Site::start(), Site::end(model.config),
                                         {.read_nodes = last.nodes, .masks = masks});
  std::vector<NextTokens> all;
  for (int64_t row = 0; row < trie.n_rows(); ++row) {
    const at::Tensor of_row = logits(model, states.index_select(0, last.place.narrow(0, row, 1)))[0];
    const at::Tensor probabilities = at::softmax(of_row.to(at::kDouble), 0);
    const auto token = [&](int64_t id) -> NextToken {
      return {.id = id,
              .token = tokenizer.has(id) ? tokenizer.token(id) : fmt::format("[{}]", id),
              .logit = of_row[id].item<double>(),
              .probability = probabilities[id].item<double>()};
    };
    const at::Tensor ids = std::get<1>(of_row.topk(std::min(kTop, model.config.vocab)));
    NextTokens& next = all.emplace_back();
    for (int64_t i = 0; i < ids.size(0); ++i) next.top.push_back(token(ids[i].item<int64_t>()));
    for (const int64_t id : texts.continuation_ids) next.of.push_back(token(id));
  }
  return all;
}

nlohmann::ordered_json next_tokens_json(const NextTokens& next, const TextsToContinue& texts) {
  nlohmann::ordered_json json = {{"top", nlohmann::ordered_json::array()},
                                 {"of", nlohmann::ordered_json::object()},
                                 {"of_probability", nlohmann::ordered_json::object()}};
  for (const NextToken& t : next.top) {
    json["top"].push_back({{"id", t.id}, {"token", t.token}, {"logit", t.logit}, {"probability", t.probability}});
  }
  for (size_t i = 0; i < next.of.size(); ++i) {
    json["of"][texts.continuations[i]] = next.of[i].logit;
    json["of_probability"][texts.continuations[i]] = next.of[i].probability;
  }
  return json;
}

}  // namespace cprobe
