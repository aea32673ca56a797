#include "cli/inspect_text.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/next_tokens.h"
#include "cprobe/core/text_table.h"
#include "cprobe/core/threads.h"

namespace cprobe {

void print_tokens(const std::filesystem::path& folder, const std::string& text, bool json) {
  const Tokenizer tokenizer = Tokenizer::load(folder);
  for (const std::string& one : texts_of(text)) {
    const std::vector<int64_t> ids = tokenizer.encode(one).ids;
    std::vector<std::string> tokens;
    tokens.reserve(ids.size());
    for (const int64_t id : ids) tokens.push_back(tokenizer.token(id));
    if (json) {
      fmt::print("{}\n", nlohmann::ordered_json{{"ids", ids}, {"tokens", tokens}}.dump());
      continue;
    }
    std::vector<std::vector<std::string>> lines = {{"id", "token"}};
    for (size_t i = 0; i < ids.size(); ++i) lines.push_back({std::to_string(ids[i]), tokens[i]});
    fmt::print("{}", text_table(lines));
  }
}

void print_next(const std::filesystem::path& folder, const std::string& text,
                const std::vector<std::string>& continuations, bool json) {
  const TextsToContinue texts = read_texts(folder, text, continuations);
  if (texts.rows.empty()) return;
  set_threads(available_threads());
  for (const NextTokens& next : next_tokens(load_model(folder), texts)) {
    if (json) {
      fmt::print("{}\n", next_tokens_json(next, texts).dump());
      continue;
    }
    std::vector<std::vector<std::string>> lines = {{"id", "token", "logit", "probability"}};
    for (const auto& tokens : {next.top, next.of}) {
      for (const NextToken& t : tokens) {
        lines.push_back(
            {std::to_string(t.id), t.token, fmt::format("{:.4f}", t.logit), fmt::format("{:.4f}", t.probability)});
      }
    }
    fmt::print("{}", text_table(lines));
  }
}

}  // namespace cprobe
