#pragma once

#include <array>
#include <span>
#include <vector>

#include "cprobe/io/document_keys.h"

/// The keys of spec files (docs/file_formats.md), for the parser and the JSON Schema.
namespace cprobe {

inline constexpr std::array kSpecKeys = {
    DocumentKey{"model", "text", "Hugging Face folder of the model", true},
    DocumentKey{"task", "@tokens|@sentences", "the data, and what the model should say", true},
    DocumentKey{"variables", "text|[text]|{text}", "columns that hold the hypothesised variables, or {column: title}"},
    DocumentKey{"layers", "=all|count|[count]", "layers to probe; default all"},
    DocumentKey{"blocks", "=attn|=mlp|[=attn|=mlp]", "blocks to probe; default both"},
    DocumentKey{"position", "integer|[integer]", "probed token, from 0 or from the end; default the last"},
    DocumentKey{"seeds", "count|[count]", "one cell each; default 0"},
    DocumentKey{"data_seed", "count", "protocol paper only: of batches and exemplars"},
    DocumentKey{"protocol", "=default|=paper", "how batches and exemplars are drawn"},
    DocumentKey{"control", "=none|=random_init|=random_init_keep_embeddings|=shuffled_component",
                "negative control: what is done to the model first"},
    DocumentKey{"fit", "@fit", "how masks are trained"},
    DocumentKey{"evaluate", "@evaluate", "how circuits are judged"},
    DocumentKey{"baselines", "{any}", "comparison methods and their options"},
    DocumentKey{"out", "text", "run folder"},
};

/// Of a task, whatever its rows are.
inline constexpr std::array kCommonTaskKeys = {
    DocumentKey{"name", "text", "name of the task in tables"},
    DocumentKey{"train", "text", "file of the rows to train on"},
    DocumentKey{"test", "text", "file of the rows to test"},
    DocumentKey{"type", "text|integer|[text|integer]|{text|integer|[text|integer]}",
                "what variables depend on: columns or, of tokens, positions"},
    DocumentKey{"block", "text", "column of types that belong together"},
    DocumentKey{"bins", "count|{count}", "classes to make of columns of real numbers"},
};

/// Of a task over rows of tokens, beside kCommonTaskKeys.
inline constexpr std::array kTokenTaskKeys = {
    DocumentKey{"behaviour", "{text}", "files of evaluation sets, by label"},
};

/// Of a task over sentences, beside kCommonTaskKeys. Each of them tells that a task is one.
inline constexpr std::array kSentenceTaskKeys = {
    DocumentKey{"sentences", "text", "CSV file of sentences and variables"},
    DocumentKey{"gen", "text", "sentences of other structure, to generalise to"},
    DocumentKey{"text", "text", "column of the sentences; default sentence"},
    DocumentKey{"prompt", "text", "column of text behind each sentence"},
    DocumentKey{"at", "@place|[@place]", "what is probed, in place of position"},
    DocumentKey{"split", "text", "column that says train, test or gen"},
    DocumentKey{"split_by", "text", "column no value of which is in both parts"},
    DocumentKey{"train_rows", "count", "rows to train on, of each group"},
    DocumentKey{"test_rows", "count", "rows to test, of each group"},
    DocumentKey{"split_seed", "count", "of the random division"},
    DocumentKey{"prefix", "text", "text before every sentence"},
    DocumentKey{"special_tokens", "=template|=none", "tokens such as <s> before every row; default the tokenizer's"},
    DocumentKey{"expect", "@expect", "what the model should say"},
    DocumentKey{"groups", "@groups", "rows that are evaluated apart"},
};

inline constexpr std::array kPlaceKeys = {
    DocumentKey{"word", "text", "column of a word of each sentence: its last token"},
    DocumentKey{"occurrence", "=first|=last", "of a word that is there several times; default first"},
    DocumentKey{"start", "text", "column of the first character, from 0"},
    DocumentKey{"end", "text", "column of the character behind the last"},
    DocumentKey{"token", "text", "column of the token's number, from 0"},
};

inline constexpr std::array kColumnKeys = {DocumentKey{"column", "text", "column of texts", true}};

inline constexpr std::array kExpectKeys = {
    DocumentKey{"continuation", "text|@column", "what should win"},
    DocumentKey{"against", "text|@column|[text|@column]", "what it should win against"},
    DocumentKey{"where", "text|{text}", "column of 1 and 0, or {column: value}"},
    DocumentKey{"last_word_against", "text", "column of sentences with another last word"},
};

inline constexpr std::array kGroupKeys = {
    DocumentKey{"column", "text", "column that divides the rows", true},
    DocumentKey{"values", "{text|[text]}", "values of the column, by label", true},
};

inline constexpr std::array kEvaluateKeys = {
    DocumentKey{"exemplar_draws", "count", "draws of one exemplar per class"},
    DocumentKey{"random_controls", "count", "random sets of units beside each ablation"},
    DocumentKey{"null_variables", "count", "null variables beside each circuit"},
    DocumentKey{"exchange_rows", "count", "rows of each evaluation set, at most"},
    DocumentKey{"exchange_controls", "count", "random sets of units beside each exchange"},
    DocumentKey{"held_out_types", "number", "share of the types that masks never see"},
    DocumentKey{"smallest_effect", "number", "below it an effect is called small"},
    DocumentKey{"correction", "=maxT|=holm", "how p is adjusted over findings"},
    DocumentKey{"sufficiency", "bool", "whether circuits alone keep the behaviour"},
    DocumentKey{"fills", "=zero|=mean|=resample|[=zero|=mean|=resample]", "what stands in for an ablated unit"},
    DocumentKey{"per_matrix", "bool", "whether each matrix's part is ablated alone, too"},
    DocumentKey{"effects", "bool", "whether the distribution of the next token is compared, too"},
};

/// Keys of `fit`, those of the mask methods' options included.
std::vector<DocumentKey> fit_keys();

/// Keys of a task.
std::vector<DocumentKey> task_keys(bool is_over_sentences);

}  // namespace cprobe
