/// Included before everything else, by clang-tidy only (scripts/check_tidy). Makes std::vector what
/// it was in C++17.
///
/// C++20 made std::vector constexpr, and clang instantiates constexpr functions as soon as they are
/// named, even where GCC waits. libtorch 1.13 names members of std::vector<IValue> inside IValue,
/// which is incomplete there. So clang (14 and 16 tried) gives up on every file that includes
/// <ATen/ATen.h>.
#pragma once

// Includes all that <vector> includes, with constexpr unchanged.
#include <algorithm>
#include <memory>
#include <string>

#undef _GLIBCXX20_CONSTEXPR
#define _GLIBCXX20_CONSTEXPR
// <algorithm> has declared this function constexpr. Under another name, <vector> does not object.
#define __fill_a1 fill_bits_a1
#include <vector>
#undef __fill_a1
#undef _GLIBCXX20_CONSTEXPR
#define _GLIBCXX20_CONSTEXPR constexpr
