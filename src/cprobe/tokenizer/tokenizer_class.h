#pragma once

#include <string_view>

#include "cprobe/io/document.h"

namespace cprobe {

/// What a class of transformers does beside what the files say. Special tokens are those of a
/// folder without the key; an empty text stands for none.
struct TokenizerClass {
  std::string_view name;  ///< Without the suffix "Fast".
  std::string_view bos = "", eos = "", unk = "", pad = "";
  bool makes_template = false;  ///< Replaces tokenizer.json's template by BOS and EOS.
  bool adds_bos = false;        ///< Of a folder without the key add_bos_token.
  /// Special tokens are looked for in the text as given, and added anew where they are added tokens
  /// already.
  bool adds_special_again = false;
  bool is_llama = false;  ///< A key add_prefix_space makes the tokenizer anew.
  /// `add_prefix_space: true` holds for every ByteLevel, and not only for one that is the whole
  /// pre-tokenizer.
  bool spreads_prefix_space = false;
};

/// The class that `tokenizer_class` of a tokenizer_config.json names.
/// @param name  its value; nullptr: PreTrainedTokenizer.
/// @throws Error  for a class whose behaviour is not known.
const TokenizerClass& tokenizer_class_of(const Document* name);

}  // namespace cprobe
