#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace cprobe {

/// What a model sees of a text, and what it says next. A text of "-" stands for many: JSON strings on stdin, one a line.

/// Prints ids and tokens. @param folder needs tokenizer files only. @param json one object per text and line.
void print_tokens(const std::filesystem::path& folder, const std::string& text, bool json);

/// Prints the ten likeliest next tokens with their logits and probabilities, and those of some continuations.
/// @param continuations texts of a single token each. @throws Error (kInput) as read_texts and next_tokens.
void print_next(const std::filesystem::path& folder, const std::string& text,
                const std::vector<std::string>& continuations, bool json);

}  // namespace cprobe
