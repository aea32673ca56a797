#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cprobe {

/// What a folder is that users take for a model's, and what to do: a PEFT adapter, a cache of the
/// Hugging Face Hub, a folder with a GGUF file. Empty for all others.
std::string what_instead_of_a_model(const std::filesystem::path& folder);

/// @throws Error (kInput) if there is no such folder, or it is something else instead.
void require_model_folder(const std::filesystem::path& folder);

/// What programs put in front of the names of all tensors when they save a model that is wrapped in
/// another one, such as "_orig_mod.module."; empty if nothing.
/// @param names     of all tensors in a file, ascending.
/// @param expected  names that a model of this family has, with or without their optional prefix.
std::string wrapper_of(const std::vector<std::string>& names, std::span<const std::string> expected);

/// Whether a tensor holds numbers that every program computes anew: angles of rotary embeddings or
/// position numbers. (Causal masks have names of their own in each family.)
bool is_recomputed(std::string_view tensor);

}  // namespace cprobe
