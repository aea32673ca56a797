#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cprobe/probe/run_data.h"
#include "cprobe/spec/titles.h"

namespace cprobe {

/// What a run would probe, before it begins.
struct DataCheck {
  /// A row to train on, and the token in it.
  struct Row {
    int64_t row = 0;  ///< In the file, from 0.
    /// The row's text, behind the special tokens that the tokenizer put there; or its tokens with
    /// spaces between.
    std::string before, token, after;
    std::map<std::string, std::string> classes;  ///< Variable -> class.
  };
  std::vector<Row> rows;
  std::vector<std::pair<std::string, int64_t>> parts;  ///< "train", then evaluation sets; rows of each.
  /// Variable -> class -> rows of each part.
  std::map<std::string, std::map<std::string, std::vector<int64_t>>> classes;
  std::map<std::string, std::string> types;  ///< Variable -> what it depends on. Protocol default only.
  Titles titles;                             ///< What reports call the variables.
  std::vector<std::string> continuations;    ///< Of sentences: what the model is to say, token by token.
  bool is_either_way = false;                ///< Whether in some rows the continuation is to lose.
  std::vector<std::string> notes, warnings;  ///< As those of RunData.
};

/// @param n_rows  that are shown, at most.
/// @throws Error (kInput) as find_types; if a variable or a token is not there.
DataCheck check_data(const Spec& spec, const RunData& data, int64_t n_rows = 10);

/// What is probed, in a line: "'She[ cleaned] it': tense is past, and so on; 384 rows to train on,
/// 192 IID".
/// @throws Error (kInput) if a variable or a token is not there.
std::string probed_text(const Spec& spec, const RunData& data);

}  // namespace cprobe
