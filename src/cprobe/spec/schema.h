#pragma once

#include <array>
#include <string>
#include <string_view>

namespace cprobe {

/// A kind of file that users write.
enum class UserFile { kSpecFile, kTaskFile, kLexiconFile };
inline constexpr std::array kUserFiles = {UserFile::kSpecFile, UserFile::kTaskFile, UserFile::kLexiconFile};

std::string_view to_string(UserFile file);  ///< "spec", "task", "lexicon".

/// The JSON Schema (draft 7) of a kind of file, with which editors complete and check it. A file
/// that fits may still be refused by its parser, which also checks how values belong together.
std::string json_schema(UserFile file);

}  // namespace cprobe
