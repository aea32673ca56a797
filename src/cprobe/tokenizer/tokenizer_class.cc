#include "cprobe/tokenizer/tokenizer_class.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace cprobe {
namespace {

constexpr std::string_view kDefaultEnd = "<|endoftext|>";
constexpr std::array kClasses = {
    TokenizerClass{.name = "PreTrainedTokenizer"},
    TokenizerClass{.name = "TokenizersBackend"},
    TokenizerClass{.name = "GPT2Tokenizer", .bos = kDefaultEnd, .eos = kDefaultEnd, .unk = kDefaultEnd},
    TokenizerClass{.name = "CodeGenTokenizer", .bos = kDefaultEnd, .eos = kDefaultEnd, .unk = kDefaultEnd},
    TokenizerClass{.name = "Qwen2Tokenizer",
                   .eos = kDefaultEnd,
                   .unk = kDefaultEnd,
                   .pad = kDefaultEnd,
                   .adds_special_again = true},
    TokenizerClass{
        .name = "GPTNeoXTokenizer", .bos = kDefaultEnd, .eos = kDefaultEnd, .unk = kDefaultEnd, .makes_template = true},
    TokenizerClass{.name = "BloomTokenizer",
                   .bos = "<s>",
                   .eos = "</s>",
                   .unk = "<unk>",
                   .pad = "<pad>",
                   .spreads_prefix_space = true},
    TokenizerClass{.name = "LlamaTokenizer",
                   .bos = "<s>",
                   .eos = "</s>",
                   .unk = "<unk>",
                   .makes_template = true,
                   .adds_bos = true,
                   .is_llama = true},
    TokenizerClass{.name = "GemmaTokenizer",
                   .bos = "<bos>",
                   .eos = "<eos>",
                   .unk = "<unk>",
                   .pad = "<pad>",
                   .makes_template = true,
                   .adds_bos = true},
    TokenizerClass{.name = "CohereTokenizer",
                   .bos = "<BOS_TOKEN>",
                   .eos = "<|END_OF_TURN_TOKEN|>",
                   .unk = "<UNK>",
                   .makes_template = true,
                   .adds_bos = true,
                   .spreads_prefix_space = true},
};

}  // namespace

const TokenizerClass& tokenizer_class_of(const Document* given) {
  if (given == nullptr) return kClasses.front();
  std::string name = given->as_text();
  if (name.ends_with("Fast")) name.resize(name.size() - 4);
  const auto* known = std::ranges::find(kClasses, name, &TokenizerClass::name);
  if (known != kClasses.end()) return *known;
  std::vector<std::string_view> names;
  names.reserve(kClasses.size());
  for (const TokenizerClass& one : kClasses) names.push_back(one.name);
  throw given->error(
      fmt::format("the tokenizer class {} is not known, and may change ids; known are {}. If tokenizer.json says all, "
                  "write PreTrainedTokenizerFast",
                  given->as_text(), fmt::join(names, ", ")));
}

}  // namespace cprobe
