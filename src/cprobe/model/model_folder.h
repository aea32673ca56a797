#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/io/document.h"

namespace cprobe {

/// What a folder is that users take for a model's, and what to do: a PEFT adapter, a cache of the
/// Hugging Face Hub, a folder with a GGUF file. Empty for all others.
std::string what_instead_of_a_model(const std::filesystem::path& folder);

/// @throws Error (kInput) if there is no such folder, or it is something else instead.
void require_model_folder(const std::filesystem::path& folder);

/// The class of the model's own code that `auto_map` names, such as "modeling_x.X", which
/// `transformers` runs on request (trust_remote_code); empty if none.
/// @param config  config.json.
std::string class_of_its_own(const Document& config);

/// What programs put in front of the names of all tensors when they save a model that is wrapped
/// in another one, such as "_orig_mod.module." (torch.compile, data parallel training); empty if
/// nothing, or if no name ends with an expected one.
/// @param folder    where the model is, for the error.
/// @param names     of all its tensors, ascending.
/// @param expected  a name in models of this family: with its optional prefix, then without.
/// @throws Error (kInput) if several models are there, each with its own wrapper.
std::string wrapper_of(const std::filesystem::path& folder, const std::vector<std::string>& names,
                       std::span<const std::string> expected);

/// Whether a tensor holds numbers that every program computes anew: angles of rotary embeddings or
/// position numbers. (Causal masks have names of their own in each family.)
bool is_recomputed(std::string_view tensor);

/// Whether a tensor belongs to a head that reads the model and does not change what it computes:
/// the value head that reinforcement learning with trl saves beside the model.
bool is_beside_the_model(std::string_view tensor);

}  // namespace cprobe
